"""The screen and the server in one process, at a pseudo-terminal: from key to paint, under load and stalled.

The load is sixteen callers of a governed read. Stalled means that nobody reads the terminal any more.
"""

import fcntl
import itertools
import os
import pty
import socket
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.calls import run
from tests.bench.load import WARM_SECONDS, Job, Seen
from tests.bench.processes import ENVIRONMENT, ROOT, Server, command, resident_mebibytes
from tests.bench.world import PASSPHRASE, Home, Keys, populate

ROWS, COLUMNS = 40, 120
CALLERS = 16
PRESSES = 60
PAUSE_SECONDS = 0.1
"""Between two key presses: as fast as a person walks through screens."""

STALL_SECONDS = 6.0
"""Unread for so long before the load begins: in one loop, all HTTP was frozen after 3.5 seconds."""

PAINT_SECONDS = 20.0
"""A paint that has not come by then never will."""

PLACES = (("2", b"[2 Audit]"), ("3", b"[3 Passports]"), ("1", b"[1 Approvals]"))
"""A key, and what stands on the first line once it was answered."""


@dataclass(frozen=True)
class ScreenFigures:
    """What was seen; times in milliseconds."""

    idle_p50: float
    idle_p95: float
    loaded_p50: float
    loaded_p95: float
    drained: Seen
    stalled: Seen
    resident_mebibytes: float


class Terminal:
    """The side of the pseudo-terminal on which a person would sit."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._painted = bytearray()
        self._arrived = threading.Condition()
        self._reads = threading.Event()
        self._reads.set()
        threading.Thread(target=self._drain, daemon=True).start()

    def press(self, keys: str, awaited: bytes) -> float:
        """Send keys; the seconds until `awaited` is painted."""
        with self._arrived:
            self._painted.clear()
            began = time.perf_counter()
            os.write(self._descriptor, keys.encode())
            self._await(awaited)
            return time.perf_counter() - began

    def wait(self, awaited: bytes) -> None:
        """Until that is painted."""
        with self._arrived:
            self._await(awaited)

    def stall(self) -> None:
        """Read nothing from now on, and ask for repaints nobody sees."""
        self._reads.clear()
        for key, _ in PLACES * 10:
            os.write(self._descriptor, key.encode())

    def _await(self, awaited: bytes) -> None:
        if not self._arrived.wait_for(lambda: awaited in self._painted, PAINT_SECONDS):
            raise RuntimeError(f"{awaited!r} was not painted; the last was {bytes(self._painted[-2000:])!r}")

    def _drain(self) -> None:
        while self._reads.wait():
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                return
            with self._arrived:
                self._painted += data
                self._arrived.notify_all()


@contextmanager
def at_terminal(home: Home, port: int) -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    """`stack-local tui` with a server of its own, at a pseudo-terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**ENVIRONMENT, **home.environment, "TERM": "xterm-256color"}
    arguments = command("tui", "--port", str(port))
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        yield process, Terminal(ours)
    finally:
        # Not asked politely: a terminal that is not read may hold the screen up, which is its own affair.
        process.kill()
        process.wait()
        os.close(ours)


def measure(home: Home, upstream: Server, *, seconds: float) -> ScreenFigures:
    """Unlock at the screen, press keys, load, stall."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with at_terminal(home, port) as (process, terminal):
        terminal.wait(b"unlock")
        terminal.press(PASSPHRASE + "\r", b"[1 Approvals]")
        keys = populate(str(home.path / "home" / "admin.sock"), upstream.port)
        job = _job(process.pid, port, upstream, keys, PRESSES * PAUSE_SECONDS + seconds)
        idle = _presses(terminal, lambda: True)
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(run, job)
            time.sleep(WARM_SECONDS * 2)
            loaded = _presses(terminal, lambda: not loading.done())
            drained = loading.result()
        resident = resident_mebibytes(process.pid)
        terminal.stall()
        time.sleep(STALL_SECONDS)
        stalled = run(_job(process.pid, port, upstream, keys, seconds * 2))
    return ScreenFigures(*_percentiles(idle), *_percentiles(loaded), drained, stalled, resident)


def _job(pid: int, port: int, upstream: Server, keys: Keys, seconds: float) -> Job:
    return Job("rest", "GET", pid, port, upstream.port, CALLERS, seconds, keys.reading)


def _presses(terminal: Terminal, may_go_on: Callable[[], bool]) -> list[float]:
    taken = []
    for key, awaited in itertools.islice(itertools.cycle(PLACES), PRESSES):
        if not may_go_on():
            break
        taken.append(terminal.press(key, awaited) * 1000)
        time.sleep(PAUSE_SECONDS)
    return sorted(taken)


def _percentiles(ordered: list[float]) -> tuple[float, float]:
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]


def find_gap() -> str | None:
    """Why this cannot be measured here; None when it can."""
    return None if (Path(ROOT) / "tui" / "run.py").exists() else "tui/run.py is not there"
