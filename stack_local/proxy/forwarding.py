"""A call that is forwarded as it comes: what the surface of `/p/` hands in, and where the answer goes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from stack_local.domain.calls import MAX_BODY_BYTES
from stack_local.domain.errors import InvalidRequest, TooLarge

SMALL_BODY_BYTES = 256 * 1024
"""A body of a known length up to this is read before anything is asked; a longer one is read only if it must be."""

WHOLE_SECONDS = 120
"""How long a body that is read whole may take in all."""


class Sink(Protocol):
    """Where a streamed answer goes."""

    @property
    def has_begun(self) -> bool:
        """Whether the head is gone."""
        ...

    def when_gone(self, tell: Callable[[], None] | None, /) -> None:
        """Call this when nobody listens any more, at once where that is so already; None to call nothing."""
        ...

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes, *, base: str) -> None:
        """An answer that was not passed on piece by piece. `base` as in `begin`."""
        ...

    async def begin(self, status: int, headers: Mapping[str, str], *, base: str) -> None:
        """The head; once, and before any piece. `base` is the URL that `/p/{service}` stands for."""
        ...

    async def pass_on(self, piece: bytes) -> bool:
        """The next piece; waits until it may be taken. False: nobody listens any more."""
        ...

    async def end(self) -> None:
        """The answer is whole."""
        ...


@dataclass(slots=True)
class Incoming:
    """A request body that has not been read."""

    pieces: AsyncGenerator[bytes, None]
    length: int | None
    """As the caller said it; None where it comes in chunks."""
    has_been_read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nobody will read from it any more."""

    @property
    def is_small(self) -> bool:
        """Whether it is read before anything is asked."""
        return self.length is not None and self.length <= SMALL_BODY_BYTES

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives."""
        try:
            async with aclosing(self.pieces) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self.has_been_read.set()

    async def whole(self) -> bytes:
        """The body, where somebody or something must see it.

        Raises:
            TooLarge: a person cannot be shown more than that.
            InvalidRequest: it is shorter than it said, or does not arrive in time.
        """
        if self.length is not None and self.length > MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                body = await self._read()
        except TimeoutError:
            rule = f"the whole of it in {WHOLE_SECONDS} seconds"
            raise InvalidRequest("the body did not arrive in time", field="body", rule=rule) from None
        if self.length is not None and len(body) != self.length:
            raise InvalidRequest("the body is not as long as it said", field="body", rule="content-length")
        return body

    async def _read(self) -> bytes:
        body = bytearray()
        async with aclosing(self.stream()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
        return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(
        "the body is too large to be approved or checked",
        field="body",
        rule=f"at most {MAX_BODY_BYTES} bytes where a person or a rule must see it",
        hint="send it in parts, or ask a person for an approval that does not look at the body",
    )


@dataclass(frozen=True, slots=True)
class Forward:
    """A request below `/p/{service}/`, without our own bearer in it."""

    target: str
    """Path and query behind the service's slug, as written; begins with `/`."""
    headers: Mapping[str, str]
    body: Incoming | None
    sink: Sink
