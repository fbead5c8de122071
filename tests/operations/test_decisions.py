"""Changes that loosen: held for a person, carried out on the yes, answered when the asker repeats the call."""

from typing import Any

import httpx
import pytest

from stack_local.domain.errors import Conflict
from stack_local.wire.agents import Agent, GetAgent
from stack_local.wire.decisions import ApproveDecision, GetDecision, ListPendingDecisions, RejectDecision
from stack_local.wire.keys import ListKeys, RevokeKey
from tests.conftest import Running, decoded


@pytest.fixture
async def agent(appliance: Running) -> Agent:
    return await appliance.agent("helper")


async def ask(http: httpx.AsyncClient, agent: Agent, **change: Any) -> tuple[int, dict[str, Any]]:
    response = await http.post("/v1/call/update_agent", json={"agent_id": agent.id, **change})
    return response.status_code, decoded(response)


def held(answer: dict[str, Any]) -> str:
    assert answer["error"]["code"] == "GOVERNANCE_APPROVAL_REQUIRED"
    return str(answer["error"]["details"]["governance_approval_id"])


async def test_an_approved_change_is_done_at_once_and_repeating_the_call_returns_its_answer(
    appliance: Running, agent: Agent
) -> None:
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = held((await ask(http, agent, approvals="never"))[1])
        assert (await appliance.person.call(GetAgent(agent_id=agent.id))).approvals == "writes"
        await appliance.person.call(ApproveDecision(approval_id=decision))
        assert (await appliance.person.call(GetAgent(agent_id=agent.id))).approvals == "never"
        status, answer = await ask(http, agent, approvals="never", governance_approval_id=decision)
    assert (status, answer["approvals"]) == (200, "never")


async def test_an_approved_change_is_no_ticket_for_another(appliance: Running, agent: Agent) -> None:
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = held((await ask(http, agent, accountability_mode="logged"))[1])
        await appliance.person.call(ApproveDecision(approval_id=decision))
        status, answer = await ask(http, agent, credential_access="direct", governance_approval_id=decision)
    assert (status, answer["error"]["details"]["rule"]) == (403, "governance_approval_id")


async def test_a_rejected_change_is_refused_when_repeated(appliance: Running, agent: Agent) -> None:
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = held((await ask(http, agent, approvals="never"))[1])
        await appliance.person.call(RejectDecision(approval_id=decision))
        status, answer = await ask(http, agent, approvals="never", governance_approval_id=decision)
    assert (status, answer["error"]["code"]) == (403, "FORBIDDEN")


async def test_a_decision_is_made_once(appliance: Running, agent: Agent) -> None:
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = held((await ask(http, agent, approvals="never"))[1])
    await appliance.person.call(ApproveDecision(approval_id=decision))
    for again in (ApproveDecision(approval_id=decision), RejectDecision(approval_id=decision)):
        with pytest.raises(Conflict):
            await appliance.person.call(again)


async def test_a_decision_past_its_time_cannot_be_made(appliance: Running, agent: Agent) -> None:
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = held((await ask(http, agent, approvals="never"))[1])
        appliance.system.turn(24 * 3600 + 1)
        status, _ = await ask(http, agent, approvals="never", governance_approval_id=decision)
    assert status == 403


async def test_equal_changes_merge_and_a_sixth_other_one_is_too_many(appliance: Running) -> None:
    async with appliance.http(await appliance.key()) as http:
        made = [decoded(await http.post("/v1/agents/register", json={"name": f"agent-{n}"})) for n in range(6)]
        agents = [Agent.model_validate(agent) for agent in made]
        first = held((await ask(http, agents[0], approvals="never"))[1])
        assert held((await ask(http, agents[0], approvals="never"))[1]) == first
        statuses = [(await ask(http, agent, approvals="never"))[0] for agent in agents[1:]]
    assert statuses == [403, 403, 403, 403, 429]


async def test_the_waiting_change_is_shown_without_its_secret(appliance: Running) -> None:
    async with appliance.http(await appliance.key()) as http:
        asked = {"name": "demo", "credential": "hunter2-hunter2", "hosts": ["api.example.com"]}
        decision = held(decoded(await http.post("/v1/services/custom", json=asked)))
        seen = await http.get(f"/v1/decisions/{decision}")
    listed = await appliance.person.call(ListPendingDecisions())
    assert listed.items[0].arguments == {"name": "demo", "hosts": ["api.example.com"]}
    assert "hunter2" not in seen.text + listed.model_dump_json()


async def test_a_key_that_was_revoked_while_its_change_waited_gets_nothing(appliance: Running, agent: Agent) -> None:
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = held((await ask(http, agent, approvals="never"))[1])
    await appliance.person.call(RevokeKey(key_id=(await appliance.person.call(ListKeys())).items[0].id))
    with pytest.raises(Conflict):
        await appliance.person.call(ApproveDecision(approval_id=decision))
    assert (await appliance.person.call(GetDecision(approval_id=decision))).status == "pending"
