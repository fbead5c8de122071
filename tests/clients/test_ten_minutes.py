"""The first ten minutes with Claude Code, counted: what a person decides, and what an agent has to call."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from stack_local.wire.audit import ListAudit
from stack_local.wire.intents import ApproveIntent, ListIntents
from tests.clients.agent_programs import ClaudeCode
from tests.clients.model import Call, Model
from tests.clients.stage import Stage, staged

DECISIONS = {"vault.create", "service.connect", "consent.give", "intent.approve"}
"""Records of what a person decided; the client's agent and grants come with the consent."""

BODY = {"name": "from the first ten minutes"}
BOUND_SECONDS = 60

_APPROVAL = re.compile(r"apr_[0-9A-Za-z]{22}")

pytestmark = pytest.mark.clients


class Reading(Model):
    """A model that looks which services there are, then reads from one."""

    def next_call(self, results: list[str]) -> Call | None:
        return [("stack_list_services", {}), (self.tool, self.arguments), None][len(results)]


class Writing(Model):
    """A model that writes; where it is told that a person must decide, it names the approval and nothing else."""

    def next_call(self, results: list[str]) -> Call | None:
        if not results:
            return "stack_proxy_request", {**self.arguments, "method": "POST", "body": BODY}
        waits = _APPROVAL.search(results[0]) if len(results) == 1 and "approval_" in results[0] else None
        return ("stack_proxy_request", {"approval_id": waits[0]}) if waits else None


async def decided(stage: Stage) -> list[str]:
    """What the person has decided so far, in order."""
    entries = (await stage.running.person.call(ListAudit(limit=100))).entries
    return [entry.action for entry in reversed(entries) if entry.action in DECISIONS]


async def approve_the_first(stage: Stage) -> None:
    """The person at the screen: the first call that waits is seen, and approved."""
    async with asyncio.timeout(BOUND_SECONDS):
        async for status in stage.running.person.watch():
            if status.pending:
                break
    waiting = (await stage.running.person.call(ListIntents())).items
    await stage.running.person.call(ApproveIntent(approval_id=waiting[0].id, digest=waiting[0].call.digest))


def carrying(calls: list[Call], words: dict[str, Any]) -> int:
    """How often a body was sent."""
    return sum(arguments.get("body") == words for _, arguments in calls)


async def test_three_decisions_and_two_calls_to_the_first_read_one_and_two_more_to_the_first_write(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        what = {"service": "custom_demo", "url": f"{stage.upstream.base_url}/things"}
        async with Reading("stack_proxy_read", what) as model:
            claude = ClaudeCode(stage, model)
            await claude.configure(None)
            await claude.log_in()
            assert await claude.turn() == "done"
        assert await decided(stage) == ["vault.create", "service.connect", "consent.give"]
        assert len(model.calls) == 2
        assert [request.authorized for request in stage.upstream.requests] == [True]

        async with Writing("stack_proxy_request", what) as model:
            claude.home.chosen["ANTHROPIC_BASE_URL"] = model.base_url
            said, _ = await asyncio.gather(claude.turn(), approve_the_first(stage))
        assert said == "done"
        assert await decided(stage) == ["vault.create", "service.connect", "consent.give", "intent.approve"]
        assert len(model.calls) <= 2, model.calls
        assert carrying(model.calls, BODY) == 1
        assert "201" in model.results[-1], model.results
        assert stage.upstream.effects == 1
