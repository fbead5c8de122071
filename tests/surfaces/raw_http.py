"""HTTP requests byte by byte: what no client library would send."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

READ_SECONDS = 20


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Status, headers (lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def send(base_url: str, head: list[str], body: bytes = b"") -> RawAnswer:
    """Send a head of these lines and a body, and read one answer."""
    host, _, port = base_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write("\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body)
        await writer.drain()
        async with asyncio.timeout(READ_SECONDS):
            return _answer(await reader.read())
    finally:
        writer.close()


def _answer(raw: bytes) -> RawAnswer:
    head, _, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(body.split(b"\r\n")[1::2])
    return RawAnswer(int(start.split(" ")[1]), headers, body)
