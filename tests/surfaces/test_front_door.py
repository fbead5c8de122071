"""Whose Host, whose page, how large: on every route, before anything else is asked."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from stack_local.settings import Settings
from stack_local.surfaces.front_door import FrontDoor, Message, Receive, Scope, Send
from stack_local.wire.catalogue import CATALOGUE
from tests.conftest import Running
from tests.surfaces.raw_http import RawAnswer, send

ROUTES = sorted(
    {
        *(f"{known.method} {known.path.replace('{', '').replace('}', '')}" for known in CATALOGUE.values()),
        "POST /v1/call/list_agents",
        "GET /nothing",
        "GET /openapi.json",
        "GET /.well-known/oauth-authorization-server",
        "GET /.well-known/oauth-protected-resource/mcp",
        *(f"POST /oauth/{name}" for name in ("register", "token", "revoke", "introspect", "device_authorization")),
        "GET /oauth/authorize",
        "POST /oauth/authorize",
        "GET /oauth/authorize/azr_1",
        "POST /oauth/authorize/azr_1",
        "GET /oauth/device",
        *(f"{method} /mcp" for method in ("POST", "GET", "DELETE", "OPTIONS")),
    }
)
"""Every route of the catalogue, the uniform one, MCP by every method, and paths that are none."""

FOREIGN_HOSTS = {
    "another name": "evil.example:{port}",
    "another port": "127.0.0.1:1",
    "no port": "127.0.0.1",
    "ours as a prefix": "127.0.0.1:{port}.evil.example",
    "ours with a user": "127.0.0.1:{port}@evil.example",
    "a trailing dot": "localhost.:{port}",
    "all addresses": "0.0.0.0:{port}",
    "nothing": "",
}

FOREIGN_ORIGINS = {
    "another site": "http://evil.example",
    "null": "null",
    "another port": "http://localhost:1",
    "another scheme": "https://localhost:{port}",
    "ours as a prefix": "http://localhost:{port}.evil.example",
    "a trailing dot": "http://localhost.:{port}",
    "two values": "http://localhost:{port}, http://evil.example",
    "an extension": "chrome-extension://abcdef",
    "nothing": "",
}


async def ask(running: Running, route: str, *headers: str, host: str | None = "localhost:{port}") -> RawAnswer:
    port = running.base_url.rpartition(":")[2]
    named = [] if host is None else [f"Host: {host}"]
    lines = [line.replace("{port}", port) for line in (*named, *headers)]
    return await send(running.base_url, [f"{route} HTTP/1.1", *lines, "Content-Length: 0"])


def test_the_matrix_knows_every_route() -> None:
    assert len(ROUTES) > len(CATALOGUE)


async def test_a_foreign_host_is_misdirected_on_every_route(appliance: Running) -> None:
    wrong = [
        (route, what, answer.status)
        for route in ROUTES
        for what, host in FOREIGN_HOSTS.items()
        if (answer := await ask(appliance, route, host=host)).status != 421 or "error" not in answer.json
    ]
    assert wrong == []


async def test_a_foreign_origin_is_refused_on_every_route(appliance: Running) -> None:
    wrong = [
        (route, what, answer.status)
        for route in ROUTES
        for what, origin in FOREIGN_ORIGINS.items()
        if (answer := await ask(appliance, route, f"Origin: {origin}")).status != 403 or "error" not in answer.json
    ]
    assert wrong == []


async def test_our_own_hosts_and_origins_come_in_and_no_answer_opens_itself_to_pages(appliance: Running) -> None:
    for host in ("localhost:{port}", "127.0.0.1:{port}"):
        for origin in ([], [f"Origin: http://{host}"]):
            answer = await ask(appliance, "GET /healthz", *origin, host=host)
            assert answer.status == 200
            assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("header", ["Host: localhost:{port}", "Origin: http://localhost:{port}"])
async def test_a_header_that_stands_twice_is_refused(appliance: Running, header: str) -> None:
    twice = (header, header) if header.startswith("Origin") else (header,)
    answer = await ask(appliance, "GET /healthz", *twice)
    assert answer.status == 400


async def test_no_host_at_all_is_refused(appliance: Running) -> None:
    assert (await ask(appliance, "GET /healthz", host=None)).status in (400, 421)


async def test_a_body_over_the_limit_is_refused_by_its_length_and_by_its_bytes(appliance: Running) -> None:
    limit = 10_500_000
    port = appliance.base_url.rpartition(":")[2]
    start = ["POST /v1/call/list_agents HTTP/1.1", f"Host: localhost:{port}"]
    declared = await send(appliance.base_url, [*start, f"Content-Length: {limit + 1}"])
    assert (declared.status, declared.json["error"]["code"]) == (413, "TOO_LARGE")
    piece = b"80000\r\n" + b" " * 0x80000 + b"\r\n"
    chunked = await send(appliance.base_url, [*start, "Transfer-Encoding: chunked"], piece * 21 + b"0\r\n\r\n")
    assert chunked.status == 413


async def test_a_web_socket_is_not_served(appliance: Running) -> None:
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA")
    assert (await ask(appliance, "GET /mcp", *upgrade)).status >= 400


async def test_a_web_socket_reaches_no_application() -> None:
    reached: list[str] = []
    sent: list[Message] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["type"])

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def answer(message: Message) -> None:
        sent.append(message)

    door = FrontDoor(inner, Settings(), hosts=frozenset({"127.0.0.1:7822"}), count=reached.append)
    await door({"type": "websocket", "headers": [(b"host", b"127.0.0.1:7822")]}, receive, answer)
    assert (reached, sent) == ([], [{"type": "websocket.close", "code": 1008}])


@dataclass
class AloneDoor:
    """A front door before an application that only notes that it was reached."""

    settings: Settings
    reached: int = 0
    sent: list[Message] = field(default_factory=list)

    async def ask(self, receive: Receive) -> Any:
        """Ask with such a body; the refusal."""
        door = FrontDoor(self._inner, self.settings, hosts=frozenset({"127.0.0.1:7822"}), count=lambda code: None)
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"127.0.0.1:7822")]}
        await door(scope, receive, self._send)
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))["error"]

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


async def test_a_body_that_does_not_come_reaches_no_application() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    door = AloneDoor(Settings(body_seconds=1))
    refused = await door.ask(receive)
    assert (refused["details"]["rule"], door.reached) == ("body_seconds", 0)


async def test_a_caller_that_hangs_up_inside_a_body_reaches_no_application() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}
    ]  # fmt: skip

    async def receive() -> Message:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    door = AloneDoor(Settings())
    refused = await door.ask(receive)
    assert (refused["message"], door.reached) == ("the caller hung up", 0)
