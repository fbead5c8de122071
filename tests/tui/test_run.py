"""The terminal as a file: what is written arrives, and when it is gone the process is told once and goes on."""

import io
import signal
import threading
from collections.abc import Iterator

import pytest

from stack_local.system import RealSystem
from tests.tui.world import World
from tui.run import Terminal, TerminalDriver, TerminalTui


class Gone(io.StringIO):
    """Somebody closed the window."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.fixture
def told() -> Iterator[list[int]]:
    """Every SIGHUP this process gets."""
    signals: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: signals.append(number))
    yield signals
    signal.signal(signal.SIGHUP, before)


def test_what_is_written_arrives(told: list[int]) -> None:
    file = io.StringIO()
    terminal = Terminal(file)
    terminal.write("painted")
    terminal.flush()
    assert (file.getvalue(), told) == ("painted", [])


def test_a_terminal_that_is_gone_is_said_once_and_stops_nobody(told: list[int]) -> None:
    terminal = Terminal(Gone())
    writing = threading.Thread(target=lambda: [terminal.write("x") for _ in range(100)])
    writing.start()
    writing.join()
    terminal.flush()
    assert told == [signal.SIGHUP]


def test_no_variable_chooses_the_code_that_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.DRIVER", "nowhere:Driver")
    app = TerminalTui(World().client, desktop_notify=None, system=RealSystem())
    assert app.driver_class is TerminalDriver
