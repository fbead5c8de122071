"""The same call again and again in a few seconds: an agent that is caught in a loop."""

from collections.abc import Sequence

from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.plugin_api import Registrar

KEY = "runaway_loop"

REPEATS = 50
"""Identical calls in a row."""

WINDOW_MILLISECONDS = 5_000
"""Within this time."""


def register(stack: Registrar) -> None:
    """Declare the detector."""
    stack.detector(KEY, inspect)


def inspect(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    """A finding when this call and all recent ones are the same."""
    latest = history[: REPEATS - 1]
    since = facts.at_milliseconds - WINDOW_MILLISECONDS
    is_loop = len(latest) == REPEATS - 1 and all(
        past.call_digest == facts.call_digest and past.at_milliseconds >= since for past in latest
    )
    if not is_loop:
        return None
    return Finding(KEY, Severity.WARNING, f"the same call {REPEATS} times within 5 seconds", blocks=True)
