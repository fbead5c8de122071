"""Our own keys, sessions and tokens in what is about to leave: none of them is ever sent to a service."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from urllib.parse import unquote_to_bytes

from stack_local.domain.calls import Call
from stack_local.domain.errors import Forbidden

_OUR_TOKENS = re.compile(rb"sk_(?:live|session|refresh)_[A-Za-z0-9_-]{20,}")

_LONGEST_SIGN = 1024
# Bytes. What tells a token is shorter, also with every byte of it percent-escaped: a prefix and twenty characters, or
# the head of a JWT of ours.


def carries_own_token(call: Call, token_marks: Sequence[str]) -> bool:
    """Whether a key, session or passport of ours stands anywhere in the call."""
    kind = (call.content_type or "").encode("latin-1")
    parts = [call.url.text.encode(), kind, call.body or b"", *(value.encode("latin-1") for _, value in call.headers)]
    return _is_in(b"\n".join(parts), token_marks)


async def without_own_tokens(
    pieces: AsyncGenerator[bytes, None], token_marks: Sequence[str]
) -> AsyncGenerator[bytes, None]:
    """A body as it arrives, which ends before the piece with which a token of ours would be told from other text.

    Raises:
        Forbidden: there is one in it.
    """
    before = b""
    async with aclosing(pieces):
        async for piece in pieces:
            seen = before + piece
            if _is_in(seen, token_marks):
                raise Forbidden(
                    "the call carries a token of this appliance",
                    rule="own_token",
                    field="body",
                    hint="leave it out: it is never sent to a service",
                )
            yield piece
            before = seen[-_LONGEST_SIGN:]


def _is_in(written: bytes, token_marks: Sequence[str]) -> bool:
    # A service undoes percent escapes, so what it would read counts too.
    whole = written + b"\n" + unquote_to_bytes(written) if b"%" in written else written
    return _OUR_TOKENS.search(whole) is not None or any(mark.encode() in whole for mark in token_marks)
