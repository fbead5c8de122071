"""Somebody who is told an answer as it comes, and may hang up."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Listener:
    """A `Sink` that keeps what it was told."""

    head: tuple[int, dict[str, str], str] | None = None
    """Status, headers and base."""
    pieces: list[bytes] = field(default_factory=list)
    is_whole: bool = False
    room: asyncio.Semaphore | None = None
    """Pieces it takes before it makes the other side wait; None takes all."""
    has_gone: bool = False
    _tell: Callable[[], None] | None = None
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_begun(self) -> bool:
        return self.head is not None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def when_gone(self, tell: Callable[[], None] | None, /) -> None:
        self._tell = tell
        if tell is not None and self.has_gone:
            tell()

    def hang_up(self) -> None:
        self.has_gone = True
        if self._tell is not None:
            self._tell()

    async def begin(self, status: int, headers: Mapping[str, str], *, base: str) -> None:
        assert self.head is None
        self.head = (status, dict(headers), base)
        self._told.set()

    async def pass_on(self, piece: bytes) -> bool:
        assert self.has_begun
        assert not self.is_whole
        if self.room is not None:
            await self.room.acquire()
        if piece and not self.has_gone:
            self.pieces.append(piece)
            self._told.set()
        return not self.has_gone

    async def end(self) -> None:
        assert self.has_begun
        self.is_whole = not self.has_gone

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what it is told."""
        async with asyncio.timeout(20):
            while not condition():
                self._told.clear()
                await self._told.wait()
