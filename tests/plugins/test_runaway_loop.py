"""Fifty times the same call in five seconds is a loop; less is work."""

from collections.abc import Sequence

import pytest

from plugins.detectors.runaway_loop import KEY, REPEATS, WINDOW_MILLISECONDS, inspect, register
from stack_local.domain.detection import CallFacts, PastCall, Severity
from stack_local.plugin_api import Registrar

NOW = 1_000_000
FACTS = CallFacts("agt_one", "ses_one", "demo", "GET", "h.com", "/", 0, "same", NOW)
SAME, EDGE, OLD = PastCall("same", NOW - 1), PastCall("same", NOW - WINDOW_MILLISECONDS), PastCall("same", 0)
OTHER = PastCall("other", NOW - 1)
ENOUGH = REPEATS - 1

HISTORIES: list[tuple[str, Sequence[PastCall], bool]] = [
    ("none", [], False),
    ("one too few", [SAME] * (ENOUGH - 1), False),
    ("just enough", [SAME] * ENOUGH, True),
    ("more than enough", [SAME] * 200, True),
    ("the oldest at the edge", [*[SAME] * (ENOUGH - 1), EDGE], True),
    ("the oldest past the edge", [*[SAME] * (ENOUGH - 1), PastCall("same", EDGE.at_milliseconds - 1)], False),
    ("all long ago", [OLD] * ENOUGH, False),
    ("another first", [OTHER, *[SAME] * ENOUGH], False),
    ("another in between", [*[SAME] * 20, OTHER, *[SAME] * 40], False),
    ("another before them all", [*[SAME] * ENOUGH, OTHER], True),
]


@pytest.mark.parametrize(("history", "is_loop"), [case[1:] for case in HISTORIES], ids=[case[0] for case in HISTORIES])
def test_only_the_same_call_fifty_times_in_a_row_within_the_window_is_a_loop(
    history: Sequence[PastCall], is_loop: bool
) -> None:
    finding = inspect(FACTS, history)
    assert (finding is not None) is is_loop
    if finding is not None:
        assert (finding.detector, finding.severity, finding.blocks) == (KEY, Severity.WARNING, True)


def test_it_is_declared_under_its_key() -> None:
    stack = Registrar()
    register(stack)
    assert stack.detectors == {KEY: inspect}
