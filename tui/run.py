"""Running the screen in this terminal, and leaving it cleanly on a signal or when the terminal goes away."""

import asyncio
import os
import signal
from typing import Any, TextIO

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from stack_local.client import Client
from stack_local.system import System
from tui.app import StackTui
from tui.notify import notify_send


class Terminal:
    """The terminal as a file that can go away: from then on nothing is written, and nobody waits for it.

    Textual's writer thread would end at the first error, its queue fill up, and the process never end.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._is_gone = False

    def write(self, text: str) -> None:
        """Write, as long as somebody may read it."""
        if not self._is_gone:
            self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        """Send what was written."""
        if not self._is_gone:
            self._try(self._file.flush)

    def fileno(self) -> int:
        """The descriptor behind it."""
        return self._file.fileno()

    def _try(self, act: Any) -> None:
        try:
            act()
        except OSError:
            self._is_gone = True
            # A window that was closed says so itself; a connection that broke may not.
            os.kill(os.getpid(), signal.SIGHUP)


class TerminalDriver(LinuxDriver):
    """Textual's driver on a terminal that can go away."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._file: Any = Terminal(self._file)


class TerminalTui(StackTui):
    """The screen on a real terminal: a signal ends it as a person would, so that the terminal is restored."""

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)

    def get_driver_class(self) -> type[Driver]:
        """Ours, whatever the environment says: a variable must not name code that draws on this screen."""
        return TerminalDriver


def show(client: Client, system: System, *, ends_appliance: bool = False) -> int:
    """Show the screen until the person leaves it; the exit status. `ends_appliance`: the server ends with it."""
    app = TerminalTui(client, desktop_notify=notify_send, system=system, ends_appliance=ends_appliance)
    app.run()
    return app.return_code or 0
