"""The load: a process that keeps so many callers busy over raw sockets, REST or MCP, and says what it saw.

It reads one `Job` as JSON from stdin and prints one `Seen` as JSON. An answer that is not a whole success ends it:
a refusal is cheap, and must not look like speed.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from tests.bench.processes import cpu_seconds

WARM_SECONDS = 0.5
"""Before anything is counted."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Job:
    """What to send, and for how long."""

    wire: str
    """`direct`, `base` (below `/p/`), `rest` or `mcp`."""
    method: str
    pid: int
    """The process whose processor time is read."""
    port: int
    upstream_port: int
    callers: int
    seconds: float
    bearers: list[str] = field(default_factory=list)
    """Given to the callers in turn."""
    path: str = "/things"
    """What is asked of the service."""
    body_bytes: int = 0
    """Of a body of that size in place of the small one."""


@dataclass(frozen=True)
class Seen:
    """What came of it."""

    calls: int
    wall_seconds: float
    cpu_seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


Encode = Callable[[int], bytes]


def encoder(job: Job, bearer: str) -> Encode:
    """From the number of a call to its bytes; no two calls are the same."""
    method, target = job.method, f"http://127.0.0.1:{job.upstream_port}{job.path}"
    padding = "x" * job.body_bytes

    def carried(number: int) -> dict[str, object]:
        return {"n": number, "padding": padding} if padding else {"n": number}

    def asked(number: int) -> dict[str, object]:
        call: dict[str, object] = {"service": "custom_bench", "method": method, "url": f"{target}?n={number}"}
        return call if method == "GET" else {**call, "body": carried(number)}

    def plain(number: int, prefix: str, headers: dict[str, str]) -> bytes:
        body = b"" if method == "GET" else json.dumps(carried(number)).encode()
        return _request(job.port, f"{method} {prefix}{job.path}?n={number}", body, headers)

    def direct(number: int) -> bytes:
        return plain(number, "", {})

    def base(number: int) -> bytes:
        return plain(number, "/p/custom_bench", _authorized(bearer))

    def rest(number: int) -> bytes:
        return _request(job.port, "POST /v1/proxy", json.dumps(asked(number)).encode(), _authorized(bearer))

    def mcp(number: int) -> bytes:
        return _request(job.port, "POST /mcp", _tool_call(number, asked(number)), {**_authorized(bearer), **_MCP})

    return {"direct": direct, "base": base, "rest": rest, "mcp": mcp}[job.wire]


_MCP = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "stack_proxy_request",
}


def _authorized(bearer: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer}"}


def _tool_call(number: int, arguments: dict[str, object]) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "stack_proxy_request", "arguments": arguments, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()


def _request(port: int, line: str, body: bytes, headers: dict[str, str]) -> bytes:
    named = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", **headers, "Content-Length": len(body)}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body


class Caller(asyncio.Protocol):
    """One caller that always has one call under way; a connection the server has served out is made anew."""

    def __init__(self, port: int, encode: Encode, numbers: Iterator[int], ended: asyncio.Future[None]) -> None:
        self._port = port
        self._encode = encode
        self._numbers = numbers
        self._ended = ended
        self._received = bytearray()
        self._idle = asyncio.Event()
        self._is_ending = False
        self.latencies: list[float] = []

    async def connect(self) -> None:
        """Begin, or begin again."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    async def end(self) -> None:
        """Wait for the answer under way, and send no more: a call left behind would count against the next job's."""
        self._is_ending = True
        await self._idle.wait()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        data = self._encode(next(self._numbers))
        self._at = time.perf_counter()
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not is_whole(self._received):
            return
        if not is_good(self._received):
            self._fail(f"not a success: {bytes(self._received)!r}")
            return
        self.latencies.append(time.perf_counter() - self._at)
        is_last = b"\r\nconnection: close\r\n" in self._received.lower()
        self._received.clear()
        if self._is_ending:
            self._idle.set()
            return
        if is_last:
            self._again = asyncio.get_running_loop().create_task(self.connect())
            return
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if self._received or error is not None:
            self._fail("the connection ended inside an answer")

    def _fail(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_exception(RuntimeError(why))


def is_whole(received: bytearray) -> bool:
    """Whether an answer has arrived to its end."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(received, 0, end)
    return len(received) >= end + 4 + int(length[1]) if length else received.endswith(b"0\r\n\r\n")


def is_good(received: bytearray) -> bool:
    """Whether the service's own answer is in it."""
    return received.startswith(b"HTTP/1.1 200") and b"second" in received


async def run(job: Job) -> Seen:
    """Warm up, then count for `job.seconds`."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    numbers = itertools.count(time.time_ns() // 1000 % 10**12)
    bearers = itertools.cycle(job.bearers or [""])
    callers = []
    for _ in range(job.callers):
        caller = Caller(job.port, encoder(job, next(bearers)), numbers, ended)
        await caller.connect()
        callers.append(caller)
    await _pass(ended, WARM_SECONDS)
    for caller in callers:
        caller.latencies.clear()
    began, used = time.perf_counter(), cpu_seconds(job.pid)
    await _pass(ended, job.seconds)
    used, wall = cpu_seconds(job.pid) - used, time.perf_counter() - began
    latencies = sorted(latency * 1000 for caller in callers for latency in caller.latencies)
    drained = asyncio.gather(*(caller.end() for caller in callers))
    await asyncio.wait({ended, drained}, return_when=asyncio.FIRST_COMPLETED)
    return Seen(len(latencies), wall, used, *(_at(latencies, part) for part in (0.5, 0.95, 0.99)))


async def _pass(ended: asyncio.Future[None], seconds: float) -> None:
    await asyncio.wait({ended}, timeout=seconds)
    if ended.done():
        ended.result()


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(Job(**json.loads(sys.stdin.read())))))))
