"""An upstream that plays scripts of bytes: it answers, lies, stalls or breaks exactly as a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG = b"<hang>"
"""A step: say nothing more until the client goes."""

RESET = b"<reset>"
"""A step: break the connection with a reset."""

CLOSE = b"<close>"
"""A step: close in order."""


@dataclass
class RawUpstream:
    """What the upstream does for each request, and what it saw. The last script repeats."""

    scripts: list[list[bytes]]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    """Heads and bodies as received."""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    """One for each connection, for bytes that nobody asked for."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set each time a client's connection has ended."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self.gone.set()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.requests.append(await read_request(reader))
        script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
        for step in script:
            if step == HANG:
                await reader.read()
                return False
            if step in {RESET, CLOSE}:
                _end(writer, step)
                return False
            writer.write(step)
            await writer.drain()
        return True


def _end(writer: asyncio.StreamWriter, step: bytes) -> None:
    if step == RESET:
        raw_socket = writer.get_extra_info("socket")
        raw_socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: on, no seconds
        writer.transport.abort()
    else:
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request with its body, by Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


@asynccontextmanager
async def raw_upstream(
    *scripts: list[bytes], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[RawUpstream]:
    """Listen on loopback while the block runs."""
    upstream = RawUpstream(list(scripts))
    async with listening(upstream.serve, tls=tls, host=host) as port:
        upstream.port = port
        yield upstream


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[int]:
    """A listener on a free port."""
    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
