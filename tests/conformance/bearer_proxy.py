"""A proxy that adds a bearer: the conformance suite has no option for a header.

Host and Origin of the proxy become those of the appliance; foreign ones pass as they are, since the suite sends them on
purpose.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@asynccontextmanager
async def adding_bearer(port: int, bearer: str) -> AsyncIterator[int]:
    """The port of a proxy in front of `port`; each connection has one of its own behind it."""
    ours = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        answering = asyncio.create_task(_copy(behind_reader, writer))
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                behind_writer.write(_with_bearer(head, ours, port, bearer) + body)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the suite hung up
        finally:
            behind_writer.close()
            await answering
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ours = server.sockets[0].getsockname()[1]
    async with server:
        yield ours


def _with_bearer(head: bytes, ours: int, port: int, bearer: str) -> bytes:
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"authorization:")]
    for name in (b"localhost", b"127.0.0.1"):
        kept = [line.replace(b"%b:%d" % (name, ours), b"%b:%d" % (name, port)) for line in kept]
    return b"\r\n".join([first, *kept, f"Authorization: Bearer {bearer}".encode(), b"", b""])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the suite hung up
    finally:
        writer.close()
