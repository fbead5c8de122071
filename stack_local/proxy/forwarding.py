"""A call that is forwarded as it comes: what the surface of `/p/` hands in, and where the answer goes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stack_local.domain.calls import MAX_BODY_BYTES
from stack_local.domain.errors import InvalidRequest, TooLarge

SMALL_BODY_BYTES = 256 * 1024
"""A body of a known length up to this is read before anything is asked; a longer one is read only if it must be."""


class Sink(Protocol):
    """Where a streamed answer goes."""

    @property
    def has_begun(self) -> bool:
        """Whether the head is gone."""
        ...

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head; once, and before any piece."""
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

    pieces: AsyncIterator[bytes]
    length: int | None
    """As the caller said it; None where it comes in chunks."""
    has_been_read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nobody will read from it any more."""

    @property
    def is_small(self) -> bool:
        """Whether it is read before anything is asked."""
        return self.length is not None and self.length <= SMALL_BODY_BYTES

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        try:
            async for piece in self.pieces:
                yield piece
        finally:
            self.has_been_read.set()

    async def whole(self) -> bytes:
        """The body, where somebody or something must see it.

        Raises:
            TooLarge: a person cannot be shown more than that.
        """
        body = bytearray()
        async for piece in self.stream():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise TooLarge(
                    "the body is too large to be approved or checked",
                    field="body",
                    rule=f"at most {MAX_BODY_BYTES} bytes where a person or a rule must see it",
                    hint="send it in parts, or ask a person for an approval that does not look at the body",
                )
        if self.length is not None and len(body) != self.length:
            raise InvalidRequest("the body is not as long as it said", field="body", rule="content-length")
        return bytes(body)


@dataclass(frozen=True, slots=True)
class Forward:
    """A request below `/p/{service}/`, without our own bearer in it."""

    target: str
    """Path and query behind the service's slug, as written; begins with `/`."""
    headers: Mapping[str, str]
    body: Incoming | None
    sink: Sink
