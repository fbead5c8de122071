"""Agents: names, who sees which, what tightens at once and what waits, and what goes with a deleted one."""

from typing import Any

import pytest

from stack_local.domain.errors import Conflict, NotFound
from stack_local.wire.agents import DeleteAgent, GetAgent, ListAgents, UnblockAgent, UpdateAgent
from stack_local.wire.intents import IntentClaim, IntentTarget, RejectIntent, SubmitIntent
from stack_local.wire.keys import ListKeys
from stack_local.wire.passports import DeclaredIntent, IssuePassport, ListActivePassports
from tests.conftest import Running, decoded
from tests.simulators.upstream import Upstream

INTENT = DeclaredIntent(summary="look")

TIGHTER: dict[str, dict[str, Any]] = {
    "asks more": {"approvals": "always"},
    "blocks on a critical flag": {"on_critical": "block"},
    "suspended": {"status": "suspended"},
}
LOOSER: dict[str, dict[str, Any]] = {
    "asks less": {"approvals": "never"},
    "held to account less": {"accountability_mode": "standard"},
    "sees the credential": {"credential_access": "direct"},
}


async def test_a_new_agent_is_enforced_and_sees_no_credential(appliance: Running) -> None:
    agent = await appliance.agent("helper")
    assert (agent.accountability_mode, agent.credential_access, agent.approvals) == ("enforced", "proxy_only", "writes")


async def test_a_name_is_given_once(appliance: Running) -> None:
    await appliance.agent("helper")
    other = await appliance.agent("other")
    with pytest.raises(Conflict) as registered:
        await appliance.agent("helper")
    with pytest.raises(Conflict) as renamed:
        await appliance.person.call(UpdateAgent(agent_id=other.id, name="helper"))
    assert registered.value.details["field"] == renamed.value.details["field"] == "name"
    kept = await appliance.person.call(UpdateAgent(agent_id=other.id, name="other", description="its own name again"))
    assert (kept.name, kept.description) == ("other", "its own name again")


async def test_a_key_sees_the_agents_it_registered_and_no_other(appliance: Running) -> None:
    await appliance.agent("of-the-person")
    async with appliance.http(await appliance.key()) as http, appliance.http(await appliance.key()) as neighbor:
        made = decoded(await http.post("/v1/agents/register", json={"name": "mine"}))
        mine, theirs = decoded(await http.get("/v1/agents")), decoded(await neighbor.get("/v1/agents"))
    assert ([agent["id"] for agent in mine], theirs) == ([made["id"]], [])
    assert len((await appliance.person.call(ListAgents())).items) == 2


@pytest.mark.parametrize("change", TIGHTER)
async def test_a_key_tightens_its_agent_at_once(appliance: Running, change: str) -> None:
    agent = await appliance.agent("helper")
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        response = await http.patch(f"/v1/agents/{agent.id}", json=TIGHTER[change])
    assert response.status_code == 200
    after = (await appliance.person.call(GetAgent(agent_id=agent.id))).model_dump(mode="json")
    assert after.items() >= TIGHTER[change].items()


@pytest.mark.parametrize("change", LOOSER)
async def test_a_key_that_loosens_its_agent_waits_for_a_person(appliance: Running, change: str) -> None:
    agent = await appliance.agent("helper")
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        response = await http.patch(f"/v1/agents/{agent.id}", json={"description": "new", **LOOSER[change]})
    assert (response.status_code, decoded(response)["error"]["code"]) == (403, "GOVERNANCE_APPROVAL_REQUIRED")
    assert await appliance.person.call(GetAgent(agent_id=agent.id)) == agent


async def test_a_suspended_agent_is_woken_by_a_person_alone(appliance: Running) -> None:
    agent = await appliance.agent("helper")
    await appliance.person.call(UpdateAgent(agent_id=agent.id, status="suspended"))
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        held = await http.patch(f"/v1/agents/{agent.id}", json={"status": "active"})
    assert decoded(held)["error"]["code"] == "GOVERNANCE_APPROVAL_REQUIRED"
    assert (await appliance.person.call(UpdateAgent(agent_id=agent.id, status="active"))).status == "active"


async def test_a_deleted_agent_takes_its_passports_and_keys_along(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    key = await appliance.key(agent_id=agent.id)
    deleted = await appliance.person.call(DeleteAgent(agent_id=agent.id))
    assert (deleted.id, deleted.revoked_passports) == (agent.id, 1)
    for bearer in (key, issued.token.get_secret_value()):
        async with appliance.http(bearer) as http:
            assert (await http.post("/v1/call/list_services", json={})).status_code == 401
    assert (await appliance.person.call(ListKeys())).items == []
    assert (await appliance.person.call(ListActivePassports())).items == []
    with pytest.raises(NotFound):
        await appliance.person.call(GetAgent(agent_id=agent.id))


async def test_a_blocked_agent_is_unblocked_by_a_person_alone(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    target = IntentTarget(service="custom_demo", method="POST", url=f"{upstream.base_url}/things")
    asked = SubmitIntent(intent=IntentClaim(target=target), passport_token=issued.token)
    waiting = await appliance.person.call(asked)
    await appliance.person.call(RejectIntent(approval_id=waiting.approval_id, block_future=True))
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        held = await http.post(f"/v1/agents/{agent.id}/unblock")
    assert decoded(held)["error"]["code"] == "GOVERNANCE_APPROVAL_REQUIRED"
    assert (await appliance.person.call(GetAgent(agent_id=agent.id))).passport_blocked
    after = await appliance.person.call(UnblockAgent(agent_id=agent.id))
    assert (after.passport_blocked, after.passport_blocked_reason) == (False, None)
