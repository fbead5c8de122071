"""A company's proxy: it goes on to whatever port it is told to, and notes what it was asked and what it could read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.simulators.raw_upstream import listening

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class ConnectProxy:
    """What it answers, where it leads, and what it has seen."""

    upstream_port: int
    answer: bytes = OPENED
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)
    """The bytes that callers sent through it."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One tunnel, or one refusal."""
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if self.answer == OPENED:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
            with suppress(ConnectionError):
                await asyncio.gather(self._copy(reader, there_writer, self.seen), self._copy(there_reader, writer))
        writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray | None = None
    ) -> None:
        while data := await reader.read(65_536):
            if seen is not None:
                seen += data
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def connect_proxy(upstream_port: int, *, answer: bytes = OPENED) -> AsyncIterator[ConnectProxy]:
    """Listen on loopback while the block runs."""
    proxy = ConnectProxy(upstream_port, answer)
    async with listening(proxy.serve) as proxy.port:
        yield proxy
