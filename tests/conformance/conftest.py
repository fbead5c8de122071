"""What ran is counted and shown: a green run that ran nothing would look like this one."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.conformance.suite import Ran

_TALLY = pytest.StashKey[dict[str, Counter[str]]]()

Tally = Callable[[str, Ran], None]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Adds a run to the counts under a heading."""
    counts = request.config.stash.setdefault(_TALLY, {})

    def add(heading: str, ran: Ran) -> None:
        counts.setdefault(heading, Counter()).update(ran.counted(), scenarios=len(ran.checks))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line for each heading, above pytest's own last line."""
    for heading, counts in config.stash.get(_TALLY, {}).items():
        checks = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()) if status != "scenarios")
        terminalreporter.write_line(f"{heading}: {counts['scenarios']} scenarios, checks: {checks}")
