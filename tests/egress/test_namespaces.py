"""The table against a real process with a real resolver, where every address there is answers: who was connected to?"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT
from tests.egress.dangerous import BY_LAW, Row
from tests.egress.surfaces import ANSWERED, SURFACES, Pair, miscounted
from tests.egress.visit import OWN_PORT, visited
from tests.simulators.namespaces import DNS, CannotMake, Joined, joined

KNOCKS = {
    "world": ["169.254.169.254,80", "10.0.0.1,443", "100.100.100.200,80", "fd00:ec2::254,80", "93.184.216.34,443"],
    "house": ["127.0.0.1,443", "127.66.7.8,443", "::1,443", "11.0.0.2,443"],
}
"""Where the test connects itself, to see that the canaries see it."""

REACHED = frozenset({ANSWERED, "TLS_FAILED"})
"""What is said of a place that may be reached: canaries speak no TLS."""

START_SECONDS, VISIT_SECONDS = 30, 240


@dataclass(frozen=True, slots=True)
class Lab:
    """Both namespaces with their canaries."""

    spaces: Joined
    logs: tuple[Path, ...]

    def seen(self) -> list[Pair]:
        """Every connection since the last look."""
        lines = [line for log in self.logs for line in log.read_text().splitlines()]
        for log in self.logs:
            log.write_text("")
        return [(address, port) for address, port in map(json.loads, lines)]

    async def run(self, *arguments: str) -> str:
        """A program of ours in the house; what it printed."""
        process = await _started(self.spaces.house, *arguments)
        out, said = await asyncio.wait_for(process.communicate(), VISIT_SECONDS)
        assert process.returncode == 0, said.decode()
        return out.decode()


async def _started(space: tuple[str, ...], *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *space, sys.executable, "-m", *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def canaries(space: tuple[str, ...], log: Path, *arguments: str) -> AsyncIterator[None]:
    """Listeners in one namespace, while the block runs."""
    ports = {80, 443} | {row.parsed.port for row in visited() if row.parsed is not None} - {OWN_PORT}
    listed = ",".join(str(port) for port in sorted(ports))
    process = await _started(space, "tests.simulators.canaries", "--ports", listed, "--log", str(log), *arguments)
    assert process.stdout is not None
    try:
        is_ready = await asyncio.wait_for(process.stdout.readline(), START_SECONDS) == b"ready\n"
        assert is_ready, (await process.communicate())[1].decode()
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


@asynccontextmanager
async def made(folder: Path) -> AsyncIterator[Lab]:
    """The lab, or the reason why there is none."""
    names = folder / "names.json"
    names.write_text(json.dumps(_names(visited())))
    async with AsyncExitStack() as stack:
        try:
            spaces = await stack.enter_async_context(joined(folder))
        except CannotMake as reason:
            pytest.skip(f"no network namespaces here: {reason}")
        logs = (folder / "world.log", folder / "house.log")
        lies = ("--names", str(names), "--dns", DNS)
        await stack.enter_async_context(canaries(spaces.world, logs[0], *lies))
        await stack.enter_async_context(canaries(spaces.house, logs[1]))
        yield Lab(spaces, logs)


def _names(rows: tuple[Row, ...]) -> dict[str, object]:
    return {row.host_port.host: {"answers": row.answers, "alias": row.alias} for row in rows if row.answers}


@pytest.mark.soak
async def test_nobody_dangerous_hears_of_a_call(tmp_path: Path) -> None:
    async with made(tmp_path) as lab:
        await lab.run("tests.simulators.canaries", "--knock", *KNOCKS["world"], *KNOCKS["house"])
        assert sorted(lab.seen()) == sorted(map(_pair, (*KNOCKS["world"], *KNOCKS["house"]))), (
            "the canaries do not sing"
        )
        (home := tmp_path / "visit").mkdir()
        said = json.loads(await lab.run("tests.egress.visit", str(home)))
        seen = lab.seen()
    rows = {row.name: row for row in visited()}
    lawful = [(rows[name], SURFACES[way].may_reach(rows[name])) for way, answers in said.items() for name in answers]
    assert miscounted(seen, lawful) == {}
    wrong = {
        f"{way}: {name}": words
        for way, answers in said.items()
        for name, words in answers.items()
        if not _is_expected(way, rows[name], words)
    }
    assert wrong == {}
    assert said["REST, bound"]["plain http: private"] == said["MCP, bound"]["plain http: private"] == ANSWERED


def _pair(place: str) -> Pair:
    address, _, port = place.partition(",")
    return address, int(port)


def _is_expected(way: str, row: Row, words: str) -> bool:
    """As it says where the test stops every connection, but that the places that may be reached answer here."""
    surface = SURFACES[way]
    if surface.may_reach(row) and (row.bound is BY_LAW or len(row.answers) > 1):
        return words in REACHED | {"failed", "egress_denied", "DNS_FAILED"}
    return words in surface.expected(row)
