"""What a revision of the protocol requires, against the suite's fixtures behind our own listener and front door.

The appliance's own `/mcp` is in `test_conformance.py`.
"""

from pathlib import Path

import pytest

from tests.conformance.conftest import Tally
from tests.conformance.fixtures.server import serving_fixtures
from tests.conformance.suite import demanded, run

REQUIRED = {"2025-11-25": (33, 84), "2026-07-28": (50, 152)}
"""By revision: how many scenarios run, and how many checks of theirs pass, the tasks extension apart.

Another version of the suite has other numbers: read what it added before you write them here.
"""

TASKS_EXTENSION = {
    "tasks-lifecycle": "makes a task, follows it to its end and cancels one",
    "tasks-capability-negotiation": "wants the extension among the server's capabilities",
    "tasks-wire-fields": "looks at the fields of a task",
    "tasks-request-state-removal": "makes a task and looks for a requestState",
    "tasks-mrtr-input": "answers a task's question with tasks/update",
    "tasks-request-headers": "sends routing headers with tasks/get",
    "tasks-dispatch-and-envelope": "makes a task without a hint and asks for one that is unknown",
    "tasks-status-notifications": "is skipped by the suite itself, which cannot listen for them yet",
    "tasks-required-task-error": "wants a tool that only runs as a task",
    "tasks-mrtr-composition": "asks before it makes a task",
}
"""Scenarios of `io.modelcontextprotocol/tasks` (SEP-2663), and what each needs. The SDK (mcp 2.3) has no `tasks/*`, so
they fail; no revision requires them. One that passes has to leave this list."""

BEYOND = {"2025-11-25": set[str](), "2026-07-28": set(TASKS_EXTENSION)}

pytestmark = [
    pytest.mark.conformance,
    # Sampling, roots and logging are deprecated by 2026-07-28, and required by 2025-11-25.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@pytest.mark.parametrize("revision", REQUIRED)
async def test_all_that_a_revision_requires_passes(tmp_path: Path, revision: str, tally: Tally) -> None:
    async with serving_fixtures() as serving:
        ran = await run(tmp_path, "--url", serving.url, "--requirements", revision)
    tally(f"fixtures {revision}", ran)
    assert set(ran.ended("FAILURE", "WARNING", "SKIPPED")) == BEYOND[revision], ran.explained()
    assert ran.status == 0, ran.explained()
    assert set(ran.checks) == await demanded(revision), ran.said
    passed = [check for name in ran.checks.keys() - BEYOND[revision] for check in ran.checks[name] if check.is_passed]
    assert (len(ran.checks), len(passed)) == REQUIRED[revision]
    assert set(serving.refused) == {"MISDIRECTED_REQUEST"}, "a foreign host ends at the front door"
