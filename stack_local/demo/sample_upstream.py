"""A small chat service on loopback: it demands a bearer credential, and keeps what it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11

from stack_local.domain.secrets import Secret

MAX_READ_BYTES = 65_536
MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the service saw it."""

    method: str
    path: str
    body: str
    is_authorized: bool
    """Its Authorization header is the bearer that the service demands."""


@dataclass(slots=True)
class SampleUpstream:
    """The service. Each answer echoes the Authorization header, as a careless service does."""

    credential: Secret
    port: int = 0
    received: list[Received] = field(default_factory=list)

    @property
    def host_port(self) -> str:
        """Host and port, as a connection names them."""
        return f"127.0.0.1:{self.port}"

    @property
    def writes(self) -> int:
        """How many authorized writes took effect."""
        return sum(request.is_authorized and request.method != "GET" for request in self.received)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["SampleUpstream"]:
        """Answer on a free port until left."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._answered(connection, reader, writer):
                connection.start_next_cycle()
        except (h11.ProtocolError, ConnectionError):
            pass  # the client broke off or sent nonsense: there is nobody to answer
        finally:
            writer.close()

    async def _answered(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False when there is no next one on this connection."""
        request = await _next(connection, reader)
        if not isinstance(request, h11.Request):
            return False
        body = b""
        while isinstance(event := await _next(connection, reader), h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                return False
        if not isinstance(event, h11.EndOfMessage):
            return False
        writer.write(_response(connection, *self._answer(request, body)))
        await writer.drain()
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    def _answer(self, request: h11.Request, body: bytes) -> tuple[int, dict[str, object]]:
        authorization = dict(request.headers).get(b"authorization", b"").decode("latin-1")
        scheme, _, token = authorization.partition(" ")
        is_authorized = scheme.lower() == "bearer" and self.credential.matches(token)
        method, path = request.method.decode(), request.target.decode("latin-1")
        self.received.append(Received(method, path, body.decode("utf-8", "replace"), is_authorized))
        if not is_authorized:
            return 401, {"ok": False, "error": "not_authed"}
        if method == "GET":
            return 200, {"ok": True, "messages": [kept.body for kept in self.received if kept.method == "POST"]}
        return 201, {"ok": True, "number": self.writes, "you_sent": {"authorization": authorization}}


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    """The next event: a part of a request, or what says that there is none."""
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(MAX_READ_BYTES))
    return event


def _response(connection: h11.Connection, status: int, tree: dict[str, object]) -> bytes:
    body = json.dumps(tree).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    head = connection.send(h11.Response(status_code=status, headers=headers)) or b""
    return head + (connection.send(h11.Data(data=body)) or b"") + (connection.send(h11.EndOfMessage()) or b"")
