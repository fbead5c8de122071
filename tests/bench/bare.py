"""The floor of our stack: a bare ASGI application under Hypercorn and an h11 client, nothing decided or recorded."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import urlsplit

import h11
from hypercorn.asyncio import serve

from tests.bench.forwarder import listening

Message = MutableMapping[str, Any]


class Upstream:
    """Idle connections to one service."""

    def __init__(self) -> None:
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def fetch(self, method: str, url: str, body: bytes) -> tuple[int, bytes]:
        """One exchange."""
        parts = urlsplit(url)
        if not self._idle:
            self._idle.append(await asyncio.open_connection(parts.hostname, parts.port))
        reader, writer = self._idle.pop()
        protocol = h11.Connection(h11.CLIENT)
        headers = [("Host", parts.netloc), ("Content-Length", str(len(body)))]
        head = h11.Request(method=method, target=f"{parts.path}?{parts.query}", headers=headers)
        data = protocol.send(head) or b""
        data += protocol.send(h11.Data(data=body)) or b""
        protocol.send(h11.EndOfMessage())
        writer.write(data)
        answered = await _answer(reader, protocol)
        self._idle.append((reader, writer))
        return answered


async def _answer(reader: asyncio.StreamReader, protocol: h11.Connection) -> tuple[int, bytes]:
    status, parts = 0, []
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
        else:
            return status, b"".join(parts)


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    whole = b""
    while True:
        message = await receive()
        whole += message.get("body", b"")
        if not message.get("more_body", False):
            return whole


def application() -> Any:
    """`POST /v1/proxy` forwards; anything else is a hello."""
    upstream = Upstream()

    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        if scope["type"] != "http":
            return
        body, answer = await _body(receive), b'{"hello":"world"}'
        if scope["path"] == "/v1/proxy":
            asked = json.loads(body)
            sent = json.dumps(asked["body"]).encode() if "body" in asked else b""
            status, answered = await upstream.fetch(asked.get("method", "GET"), asked["url"], sent)
            answer = json.dumps({"status": status, "body": json.loads(answered)}).encode()
        length = str(len(answer)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": answer})

    return app


async def main() -> None:
    """Serve until killed; the port goes to stdout."""
    listener, config = listening()
    with listener:
        await serve(cast(Any, application()), config)


if __name__ == "__main__":
    asyncio.run(main())
