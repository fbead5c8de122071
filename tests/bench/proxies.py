"""Governed calls beside what else would put a header in: direct, bare, a forwarder, and mitmproxy in one run."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import calls
from tests.bench.calls import Results, Subject
from tests.bench.forwarder import TOKEN
from tests.bench.processes import Server, started
from tests.bench.world import Keys, wait_until_open

CALLERS = (1, 8, 32, 128)

MEGABYTE = 1_000_000

LARGE_CALLERS = (1, 8)
"""Of calls that carry a megabyte: more only wait for the memory bus."""

MITMDUMP = os.environ.get("STACK_LOCAL_MITMDUMP")
"""Set by `make bench`; without it that column is left out, and said to be."""


@dataclass(frozen=True)
class Beside:
    """What we are measured beside."""

    upstream: Server
    bare: Server
    forwarder: Server
    mitmproxy: Server | None


@contextmanager
def mitmproxy(upstream_port: int, folder: Path) -> Iterator[Server | None]:
    """mitmproxy as a reverse proxy that sets the bearer; it keeps no flows, as it would serve for long."""
    if MITMDUMP is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--quiet", "--mode", f"reverse:http://127.0.0.1:{upstream_port}", "--listen-host", "127.0.0.1"]
    arguments += ["--listen-port", str(port), "--set", f"confdir={folder / 'mitmproxy'}", "--set", "http2=false"]
    arguments += ["--set", "flow_detail=0", "--modify-headers", f"|~q|Authorization|Bearer {TOKEN}"]
    with started([MITMDUMP, *arguments]) as process:
        wait_until_open(port)
        yield Server(process.pid, port)


def subjects(appliance: Server, beside: Beside, keys: Keys) -> list[Subject]:
    """Small calls."""
    readers, writers = tuple(keys.reading), tuple(keys.writing)
    others = [
        Subject("direct", beside.upstream, "direct", "GET"),
        Subject("bare", beside.bare, "rest", "GET"),
        Subject("forwarder", beside.forwarder, "rest", "GET"),
    ]
    if beside.mitmproxy is not None:
        others.append(Subject("mitmproxy", beside.mitmproxy, "direct", "GET"))
    return [
        *others,
        Subject("/p/ read", appliance, "base", "GET", readers),
        Subject("/p/ write", appliance, "base", "POST", writers),
        Subject("rest read", appliance, "rest", "GET", readers),
        Subject("rest write", appliance, "rest", "POST", writers),
    ]


def large(small: list[Subject]) -> list[Subject]:
    """The same with a megabyte down, up, and as events. The forwarder and the bare one read whole bodies only."""
    passing = [one for one in small if one.wire in ("direct", "base") and one.method == "GET"]
    writing = [one for one in small if one.name == "/p/ write"]
    plain = [replace(one, method="POST") for one in passing if one.wire == "direct"]
    reading = [one for one in small if one.name == "rest read"]
    down = [replace(one, name=f"{one.name}, 1 MB down", path="/megabyte") for one in [*passing, *reading]]
    up = [replace(one, name=f"{one.name}, 1 MB up", body_bytes=MEGABYTE) for one in [*plain, *writing]]
    return [*down, *up, *(replace(one, name=f"{one.name}, streamed", path="/stream") for one in passing)]


def measure(appliance: Server, beside: Beside, keys: Keys, *, rounds: int, seconds: float) -> Results:
    """Every subject at every number of callers."""
    small = subjects(appliance, beside, keys)
    results = calls.measure(small, beside.upstream, rounds=rounds, seconds=seconds, callers=CALLERS)
    more = calls.measure(large(small), beside.upstream, rounds=rounds, seconds=seconds, callers=LARGE_CALLERS)
    return {**results, **more}


def tables(results: Results) -> list[tuple[str, list[str]]]:
    """The small calls and the large ones."""
    small = {key: figures for key, figures in results.items() if "," not in key[0]}
    more = {key: figures for key, figures in results.items() if "," in key[0]}
    if not any(name == "mitmproxy" for name, _ in results):
        return [("Proxies; mitmproxy NOT MEASURED: run `make bench`", calls.lines(small)), ("Large", calls.lines(more))]
    return [("Proxies, small calls", calls.lines(small)), ("Proxies, a megabyte", calls.lines(more))]
