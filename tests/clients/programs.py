"""Running somebody else's program in a home of its own, and opening the log-in that it prints."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path

from tests.clients.stage import Stage

BOUND_SECONDS = 90
LINE_BYTES = 1 << 22
"""At most so long a line: a list of all tools."""

COLUMNS = 4000
"""Of a terminal: an address is longer than most are wide."""

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
    # Whatever a program would fetch from elsewhere finds nobody.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
    plain = {"HOME": str(home), "PATH": path, "NODE_PATH": str(packages()), "LANG": "C.UTF-8"}
    return plain | nowhere | {"BROWSER": str(home / "xdg-open"), **more}


@dataclass(frozen=True)
class Ended:
    """What a program left."""

    status: int
    out: str
    err: str


async def run(stage: Stage, *arguments: str, env: dict[str, str], has_terminal: bool = False) -> Ended:
    """Run to the end; whoever it asks to be let in by is let in."""
    said_on, pipes = _terminal() if has_terminal else (None, {"stdout": PIPE, "stderr": PIPE})
    process = await asyncio.create_subprocess_exec(
        *arguments, **{"stdin": DEVNULL} | pipes, env=env, cwd=env["HOME"], limit=LINE_BYTES, start_new_session=True
    )
    streams = [process.stdout, process.stderr] if said_on is None else [await _stream(said_on, pipes["stdin"])]
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            said = await asyncio.gather(*(letting_in(stage, stream) for stream in streams if stream is not None))
            return Ended(await process.wait(), said[0], said[-1])
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _terminal() -> tuple[int, dict[str, int]]:
    """Ours and the program's end of a terminal that breaks no line."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    return ours, {"stdin": theirs, "stdout": theirs, "stderr": theirs}


async def _stream(said_on: int, theirs: int) -> asyncio.StreamReader:
    os.close(theirs)
    stream = asyncio.StreamReader(limit=LINE_BYTES)
    protocol = asyncio.StreamReaderProtocol(stream)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(said_on, "rb"))
    return stream


async def letting_in(stage: Stage, stream: asyncio.StreamReader) -> str:
    """Read to the end; each log-in that is printed is opened, once."""
    lines: list[str] = []
    while raw_line := await _line(stream):
        lines.append(raw_line.decode(errors="replace"))
        found = _AUTHORIZE.search(lines[-1])
        if found is not None and found[0] not in stage.opened:
            await stage.log_in(found[0])
    return "".join(lines)


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except OSError:
        return b""  # how a terminal says that nobody is at its other end
