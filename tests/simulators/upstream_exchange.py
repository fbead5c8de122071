"""One HTTP exchange of the simulated upstream: reading leniently, answering with exactly the bytes asked for."""

import asyncio
import json
import re
import socket
import struct
from dataclasses import dataclass
from http.client import responses
from urllib.parse import parse_qsl

Headers = tuple[tuple[str, str], ...]

STREAM_PIECE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: header names in their own case and order, text as latin-1."""

    method: str
    target: str
    headers: Headers
    body: bytes
    authorized: bool = False
    """The demanded credential was there, in its one right place."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The first value of the header, in any case of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = received
        self.query = received.query
        self.closing = (received.header("connection") or "").lower() == "close"
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; the pause lets a client in the same loop read them as a piece of their own."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)

    async def reply(
        self, status: int = 200, body: bytes = b"", headers: Headers = (), *, reason: str | None = None
    ) -> None:
        """Send a correct answer."""
        bodiless = status in (204, 304)
        framing: Headers = () if bodiless else (("Content-Length", str(len(body))),)
        shown = b"" if bodiless or self.received.method == "HEAD" else body
        await self.send(head(status, framing + headers, reason=reason) + shown)

    async def reply_json(self, value: object, status: int = 200, headers: Headers = ()) -> None:
        """Send a value as JSON."""
        await self.reply(status, json.dumps(value).encode(), (("Content-Type", "application/json"), *headers))

    async def start_chunked(self, headers: Headers = ()) -> None:
        """Send the head of a chunked answer."""
        await self.send(head(200, (("Transfer-Encoding", "chunked"), *headers)))

    async def chunk(self, data: bytes) -> None:
        """Send one chunk; an empty one ends the body."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def wait_for_leaving(self) -> None:
        """Hold the connection until the client leaves or the server closes."""
        self.closing = True
        while await self._reader.read(STREAM_PIECE_BYTES):
            pass

    def reset(self) -> None:
        """Drop the connection with RST instead of FIN."""
        self.closing = True
        reset(self._writer)


def head(status: int, headers: Headers = (), *, reason: str | None = None) -> bytes:
    """A status line and headers, the blank line included."""
    if reason is None:
        reason = responses.get(status, "Odd")
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def read_body(reader: asyncio.StreamReader, received: Received) -> bytes:
    if (received.header("transfer-encoding") or "").lower() != "chunked":
        return await reader.readexactly(int(received.header("content-length") or 0))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return body


def anomalies_of(received: Received, version: str, lines: list[str]) -> list[str]:
    names = [name.lower() for name, _ in received.headers]
    checks = {
        "not HTTP/1.1": version != "HTTP/1.1",
        "odd method": not received.method.isalpha() or not received.method.isupper(),
        "odd target": not re.fullmatch(r"/[!-~]*", received.target) or "#" in received.target,
        "odd header name": any(not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name) for name in names),
        "header without colon": any(":" not in line for line in lines),
        "control character in header": any(re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line) for line in lines),
        "not one host": names.count("host") != 1,
        "two framings": names.count("content-length") + names.count("transfer-encoding") > 1,
    }
    return [name for name, seen in checks.items() if seen]


def reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
