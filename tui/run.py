"""Running the screen in this terminal, and leaving it cleanly on a signal."""

import asyncio
import signal

from stack_local.client import Client
from stack_local.system import System
from tui.app import StackTui
from tui.notify import notify_send


class TerminalTui(StackTui):
    """The screen on a real terminal: a signal ends it as a person would, so that the terminal is restored."""

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)


def show(client: Client, system: System) -> int:
    """Show the screen until the person leaves it; the exit status."""
    app = TerminalTui(client, desktop_notify=notify_send, system=system)
    app.run()
    return app.return_code or 0
