"""Running somebody else's program in a home of its own, and opening the log-in that it prints."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

from tests.clients.stage import Stage

BOUND_SECONDS = 90
LINE_BYTES = 1 << 22
"""At most so long a line: a list of all tools."""

_AUTHORIZE = re.compile(r"http://127\.0\.0\.1:\d+/oauth/authorize\?[!-~]+")


def node() -> str:
    """The Node.js that the Makefile installed."""
    return os.environ["STACK_LOCAL_NODE"]


def packages() -> Path:
    """What the Makefile installed from npm."""
    return Path(os.environ["STACK_LOCAL_NPM"])


def environment(home: Path, **more: str) -> dict[str, str]:
    """A bare one: nothing of the person who runs the tests is read or written, and no browser opens."""
    home.mkdir(exist_ok=True)
    for name in ("xdg-open", "open"):
        (home / name).write_text("#!/bin/sh\nexit 0\n")
        (home / name).chmod(0o755)
    path = os.pathsep.join([str(home), str(Path(node()).parent), os.environ["PATH"]])
    plain = {"HOME": str(home), "PATH": path, "NODE_PATH": str(packages()), "LANG": "C.UTF-8"}
    return plain | {"BROWSER": str(home / "xdg-open"), **more}


@dataclass(frozen=True)
class Ended:
    """What a program left."""

    status: int
    out: str
    err: str


async def run(stage: Stage, *arguments: str, env: dict[str, str]) -> Ended:
    """Run to the end; whoever it asks to be let in by is let in."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, env=env, cwd=env["HOME"],
        limit=LINE_BYTES,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            said = await asyncio.gather(letting_in(stage, process.stdout), letting_in(stage, process.stderr))
            return Ended(await process.wait(), *said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def letting_in(stage: Stage, stream: asyncio.StreamReader) -> str:
    """Read to the end; each log-in that is printed is opened, once."""
    lines: list[str] = []
    while raw_line := await stream.readline():
        lines.append(raw_line.decode(errors="replace"))
        found = _AUTHORIZE.search(lines[-1])
        if found is not None and found[0] not in stage.opened:
            await stage.log_in(found[0])
    return "".join(lines)
