"""Proxied calls beside their alternatives: interleaved in random order, CPU per call beside wall time."""

import json
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from tests.bench.load import Job, Seen
from tests.bench.processes import ROOT, Server
from tests.bench.world import Keys

CALLERS = (1, 16, 64)


@dataclass(frozen=True)
class Subject:
    """One thing that is measured."""

    name: str
    server: Server
    wire: str
    method: str
    bearers: tuple[str, ...] = ()
    path: str = "/things"
    body_bytes: int = 0


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds."""

    cpu_microseconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float


Results = dict[tuple[str, int], Figures]
"""By subject and number of callers."""


def subjects(appliance: Server, upstream: Server, forwarder: Server, bare: Server, keys: Keys) -> list[Subject]:
    """What the bars name."""
    readers, writers = tuple(keys.reading), tuple(keys.writing)
    return [
        Subject("direct", upstream, "direct", "GET"),
        Subject("bare", bare, "rest", "GET"),
        Subject("forwarder", forwarder, "rest", "GET"),
        Subject("rest read", appliance, "rest", "GET", readers),
        Subject("rest write", appliance, "rest", "POST", writers),
        Subject("mcp read", appliance, "mcp", "GET", readers),
        Subject("mcp write", appliance, "mcp", "POST", writers),
    ]


def measure(
    chosen: Sequence[Subject], upstream: Server, *, rounds: int, seconds: float, callers: Sequence[int] = CALLERS
) -> Results:
    """Every subject at every number of callers, `rounds` times."""
    seen: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    for _ in range(rounds):
        order = [(subject, count) for subject in chosen for count in callers]
        random.shuffle(order)
        for subject, count in order:
            job = Job(
                wire=subject.wire,
                method=subject.method,
                pid=subject.server.pid,
                port=subject.server.port,
                upstream_port=upstream.port,
                callers=count,
                seconds=seconds,
                bearers=list(subject.bearers),
                path=subject.path,
                body_bytes=subject.body_bytes,
            )
            seen[subject.name, count].append(run(job))
    return {key: _figures(rounds_seen) for key, rounds_seen in seen.items()}


def run(job: Job) -> Seen:
    """One job in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        cwd=ROOT,
        input=json.dumps(asdict(job)).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Seen(**json.loads(done.stdout))


def _figures(seen: Sequence[Seen]) -> Figures:
    return Figures(
        cpu_microseconds=median(one.cpu_seconds / one.calls * 1e6 for one in seen),
        p50_ms=median(one.p50_ms for one in seen),
        p95_ms=median(one.p95_ms for one in seen),
        p99_ms=median(one.p99_ms for one in seen),
        per_second=median(one.calls / one.wall_seconds for one in seen),
    )


def lines(results: Results) -> list[str]:
    """The table, with the ratio of CPU to the forwarder and to the bare one."""
    head = (
        f"{'':<26}{'callers':>8}{'CPU us':>9}{'/forw.':>8}{'/bare':>7}{'p50 ms':>9}{'p95':>8}{'p99':>8}{'calls/s':>9}"
    )
    return [head, *(_line(results, name, count) for name, count in results)]


def _line(results: Results, name: str, count: int) -> str:
    one = results[name, count]
    forwarder, bare = results.get(("forwarder", count), one), results.get(("bare", count), one)
    return (
        f"{name:<26}{count:>8}{one.cpu_microseconds:>9.0f}{one.cpu_microseconds / forwarder.cpu_microseconds:>8.2f}"
        f"{one.cpu_microseconds / bare.cpu_microseconds:>7.2f}{one.p50_ms:>9.2f}{one.p95_ms:>8.2f}{one.p99_ms:>8.2f}"
        f"{one.per_second:>9.0f}"
    )
