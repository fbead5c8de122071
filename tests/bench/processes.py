"""Processes under test: starting one, and what it has used of processor and memory."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""As a person starts it: compiled modules are kept, so that only the first start compiles."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A process that listens."""

    pid: int
    port: int


def command(*arguments: str) -> list[str]:
    """The `stack-local` command of this checkout."""
    return [sys.executable, "-m", "stack_local", *arguments]


@contextmanager
def module(name: str) -> Iterator[Server]:
    """A server of this folder, which says its port on its first line."""
    with started([sys.executable, "-m", f"tests.bench.{name}"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Server(process.pid, int(process.stdout.readline()))


@contextmanager
def started(
    arguments: Sequence[str], *, stdout: int = subprocess.DEVNULL, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended when the block is left."""
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdout=stdout, stderr=subprocess.DEVNULL, env={**ENVIRONMENT, **(environment or {})}
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, all its threads, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mebibytes(pid: int) -> float:
    """Memory of a process that is in RAM."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
