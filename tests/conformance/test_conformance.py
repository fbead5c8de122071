"""The protocol's own conformance suite against the product behind a bearer: every scenario that needs no fixture."""

from pathlib import Path

import pytest

from stack_local.system import RealSystem
from tests.conformance.bearer_proxy import adding_bearer
from tests.conformance.conftest import Tally
from tests.conformance.suite import run
from tests.conftest import begin, served

SCENARIOS = {
    "2025-11-25": {
        "server-initialize": 2,
        "ping": 2,
        "tools-list": 3,
        "server-session-lifecycle": 0,
        "server-sse-multiple-streams": 0,
        "dns-rebinding-protection": 2,
        "resources-list": 2,
        "prompts-list": 2,
    },
    "2026-07-28": {
        "server-stateless": 26,
        "tools-list": 4,
        "server-sse-multiple-streams": 1,
        "dns-rebinding-protection": 2,
        "caching": 8,
        "http-header-validation": 14,
        "input-required-result-unsupported-methods": 2,
        "resources-list": 2,
        "sep-2164-resource-not-found": 4,
        "prompts-list": 2,
    },
}
"""By revision: what asks for no tool, prompt or resource of the suite's own, and how many checks of it pass.

None pass where the suite looks for a session and, finding that `/mcp` has none, ends the scenario: whether several
streams and the end of a session are as they must be, `test_requirements.py` asks where there are sessions.
"""

NEEDS_A_SESSION = {"server-sse-multiple-streams-session"}
NEEDS_A_FIXTURE = {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"}
"""Checks that call the tool `test_missing_capability`, which the product does not have."""

NEEDS_A_CHANGE = {
    "sep-2575-server-sends-prompts-list-changed-on-subscription",
    "sep-2575-server-sends-tools-list-changed-on-subscription",
}
"""Checks that have a tool of the suite change the lists; for our own changes see tests/surfaces/test_mcp_streams.py."""

BEYOND = {
    ("2025-11-25", "server-sse-multiple-streams"): NEEDS_A_SESSION,
    ("2026-07-28", "server-stateless"): NEEDS_A_FIXTURE | NEEDS_A_CHANGE,
}
"""Checks inside a scenario that do not pass. `test_requirements.py` passes them all with the fixtures."""

pytestmark = pytest.mark.conformance


@pytest.mark.parametrize(("revision", "scenario"), [(at, name) for at, names in SCENARIOS.items() for name in names])
async def test_a_scenario_of_the_suite_passes(tmp_path: Path, revision: str, scenario: str, tally: Tally) -> None:
    folder = tmp_path / "out"
    async with served(tmp_path / "home", tmp_path / "state", system=RealSystem()) as running:
        await begin(running)
        port = int(running.base_url.rpartition(":")[2])
        async with adding_bearer(port, await running.key()) as proxied:
            url = f"http://127.0.0.1:{proxied}/mcp"
            ran = await run(folder, "--url", url, "--scenario", scenario, "--spec-version", revision)
    tally(f"appliance {revision}", ran)
    beyond = BEYOND.get((revision, scenario), set())
    assert ran.ended("FAILURE", "WARNING", "SKIPPED") == ({scenario: beyond} if beyond else {}), ran.explained()
    assert ran.counted()["SUCCESS"] == SCENARIOS[revision][scenario], ran.explained()
    assert (ran.status == 0) is ("FAILURE" not in ran.counted()), ran.explained()
