"""A terminal that goes away, by its window or its connection, takes the process along: no open vault stays behind."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.conftest import PASSPHRASE
from tests.e2e.harness import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


def environment(root: Path) -> dict[str, str]:
    ours = {"STACK_LOCAL_TEST_PROFILE": "cheapest", "STACK_LOCAL_STATE": str(root / "state"), "TERM": "xterm-256color"}
    return {**os.environ, **ours, "TEXTUAL_DRIVER": "nowhere:Driver"}


def command(root: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "stack_local", "--home", str(root / "home"), *words]


def made(root: Path) -> None:
    """A vault in an empty home."""
    passphrase = root / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE)
    arguments = ["init", "--passphrase-file", str(passphrase), "--recovery-file", str(root / "recovery"), "--json"]
    subprocess.run(command(root, *arguments), cwd=ROOT, env=environment(root), check=True, capture_output=True)


def at_terminal(root: Path) -> tuple[subprocess.Popen[bytes], int]:
    """`stack-local tui` with this pseudo-terminal as its own, and our end of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        command(root, "tui", "--port", "0"), cwd=ROOT, env=environment(root), preexec_fn=lambda: os.login_tty(theirs)
    )
    os.close(theirs)
    return process, ours


def read_until(terminal: int, awaited: bytes) -> None:
    seen, until = b"", time.monotonic() + PATIENCE_SECONDS
    while awaited not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0, until - time.monotonic()))
        assert ready, f"{awaited!r} was not painted, but {seen[-500:]!r}"
        seen += os.read(terminal, 65536)


@pytest.mark.parametrize("presses", ["", "2", "23123123123123"], ids=["idle", "once", "busily painting"])
def test_a_terminal_that_goes_away_ends_the_process(tmp_path: Path, presses: str) -> None:
    made(tmp_path)
    process, terminal = at_terminal(tmp_path)
    try:
        read_until(terminal, b"unlock")
        os.write(terminal, f"{PASSPHRASE}\r".encode())
        read_until(terminal, b"[1 Approvals]")
        os.write(terminal, presses.encode())
    finally:
        os.close(terminal)
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert not (tmp_path / "home" / "admin.sock").exists()
