"""The arming delay: what has just appeared, moved or changed does not take a decision yet."""

from stack_local.system import System

DELAY_SECONDS = 0.6
"""Longer than a hand needs to stop; security-cases B-69 asks for 400 ms at least."""


class Arming:
    """Counts from the moment at which what is shown last changed."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._shown: object = None
        self._since = system.monotonic()

    def show(self, shown: object) -> None:
        """This is on the screen now; anything but what was there before starts the delay again."""
        if shown != self._shown:
            self._shown = shown
            self._since = self._system.monotonic()

    @property
    def is_armed(self) -> bool:
        """Whether what is shown has stood still long enough to be decided."""
        return self._system.monotonic() - self._since >= DELAY_SECONDS
