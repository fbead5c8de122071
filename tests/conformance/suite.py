"""The suite as a process: run it, and read what it wrote down of each scenario.

`make conformance` installs the suite and the Node.js it needs, and names both in the environment.
"""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path

BOUND_SECONDS = 300
_URL = re.compile(r"http\S+/oauth/authorize\?\S+")
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_FOLDER = re.compile(r"(?:authorization-)?server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
_LISTED = re.compile(r"^ +- (\S+)(?: \[(\w+)\])?$")


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict."""

    id: str
    status: str
    said: str

    @property
    def is_passed(self) -> bool:
        """Not so for what is only told, or left out."""
        return self.status == "SUCCESS"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of the suite printed, and its checks by scenario."""

    status: int
    said: str
    checks: dict[str, tuple[Check, ...]]

    def counted(self) -> Counter[str]:
        """How many checks ended in which way."""
        return Counter(check.status for checks in self.checks.values() for check in checks)

    def ended(self, *statuses: str) -> dict[str, set[str]]:
        """The checks that ended in one of these ways, by scenario."""
        ids = {name: {check.id for check in checks if check.status in statuses} for name, checks in self.checks.items()}
        return {name: found for name, found in ids.items() if found}

    def explained(self) -> str:
        """What the suite says of every check that did not pass; its whole output if it judged nothing."""
        lines = [
            f"{name} {check.id}: {check.status} {check.said}"
            for name, checks in self.checks.items()
            for check in checks
            if not check.is_passed
        ]
        return "\n".join(lines) or self.said


async def run(folder: Path, *arguments: str) -> Ran:
    """Run the suite against a server; `folder` is empty, and has the results afterwards."""
    status, said = await _suite("server", *arguments, "-o", str(folder))
    return Ran(status, said, _read(folder))


async def authorization(folder: Path, *arguments: str, log_in: Callable[[str], Coroutine[object, object, None]]) -> Ran:
    """Run both scenarios for authorization servers; `log_in` is given the URL that a person's browser would open."""
    process = await _started("authorization", *arguments, "-o", str(folder))
    said, url = "", None
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            while line := (await process.stdout.readline()).decode():
                said += line
                found = _URL.search(line)
                url = found[0] if found else url
                # The URL is printed first; nobody listens for its answer before this.
                if url is not None and "Callback server started" in line:
                    await log_in(url)
            await process.wait()
    finally:
        await _ended(process)
    return Ran(process.returncode or 0, _COLORS.sub("", said), _read(folder))


async def demanded(revision: str) -> set[str]:
    """Every scenario for servers in the requirement set of a revision, scored or not."""
    status, said = await _suite("list", "--requirements", revision)
    assert status == 0, said
    scenarios, section = set(), ""
    for line in said.splitlines():
        listed = _LISTED.match(line)
        if listed is None:
            section = line or section
        elif listed[2] == "server" or (listed[2] is None and section.startswith("Server")):
            scenarios.add(listed[1])
    return scenarios


async def _suite(*arguments: str) -> tuple[int, str]:
    process = await _started(*arguments)
    try:
        said, _ = await asyncio.wait_for(process.communicate(), BOUND_SECONDS)
    finally:
        await _ended(process)
    return process.returncode or 0, _COLORS.sub("", said.decode())


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _started(*arguments: str) -> asyncio.subprocess.Process:
    node, suite = os.environ["STACK_LOCAL_NODE"], os.environ["STACK_LOCAL_CONFORMANCE"]
    return await asyncio.create_subprocess_exec(
        node,
        suite,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def _read(folder: Path) -> dict[str, tuple[Check, ...]]:
    """What the suite wrote, a folder for each scenario; one that it ran twice, or that has no name, is an error."""
    found: dict[str, tuple[Check, ...]] = {}
    for path in sorted(folder.glob("*/checks.json")):
        named = _FOLDER.fullmatch(path.parent.name)
        assert named is not None, path
        assert named["scenario"] not in found, path
        found[named["scenario"]] = tuple(_checks(path))
    return found


def _checks(path: Path) -> Iterator[Check]:
    for check in json.loads(path.read_text()):
        yield Check(check["id"], check["status"], check.get("errorMessage", ""))
