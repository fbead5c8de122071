"""The protocol's own conformance suite against the product behind a bearer: every scenario that needs no fixture.

`make conformance` installs the suite and the Node.js it needs, and names both in the environment.
"""

import asyncio
import os
import re
from pathlib import Path

import pytest

from stack_local.system import RealSystem
from tests.conformance.bearer_proxy import adding_bearer
from tests.conftest import begin, served

SCENARIOS = {
    "2025-11-25": (
        "server-initialize",
        "ping",
        "tools-list",
        "server-session-lifecycle",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "resources-list",
        "prompts-list",
    ),
    "2026-07-28": (
        "server-stateless",
        "tools-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
        "input-required-result-unsupported-methods",
        "resources-list",
        "sep-2164-resource-not-found",
        "prompts-list",
    ),
}
"""By revision: what asks for no tool, prompt or resource of the suite's own (reference/mcp-clients.md, section 3)."""

NEEDS_A_FIXTURE = {
    "server-stateless": {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"}
}
"""Checks inside a scenario that call the tool `test_missing_capability`, which the product does not have."""

BOUND_SECONDS = 120
_FAILURE = re.compile(r"\[([a-z0-9-]+) *\] FAILURE")
_COLORS = re.compile(r"\x1b\[[0-9;]*m")

pytestmark = pytest.mark.conformance


async def run(scenario: str, revision: str, url: str, folder: Path) -> tuple[int, str]:
    """Exit status and output of one scenario."""
    node, suite = os.environ["STACK_LOCAL_NODE"], os.environ["STACK_LOCAL_CONFORMANCE"]
    arguments = ["--url", url, "--scenario", scenario, "--spec-version", revision, "-o", str(folder / "out")]
    process = await asyncio.create_subprocess_exec(
        node, suite, "server", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), BOUND_SECONDS)
    return process.returncode or 0, _COLORS.sub("", out.decode())


@pytest.mark.parametrize(("revision", "scenario"), [(at, name) for at, names in SCENARIOS.items() for name in names])
async def test_a_scenario_of_the_suite_passes(tmp_path: Path, revision: str, scenario: str) -> None:
    async with served(tmp_path / "home", tmp_path / "state", system=RealSystem()) as running:
        await begin(running)
        port = int(running.base_url.rpartition(":")[2])
        async with adding_bearer(port, await running.key()) as proxied:
            status, said = await run(scenario, revision, f"http://127.0.0.1:{proxied}/mcp", tmp_path)
    assert "Passed:" in said, said
    failed = set(_FAILURE.findall(said))
    assert failed == NEEDS_A_FIXTURE.get(scenario, set()), said
    assert (status == 0) is not bool(failed), said
