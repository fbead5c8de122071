"""A service and a caller on raw sockets, each driven step by step by the test: nothing happens unless it says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.simulators.raw_upstream import listening
from tests.simulators.upstream_exchange import reset

PATIENCE_SECONDS = 20
"""For one step of the other side, on a busy machine."""

STREAM_LIMIT_BYTES = 64 * 1024
"""What a reader takes from its socket before it is asked for more."""

OK_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = OK_CHUNKED.replace(b"text/plain", b"text/event-stream")


def chunk(data: bytes) -> bytes:
    """One chunk; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass
class Wire:
    """One end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Send these bytes; waits where the other side does not read."""
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), PATIENCE_SECONDS)

    async def head(self) -> bytes:
        """The next head, with its empty line."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)

    async def take(self, size: int) -> bytes:
        """Exactly so many bytes."""
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE_SECONDS)

    async def until(self, end: bytes) -> bytes:
        """Everything up to these bytes."""
        return await asyncio.wait_for(self.reader.readuntil(end), PATIENCE_SECONDS)

    async def chunk(self) -> bytes:
        """The next chunk; empty for the last."""
        size = int(await self.until(b"\r\n"), 16)
        return (await self.take(size + 2))[:-2]

    async def chunks(self) -> bytes:
        """All of a chunked body that is left."""
        whole = b""
        while piece := await self.chunk():
            whole += piece
        return whole

    async def rest(self) -> bytes:
        """Everything until the other side ends the connection; what a reset cut off is missing."""
        read = b""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while piece := await self.reader.read(STREAM_LIMIT_BYTES):
                    read += piece
        except ConnectionError:
            pass
        return read

    def hang_up(self) -> None:
        """End the connection with a reset, as a process that dies does."""
        reset(self.writer)

    def close(self) -> None:
        """End it in order."""
        self.writer.close()


@dataclass
class Stepped:
    """A service: the test takes each of its connections, and plays it."""

    port: int = 0
    _waiting: asyncio.Queue[Wire] = field(default_factory=asyncio.Queue)
    _taken: list[Wire] = field(default_factory=list)

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def accept(self) -> Wire:
        """The next connection to it."""
        self._taken.append(await asyncio.wait_for(self._waiting.get(), PATIENCE_SECONDS))
        return self._taken[-1]

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has connected since the last was taken."""
        return self._waiting.empty()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._waiting.put_nowait(Wire(reader, writer))

    def end(self) -> None:
        """Drop every connection."""
        while not self._waiting.empty():
            self._taken.append(self._waiting.get_nowait())
        for wire in self._taken:
            wire.writer.transport.abort()


@asynccontextmanager
async def stepped() -> AsyncIterator[Stepped]:
    """Listen on loopback while the block runs."""
    service = Stepped()
    async with listening(service.serve) as service.port:
        try:
            yield service
        finally:
            service.end()


@asynccontextmanager
async def caller(base_url: str) -> AsyncIterator[Wire]:
    """A caller's connection, while the block runs."""
    host, _, port = base_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=STREAM_LIMIT_BYTES)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
