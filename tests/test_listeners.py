"""The wire itself: what no client library sends is answered safely on every kind of route, and never carried out."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stack_local import listeners
from stack_local.listeners import Listener
from stack_local.wire.agents import ListAgents
from tests.conftest import Running
from tests.surfaces.test_heads import BAD

BOUND_SECONDS = 20
ROUTES = ["/v1/proxy", "/mcp", "/v1/agents", "/v1/call/register_agent", "/healthz", "/nowhere"]
"""Every kind of application behind the listener, and none."""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            yield reader, writer
    finally:
        writer.close()


async def said(port: int, *pieces: bytes) -> bytes:
    """All that is answered to these bytes until the other side ends the connection."""
    async with connected(port) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()


def port_of(running: Running) -> int:
    return int(running.base_url.rpartition(":")[2])


def register(name: str, port: int, key: str) -> bytes:
    """A request that would have an effect that can be seen."""
    body = json.dumps({"name": name}).encode()
    head = f"POST /v1/call/register_agent HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def agents(running: Running) -> set[str]:
    return {agent.name for agent in (await running.person.call(ListAgents())).items}


@pytest.mark.parametrize("route", ROUTES)
async def test_no_bad_head_passes_on_any_route_and_each_is_told_why(appliance: Running, route: str) -> None:
    port = port_of(appliance)
    for name, (raw, status) in BAD.items():
        aimed = raw.replace(b"POST / ", f"POST {route} ".encode()).replace(
            b"Host: a", f"Host: localhost:{port}".encode()
        )
        answered = await said(port, aimed)
        assert answered.startswith(f"HTTP/1.1 {status} ".encode()), (name, answered)
        head, _, body = answered.partition(b"\r\n\r\n")
        assert b"connection: close" in head.lower(), name
        assert json.loads(body)["error"]["message"], name


SMUGGLING = {
    "length and chunks": b"Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: {length}\r\n\r\n",
    "a folded length": b"Content-Length: 0\r\n X: y\r\n\r\n",
    "a bare LF": b"X: y\nContent-Length: {length}\r\n\r\n",
    "a bad chunk": b"Transfer-Encoding: chunked\r\n\r\nz\r\n\r\n",
    "a chunk with a sign": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk that lies": b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_a_smuggled_request_is_not_carried_out(appliance: Running, name: str) -> None:
    port, key = port_of(appliance), await appliance.key()
    smuggled = register("smuggled", port, key)
    framing = SMUGGLING[name].replace(b"{length}", str(len(smuggled) + 5).encode())
    answered = await said(
        port, f"POST /v1/nowhere HTTP/1.1\r\nHost: localhost:{port}\r\n".encode() + framing + smuggled
    )
    assert answered.startswith(b"HTTP/1.1 4")
    assert answered.count(b"HTTP/1.1 ") == 1
    assert await agents(appliance) == set()


async def test_requests_sent_together_are_answered_in_their_order(appliance: Running) -> None:
    port, key = port_of(appliance), await appliance.key()
    last = register("third", port, key).replace(b"\r\nContent", b"\r\nConnection: close\r\nContent", 1)
    answered = await said(port, register("first", port, key) + register("second", port, key) + last)
    assert answered.count(b"HTTP/1.1 200") == 3
    assert answered.index(b'"first"') < answered.index(b'"second"') < answered.index(b'"third"')
    assert await agents(appliance) == {"first", "second", "third"}


async def test_a_request_that_comes_byte_by_byte_is_one(appliance: Running) -> None:
    port, key = port_of(appliance), await appliance.key()
    whole = register("slow", port, key).replace(b"\r\nContent", b"\r\nConnection: close\r\nContent", 1)
    answered = await said(port, *(whole[at : at + 1] for at in range(len(whole))))
    assert answered.startswith(b"HTTP/1.1 200")
    assert await agents(appliance) == {"slow"}


@pytest.mark.parametrize(
    "offer",
    [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n",
    ],
)
async def test_an_offered_upgrade_is_ignored(appliance: Running, offer: str) -> None:
    port = port_of(appliance)
    answered = await said(
        port, f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n{offer}\r\n".encode(),
        f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode(),
    )  # fmt: skip
    assert answered.count(b"HTTP/1.1 200") == 2
    assert b"HTTP/1.1 101" not in answered


async def test_a_caller_that_asks_first_is_told_to_go_on(appliance: Running) -> None:
    port, key = port_of(appliance), await appliance.key()
    whole = register("asked", port, key).replace(b"\r\nContent", b"\r\nExpect: 100-continue\r\nContent", 1)
    head, _, body = whole.partition(b"\r\n\r\n")
    async with connected(port) as (reader, writer):
        writer.write(head + b"\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_refused_head_is_counted(appliance: Running) -> None:
    appliance.appliance.dispatcher.take_counted()
    await said(port_of(appliance), BAD["two Hosts"][0])
    await said(port_of(appliance), BAD["TRACE"][0])
    assert appliance.appliance.dispatcher.take_counted() == {"INVALID_REQUEST": 1, "METHOD_NOT_ALLOWED": 1}


# The listener alone, over an application of a few lines -----------------------------------------------------------


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[tuple[int, list[str], asyncio.Event, "asyncio.Task[None]"]]:
    counted: list[str] = []
    stopping = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(Listener(app, head_bytes=16384, count=counted.append).serve(listener, stopping))
        try:
            yield listener.getsockname()[1], counted, stopping, serving
        finally:
            stopping.set()
            await asyncio.wait_for(serving, BOUND_SECONDS)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
async def test_a_head_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(listeners, "HEAD_SECONDS", 0.1)
    async with listening(hello) as (port, *_):
        assert await said(port, begun) == b""
        assert (await said(port, REQUEST, begun)).endswith(b"hello")
        assert (await said(port, REQUEST + begun)).endswith(b"hello")


async def test_a_connection_without_a_request_ends_and_one_with_them_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "IDLE_SECONDS", 0.3)
    async with listening(hello) as (port, *_), connected(port) as (reader, writer):
        for _ in range(4):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        assert await reader.read() == b""


async def test_connections_over_the_limit_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "CONNECTIONS", 2)
    async with listening(hello) as (port, counted, *_):
        async with connected(port) as (first, to_first), connected(port) as (second, to_second):
            for reader, writer in ((first, to_first), (second, to_second)):
                writer.write(REQUEST)
                await reader.readuntil(b"hello")
            assert (await said(port)).startswith(b"HTTP/1.1 503")
            assert counted == ["TOO_MANY_REQUESTS"]
            to_first.write(REQUEST)
            await first.readuntil(b"hello")
        async with connected(port) as (again, to_again):
            to_again.write(REQUEST)
            assert (await again.readuntil(b"\r\n")) != b""


async def test_a_caller_that_does_not_read_is_cut_off_and_the_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "WRITE_SECONDS", 0.2)
    ended = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        ended.set()

    async with listening(endless) as (port, *_), connected(port) as (_, writer):
        writer.write(REQUEST)
        await asyncio.wait_for(ended.wait(), BOUND_SECONDS)


async def test_an_answer_under_way_is_finished_before_the_end_and_idle_connections_are_not_waited_for() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        reached.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async with (
        listening(waits) as (port, _, stopping, serving),
        connected(port) as (reader, writer),
        connected(port) as (idle, _),
    ):
        writer.write(REQUEST)
        await reached.wait()
        stopping.set()
        assert await idle.read() == b""
        assert not serving.done()
        go_on.set()
        assert (await reader.read()).endswith(b"hello")
        await serving


async def test_a_call_that_does_not_end_is_canceled_after_the_time_of_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "GRACE_SECONDS", 0.1)
    reached, canceled = asyncio.Event(), asyncio.Event()

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()

    async with listening(hangs) as (port, _, stopping, serving), connected(port) as (_, writer):
        writer.write(REQUEST)
        await reached.wait()
        stopping.set()
        await serving
    assert canceled.is_set()
