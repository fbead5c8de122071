"""The simulated upstream does what its users rely on, well and badly."""

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import PLAIN
from tests.simulators.leakscan import scan_bytes
from tests.simulators.upstream import Upstream
from tests.simulators.upstream_routes import CODINGS, LIMITS, PLACES, RAW_ANSWERS, REFLECTIONS

TOKEN = 'sk_live_Zq7/w+Xy=9%Kd"\\<&'
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream(token=TOKEN) as running:
        yield running


def client_of(upstream: Upstream, headers: dict[str, str] = BEARER, *, patience: float = 5) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=upstream.base_url, headers=headers, trust_env=False, timeout=patience, verify=PLAIN
    )


async def raw(upstream: Upstream, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(data)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def raw_get(upstream: Upstream, target: str) -> bytes:
    return await raw(
        upstream,
        f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode(),
    )


async def test_things_are_written_and_listed(upstream: Upstream) -> None:
    async with client_of(upstream) as client:
        created = await client.post("/things", json={"name": "lamp"})
        listed = await client.get("/things")
    assert (created.status_code, created.json()) == (201, {"name": "lamp", "id": 1})
    assert listed.json() == [{"name": "lamp", "id": 1}]
    assert [(r.method, r.target, r.authorized) for r in upstream.requests] == [
        ("POST", "/things", True),
        ("GET", "/things", True),
    ]
    assert json.loads(upstream.requests[0].body) == {"name": "lamp"}
    assert (upstream.effects, upstream.connections, upstream.canary, upstream.anomalies) == (1, 1, [], [])


async def test_without_the_credential_nothing_happens(upstream: Upstream) -> None:
    async with client_of(upstream, {"Authorization": "Bearer other"}) as client:
        assert (await client.post("/things", json={})).status_code == 401
    assert (upstream.effects, upstream.things, upstream.requests[0].authorized) == (0, [], False)


STYLES: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "bearer": (TOKEN, BEARER, {}),
    "header:X-Api-Key": (TOKEN, {"x-api-key": TOKEN}, {}),
    "basic": ("user:pass:word", {"Authorization": "Basic dXNlcjpwYXNzOndvcmQ="}, {}),
    "query:api_key": (TOKEN, {}, {"api_key": TOKEN}),
    "cookie:session": (TOKEN, {"Cookie": f"session={TOKEN}"}, {}),
}


@pytest.mark.parametrize("expects", STYLES)
async def test_each_style_of_credential_is_demanded_and_hashed(expects: str) -> None:
    token, headers, params = STYLES[expects]
    async with Upstream(token=token, expects=expects) as upstream:
        async with client_of(upstream, headers) as client:
            whoami = await client.get("/whoami", params={"page": "2", **params})
        async with client_of(upstream, {}) as client:
            refused = await client.get("/whoami")
    assert whoami.json() == {"sha256": hashlib.sha256(token.encode()).hexdigest()}
    assert refused.status_code == 401
    assert upstream.canary == []


@pytest.mark.parametrize("expects", ["", "header", "bearer:x", "digest"])
def test_an_unknown_style_is_refused(expects: str) -> None:
    with pytest.raises(ValueError):
        Upstream(token=TOKEN, expects=expects)


async def test_the_canary_sees_the_credential_where_it_does_not_belong() -> None:
    async with Upstream(token=TOKEN, expects="query:api_key") as upstream, client_of(upstream, {}) as client:
        await client.post("/things?a=1", params=[("api_key", TOKEN), ("api_key", TOKEN)], content=TOKEN.encode().hex())
        await client.get("/things", headers={"X-Other": TOKEN})
    assert [(seen.request, seen.place) for seen in upstream.canary] == [
        (0, "target"),
        (0, "body"),
        (1, "header X-Other"),
    ]


async def test_somebody_else_serves_everyone_and_reports_the_credential() -> None:
    async with Upstream(token=TOKEN, expects="nothing") as other:
        async with client_of(other, {}) as client:
            assert (await client.get("/things")).status_code == 200
        assert other.canary == []
        async with client_of(other) as client:
            assert (await client.get("/reflect")).text == "before  after"
    assert [seen.place for seen in other.canary] == ["header Authorization"]


async def test_a_rotation_refuses_the_old_token(upstream: Upstream) -> None:
    upstream.token = "another-token"
    async with client_of(upstream) as client:
        assert (await client.get("/things")).status_code == 401


@pytest.mark.parametrize("encoding", sorted(REFLECTIONS))
async def test_each_reflection_reaches_the_client(upstream: Upstream, encoding: str) -> None:
    async with client_of(upstream) as client:
        answer = await client.get("/reflect", params={"enc": encoding})
    assert REFLECTIONS[encoding](TOKEN) in answer.content
    assert bool(scan_bytes(TOKEN, answer.content)) == (encoding not in LIMITS)


@pytest.mark.parametrize("place", PLACES)
async def test_each_place_carries_the_echo(upstream: Upstream, place: str) -> None:
    assert scan_bytes(TOKEN, await raw_get(upstream, f"/reflect?place={place}&enc=plain"))


SOURCES = {
    "token": ("user:password", "/reflect?src=token"),
    "password": ("before password after", "/reflect?src=password"),
    "authorization": ("Basic dXNlcjpwYXNzd29yZA==", "/reflect?src=authorization"),
    "query": ("seven", "/reflect?src=query&name=q&q=seven"),
    "header": ("eight", "/reflect?src=header&name=x-mine"),
    "cookie": ("c=nine", "/reflect?src=cookie"),
}


@pytest.mark.parametrize("source", SOURCES)
async def test_each_source_is_reflected(source: str) -> None:
    expected, target = SOURCES[source]
    headers = {"Authorization": "Basic dXNlcjpwYXNzd29yZA==", "X-Mine": "eight", "Cookie": "c=nine"}
    async with Upstream(token="user:password", expects="basic") as upstream, client_of(upstream, headers) as client:
        assert expected in (await client.get(target)).text


@pytest.mark.parametrize("mode", ["chunk", "tcp", "sse"])
async def test_a_split_secret_comes_in_pieces(upstream: Upstream, mode: str) -> None:
    async with client_of(upstream) as client:
        answer = await client.get("/split", params={"chunk": 5, "pad": 13, "mode": mode})
    joined = answer.content.replace(b"data: ", b"").replace(b"\n\n", b"")
    assert joined == b"x" * 13 + TOKEN.encode() + b" after"
    if mode == "chunk":
        assert TOKEN.encode() not in await raw_get(upstream, "/split?chunk=5")


@pytest.mark.parametrize("coding", sorted(CODINGS.keys() - {"lying", "unknown", "raw-deflate"}))
async def test_each_coding_decodes_to_the_echo(upstream: Upstream, coding: str) -> None:
    async with client_of(upstream) as client:
        answer = await client.get("/ce", params={"coding": coding})
    if coding != "multi-member":  # httpx reads the first member only
        assert answer.json() == {"echo": TOKEN}
    assert coding == "identity" or not scan_bytes(TOKEN, CODINGS[coding](TOKEN.encode())[1][:20])


async def test_volumes_are_as_asked(upstream: Upstream) -> None:
    async with client_of(upstream) as client:
        assert len((await client.get("/big?mb=2")).content) == 2 << 20
        assert len((await client.get("/gzip-bomb?mb=3&layers=2")).content) == 3 << 20
        async with client.stream("GET", "/infinite") as answer:
            received_bytes = 0
            async for piece in answer.aiter_raw():
                received_bytes += len(piece)
                if received_bytes > 4 << 20:
                    break


FAULTS = {
    "/reset?phase=accept": httpx.ReadError,
    "/reset?phase=headers": httpx.ReadError,
    "/reset?phase=body": httpx.ReadError,
    "/close-early": httpx.RemoteProtocolError,
    "/cl-te": None,
    "/dup-cl": httpx.RemoteProtocolError,
    "/neg-cl": httpx.RemoteProtocolError,
    "/bad-chunk": httpx.RemoteProtocolError,
    "/lie?length=99": httpx.ReadTimeout,
    "/hang": httpx.ReadTimeout,
}


@pytest.mark.parametrize("target", FAULTS)
async def test_each_fault_is_felt_by_a_client(upstream: Upstream, target: str) -> None:
    error = FAULTS[target]
    async with client_of(upstream, patience=0.2) as client:
        if error is None:
            assert (await client.get(target)).status_code == 200
            return
        with pytest.raises(error):
            await client.get(target)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("path", RAW_ANSWERS)
async def test_each_raw_answer_is_sent_as_it_stands(upstream: Upstream, path: str) -> None:
    assert await raw_get(upstream, path) == RAW_ANSWERS[path]


async def test_a_short_lie_leaves_bytes_on_the_connection(upstream: Upstream) -> None:
    assert (await raw_get(upstream, "/lie?length=4")).endswith(b"Content-Length: 4\r\n\r\n[1,2,3]\n")


async def test_a_reset_on_accept_reads_nothing(upstream: Upstream) -> None:
    upstream.resets_to_come = 1
    async with client_of(upstream) as client:
        with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)):
            await client.get("/things")
        assert (await client.get("/things")).status_code == 200
    assert (upstream.connections, len(upstream.requests)) == (2, 1)


@pytest.mark.parametrize("at", ["headers", "body"])
async def test_slow_answers_when_the_gate_opens(upstream: Upstream, at: str) -> None:
    async with client_of(upstream) as client, asyncio.TaskGroup() as group, asyncio.timeout(5):
        answer = group.create_task(client.post(f"/slow?at={at}"))
        await upstream.wait_for_requests(1)
        assert not answer.done()
        assert upstream.effects == 1
        upstream.gate.set()
    assert answer.result().json() == {"slow": True}


async def test_redirects_cookies_and_statuses_are_as_asked(upstream: Upstream) -> None:
    async with client_of(upstream) as client:
        moved = await client.get("/redirect", params={"status": "307", "to": "http://u@127.0.0.2:9/x"})
        assert (moved.status_code, moved.headers["location"]) == (307, "http://u@127.0.0.2:9/x")
        await client.get("/cookie-set")
        assert (await client.get("/cookie-check")).json() == {"cookie_seen": True}
        assert [(await client.get(f"/status?code={code}")).status_code for code in (204, 418, 503, 599)] == [
            204,
            418,
            503,
            599,
        ]
        assert (await client.get("/absent")).status_code == 404
        assert (await client.head("/things")).content == b""


ODDITIES = {
    "two framings": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "not one host": b"GET / HTTP/1.1\r\n\r\n",
    "odd header name": b"GET / HTTP/1.1\r\nHost: x\r\nX y: 1\r\n\r\n",
    "control character in header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nb: c\r\n\r\n",
    "odd target": b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "not HTTP/1.1": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    "odd method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "unreadable or unanswerable request: ValueError": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: z\r\n\r\n",
}


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_an_odd_request_is_noted(upstream: Upstream, oddity: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(ODDITIES[oddity])
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n") if "unreadable" not in oddity else await reader.read()
    writer.close()
    assert upstream.anomalies == [oddity]


async def test_leaving_closes_what_hangs() -> None:
    async with asyncio.timeout(5), Upstream(token=TOKEN) as upstream:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(f"GET /hang HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        await upstream.wait_for_requests(1)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    (tmp_path / "token").write_text(TOKEN + "\n")
    files = [f"--{name}-file={tmp_path / name}" for name in ("token", "ready", "log")]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.upstream", "--port=0", *files], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        yield child
        child.kill()


@pytest.fixture
def base_url(started: "subprocess.Popen[bytes]", tmp_path: Path) -> str:
    assert started.stdout is not None
    announced = json.loads(started.stdout.readline())
    assert announced == json.loads((tmp_path / "ready").read_text())
    assert announced["pid"] == started.pid
    return f"http://127.0.0.1:{announced['port']}"


async def test_a_killed_process_leaves_its_count(
    started: "subprocess.Popen[bytes]", base_url: str, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, headers=BEARER) as client:
        for number in range(3):
            await client.post("/things", json={"number": number})
        await client.get("/things", headers={"Authorization": "wrong"})
        started.kill()
        started.wait()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [(line["n"], line["authorized"], line["effects"]) for line in lines] == [
        (1, True, 1),
        (2, True, 2),
        (3, True, 3),
        (4, False, 3),
    ]
    assert scan_bytes(TOKEN, (tmp_path / "log").read_bytes()) == []


async def test_signals_open_the_gate_and_end_the_process(started: "subprocess.Popen[bytes]", base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, headers=BEARER, timeout=5) as client:
        started.send_signal(signal.SIGUSR1)
        assert (await client.get("/slow")).json() == {"slow": True}
    started.terminate()
    assert await asyncio.to_thread(started.wait, 10) == 0
