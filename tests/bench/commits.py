"""Durable records alone and grouped: one audit record a commit, on real SQLCipher with synchronous=FULL."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from stack_local.domain.audit import Outcome
from stack_local.store.audit import Scribe
from stack_local.store.database import Database, Tx
from stack_local.system import RealSystem

WRITERS = (1, 16, 64)
"""How many wait for their record at the same time; one is a commit alone."""

SECONDS = 1.5


@dataclass(frozen=True)
class Commits:
    """What so many writers got."""

    writers: int
    per_second: float
    records_per_commit: float
    p50_ms: float
    cpu_microseconds: float


def measure(folder: Path) -> list[Commits]:
    """One database, each number of writers in turn."""
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Commits]:
    commits = 0

    def count(tx: Tx) -> None:
        nonlocal commits
        commits += 1

    database = Database(folder / "commits.db", "42" * 32, after_commit=count)
    seen = []
    for writers in WRITERS:
        commits, began, used = 0, time.perf_counter(), time.process_time()
        waits = await asyncio.gather(*(_write(database, began + SECONDS) for _ in range(writers)))
        wall, used = time.perf_counter() - began, time.process_time() - used
        ordered = sorted(wait for own in waits for wait in own)
        seen.append(
            Commits(
                writers=writers,
                per_second=len(ordered) / wall,
                records_per_commit=len(ordered) / commits,
                p50_ms=ordered[len(ordered) // 2] * 1000,
                cpu_microseconds=used / len(ordered) * 1e6,
            )
        )
    await asyncio.to_thread(database.close)
    return seen


async def _write(database: Database, until: float) -> list[float]:
    scribe, waits = Scribe(RealSystem(), "op_bench"), []
    while (began := time.perf_counter()) < until:
        await database.write(
            lambda tx: scribe.write(tx, trace_id="trc_bench", actor="bench", action="bench", outcome=Outcome.SUCCESS)
        )
        waits.append(time.perf_counter() - began)
    return waits


def lines(seen: list[Commits]) -> list[str]:
    """The table."""
    head = f"{'writers':<12}{'CPU us':>17}{'per commit':>12}{'p50 ms':>9}{'records/s':>11}"
    return [head, *(_line(one) for one in seen)]


def _line(one: Commits) -> str:
    return (
        f"{one.writers:<12}{one.cpu_microseconds:>17.0f}{one.records_per_commit:>12.1f}"
        f"{one.p50_ms:>9.2f}{one.per_second:>11.0f}"
    )
