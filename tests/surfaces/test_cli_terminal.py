"""The command at a real terminal: what is not echoed, and that Ctrl-C ends a question at once."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.surfaces.test_cli_launch import PASSPHRASE, SESSION

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60
LOOKS = 1_000_000

CHILD = """
import pathlib, sys
from stack_local.surfaces.cli import main
from stack_local.wire.agents import Agents, ListAgents
from stack_local.wire.vault import CreateSession
from tests.surfaces.test_cli_decisions import Queue, call
from tests.surfaces.test_cli_launch import PASSPHRASE, FakeLaunch
launch = FakeLaunch(pathlib.Path("/nowhere"))
Queue(launch, call(1))
opened = launch._open
def check(request):
    assert request.passphrase.get_secret_value() == PASSPHRASE
    return opened(request)
launch.appliance.answer(CreateSession, check)
launch.appliance.answer(ListAgents, lambda _: Agents(items=[]))
main(launch)
"""


class Terminal:
    """A child process on a pseudo terminal of its own."""

    def __init__(self, *line: str, session: str | None = None) -> None:
        self.ours, theirs = pty.openpty()
        environment = {name: value for name, value in os.environ.items() if name != "STACK_LOCAL_SESSION"}
        if session is not None:
            environment["STACK_LOCAL_SESSION"] = session
        self.child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *line],
            cwd=ROOT,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: os.login_tty(theirs),
        )
        os.close(theirs)
        self.seen = b""

    def wait_for(self, words: bytes) -> None:
        while words not in self.seen:
            chunk = self._read()
            assert chunk, self.seen
            self.seen += chunk

    def wait_until_it_reads(self) -> None:
        """The words are out and the child sleeps: it waits for keys. A signal a moment earlier could be lost on it."""
        for _ in range(LOOKS):
            if Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S":
                return
            os.sched_yield()
        raise AssertionError(self.seen)

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def end(self) -> int:
        while chunk := self._read():
            self.seen += chunk
        return self.child.wait(WAIT_SECONDS)

    def _read(self) -> bytes:
        ready, _, _ = select.select([self.ours], [], [], WAIT_SECONDS)
        assert ready, self.seen
        try:
            return os.read(self.ours, 65536)
        except OSError:  # Linux: the other end is closed
            return b""

    def close(self) -> None:
        os.close(self.ours)
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(WAIT_SECONDS)


@pytest.fixture
def terminal():
    opened = []

    def open_one(*line: str, session: str | None = None) -> Terminal:
        opened.append(Terminal(*line, session=session))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_the_passphrase_is_asked_for_and_not_echoed(terminal):
    screen = terminal("agents", "list")
    screen.wait_for(b"passphrase")
    screen.type(PASSPHRASE.encode() + b"\n")
    assert screen.end() == 0
    assert b"none" in screen.seen
    assert PASSPHRASE.encode() not in screen.seen


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("line", "session", "words"),
    [
        (["agents", "list"], None, b"passphrase"),
        (["review"], SESSION, b"[q]uit"),
        (["approve", "apr_" + "0" * 21 + "1"], SESSION, b"to approve"),
    ],
    ids=["at the passphrase", "in a review", "at a confirmation"],
)
def test_one_ctrl_c_ends_a_question(terminal, line, session, words):
    screen = terminal(*line, session=session)
    screen.wait_for(words)
    screen.wait_until_it_reads()
    screen.type(b"\x03")
    assert screen.end() == 130
    assert b"interrupted" in screen.seen


def test_a_review_decides_at_a_terminal(terminal):
    screen = terminal("review", session=SESSION)
    screen.wait_for(b"[q]uit")
    screen.type(b"a\n")
    screen.wait_for(b"to approve")
    screen.type(b"0001\n")
    assert screen.end() == 0
    assert b"1 approved" in screen.seen
