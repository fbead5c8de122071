"""Telling a person who looks elsewhere: a desktop notification, and how often one may come."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable

from stack_local.system import System

DesktopNotify = Callable[[str, str], None]
"""Title and body; never more in them than a service and a count."""

BETWEEN_SECONDS = 60.0
PROGRAM_SECONDS = 5
_SERVICE_CHARACTERS = 40
_KEPT_VARIABLES = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "HOME")
"""All that the notifier needs of our environment; whatever else is in there stays here."""


class Pace:
    """At most one notice a minute."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._last: float | None = None

    def may_tell(self) -> bool:
        """Whether one may be given now; if so, it counts as given."""
        now = self._system.monotonic()
        if self._last is not None and now - self._last < BETWEEN_SECONDS:
            return False
        self._last = now
        return True


def waiting_words(service: str | None, count: int) -> tuple[str, str]:
    """Title and body: the service and the count, and nothing an agent can fill with words."""
    waits = "1 decision waits" if count == 1 else f"{count} decisions wait"
    if service is None:
        return "stack_local", waits
    return "stack_local", f"{waits}, newest for {re.sub('[^A-Za-z0-9_.-]', '?', service)[:_SERVICE_CHARACTERS]}"


def notify_send(title: str, body: str) -> None:
    """Show it on the desktop, where `notify-send` exists; elsewhere do nothing."""
    program = shutil.which("notify-send")
    if program is None:
        return
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    command = [program, "--app-name=stack_local", "--", title, body]
    try:
        subprocess.run(command, env=environment, timeout=PROGRAM_SECONDS, check=False, capture_output=True)  # noqa: S603 (a list, no shell; the words are ours)
    except (OSError, subprocess.TimeoutExpired):
        return
