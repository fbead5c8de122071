"""Changes that loosen: held for a person, carried out on the yes, answered when the asker repeats the call."""

from typing import Any

import httpx
import pytest

from stack_local.domain.errors import Conflict
from stack_local.wire.access import GetAgentPermissions, GrantAgentAccess
from stack_local.wire.agents import Agent, GetAgent
from stack_local.wire.audit import ListAudit
from stack_local.wire.decisions import ApproveDecision, GetDecision, ListPendingDecisions, RejectDecision
from stack_local.wire.keys import ListKeys, RevokeKey
from stack_local.wire.passports import IssuePassport, RevokePassport
from stack_local.wire.services import Connection, ListConnections
from tests.conftest import Running, decoded
from tests.simulators.upstream import Upstream


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


# what a refusal proposed

READS = {"terms": {"constraints": [{"path": "url.pathname", "op": "starts_with", "value": "/things"}]}}


@pytest.fixture
async def connection(appliance: Running, upstream: Upstream, agent: Agent) -> Connection:
    """A service of which the agent may read the things."""
    made = await appliance.connect(upstream)
    grant = GrantAgentAccess(agent_id=agent.id, service_connection_id=made.id, scopes=["read"], **READS)
    await appliance.person.call(grant)
    return made


async def passport_of(appliance: Running, agent: Agent) -> tuple[str, str]:
    """A passport's id and its token."""
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    return issued.jti, issued.token.get_secret_value()


async def proposed_by(http: httpx.AsyncClient, call: dict[str, Any]) -> dict[str, Any]:
    """The change that the refusal of a call proposes."""
    refused = await http.post("/v1/proxy", json=call)
    assert refused.status_code == 403, refused.text
    proposal: dict[str, Any] = decoded(refused)["error"]["details"]["proposal"]
    return proposal


async def propose(http: httpx.AsyncClient, proposal: dict[str, Any], **more: Any) -> httpx.Response:
    return await http.post("/v1/decisions/propose", json={**proposal, "reason": "the errand needs it", **more})


async def test_a_passport_passes_on_what_its_refusal_proposed_and_a_person_accepts_it(
    appliance: Running, upstream: Upstream, agent: Agent, connection: Connection
) -> None:
    _, token = await passport_of(appliance, agent)
    write = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things"}
    async with appliance.http(token) as http:
        asked = await propose(http, await proposed_by(http, write))
        assert asked.status_code == 200, asked.text
        decision = decoded(asked)
        assert (decision["operation"], decision["status"], decision["reason"]) == (
            "grant_agent_access",
            "pending",
            "the errand needs it",
        )
        (waiting,) = (await appliance.person.call(ListPendingDecisions())).items
        assert waiting.id == decision["id"]
        place = {"agent_id": agent.id, "service_connection_id": connection.id}
        assert waiting.arguments == place | {"scopes": ["read", "write"]}
        await appliance.person.call(ApproveDecision(approval_id=waiting.id))
        after = decoded(await http.get(f"/v1/decisions/{waiting.id}"))
    (held_now,) = (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items
    assert (after["status"], after["result"]["scopes"]) == ("consumed", ["read", "write"])
    assert held_now.scopes == ["read", "write"]
    assert held_now.terms.model_dump(mode="json", exclude_defaults=True) == READS["terms"]
    actions = [entry.action for entry in (await appliance.person.call(ListAudit(limit=4))).entries]
    assert {"decision.propose", "service.grant"} <= set(actions)


async def test_a_host_that_was_missing_is_bound_once_a_person_accepts_it(
    appliance: Running, upstream: Upstream, agent: Agent, connection: Connection
) -> None:
    async with (
        appliance.http(await appliance.key(agent_id=agent.id)) as http,
        Upstream(token=upstream.token) as other,
    ):
        read = {"service": "custom_demo", "url": f"{other.base_url}/things"}
        decision = decoded(await propose(http, await proposed_by(http, read)))
        assert decision["arguments"]["hosts"] == [upstream.host_port, other.host_port]
        assert (await http.post("/v1/proxy", json=read)).status_code == 403
        await appliance.person.call(ApproveDecision(approval_id=decision["id"]))
        assert (await http.post("/v1/proxy", json=read)).status_code == 200
    (bound,) = (await appliance.person.call(ListConnections())).items
    assert bound.hosts == sorted([upstream.host_port, other.host_port])


async def test_a_proposal_that_is_rejected_changes_nothing(
    appliance: Running, agent: Agent, connection: Connection
) -> None:
    allowance = {"operation": "set_agent_allowance", "arguments": {"agent_id": agent.id, "calls_per_month": 9}}
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = decoded(await propose(http, allowance))
        await appliance.person.call(RejectDecision(approval_id=decision["id"], notes="no"))
        assert decoded(await http.get(f"/v1/decisions/{decision['id']}"))["status"] == "rejected"
        assert decoded(await http.get("/v1/proxy/usage"))["limit"] is None


async def test_only_what_could_be_carried_out_is_put_before_a_person(
    appliance: Running, agent: Agent, connection: Connection
) -> None:
    other = await appliance.agent("other")
    place = {"agent_id": agent.id, "service_connection_id": connection.id}
    wrong: list[tuple[str, dict[str, Any], int, str]] = [
        ("register_agent", {"name": "x"}, 400, "operation"),
        ("update_agent", {"agent_id": agent.id, "approvals": "never"}, 400, "operation"),
        ("no_such_operation", {}, 400, "operation"),
        ("grant_agent_access", {}, 400, "arguments.agent_id"),
        ("grant_agent_access", place | {"scopes": []}, 400, "arguments.scopes"),
        ("grant_agent_access", place | {"scopes": ["read"], "window": []}, 400, "arguments.window"),
        ("grant_agent_access", place | {"scopes": ["admin"]}, 400, "scopes"),
        ("grant_agent_access", place | {"scopes": ["read"], "agent_id": other.id}, 404, "agent_id"),
        ("set_agent_allowance", {"agent_id": other.id, "calls_per_month": 1}, 404, "agent_id"),
        ("bind_connection_hosts", {"connection_id": connection.id, "hosts": ["*"]}, 400, "url"),
        ("bind_connection_hosts", {"connection_id": "scon_" + "0" * 22, "hosts": ["a.example"]}, 404, "connection_id"),
    ]
    _, token = await passport_of(appliance, agent)
    async with appliance.http(token) as http:
        for operation, arguments, status, field in wrong:
            answer = await propose(http, {"operation": operation, "arguments": arguments})
            details = decoded(answer)["error"]["details"]
            named = [details.get("field"), *(one["field"] for one in details.get("fields", ()))]
            assert (answer.status_code, field in named) == (status, True), answer.text
        unsaid = await propose(http, {"operation": "grant_agent_access", "arguments": place}, reason="")
        assert unsaid.status_code == 400
    assert (await appliance.person.call(ListPendingDecisions())).items == []
    (held_now,) = (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items
    assert held_now.scopes == ["read"]


async def test_an_agent_has_five_proposals_waiting_however_many_passports_it_holds(
    appliance: Running, agent: Agent
) -> None:
    statuses, ids = [], set()
    for number in range(7):
        _, token = await passport_of(appliance, agent)
        change = {"operation": "set_agent_allowance", "arguments": {"agent_id": agent.id, "calls_per_month": number}}
        async with appliance.http(token) as http:
            answers = [await propose(http, change) for _ in range(2)]
        statuses.append([answer.status_code for answer in answers])
        ids |= {decoded(answer)["id"] for answer in answers if answer.status_code == 200}
    assert statuses == [[200, 200]] * 5 + [[429, 429]] * 2
    assert len(ids) == len((await appliance.person.call(ListPendingDecisions())).items) == 5


async def test_a_proposal_lives_as_long_as_the_session_of_the_passport_that_made_it(
    appliance: Running, agent: Agent
) -> None:
    changes = [
        {"operation": "set_agent_allowance", "arguments": {"agent_id": agent.id, "calls_per_month": number}}
        for number in (1, 2)
    ]
    decisions = []
    for change in changes:
        jti, token = await passport_of(appliance, agent)
        async with appliance.http(token) as http:
            decisions.append((jti, decoded(await propose(http, change))["id"]))
    (expired, first), (revoked, second) = decisions
    await appliance.person.call(RevokePassport(jti=revoked))
    appliance.system.advance(600)
    assert (await appliance.person.call(ApproveDecision(approval_id=first))).asked_by == f"passport:{expired}"
    with pytest.raises(Conflict):
        await appliance.person.call(ApproveDecision(approval_id=second))
    assert (await appliance.person.call(GetDecision(approval_id=second))).status == "pending"


async def test_another_agent_does_not_see_what_was_proposed(appliance: Running, agent: Agent) -> None:
    other = await appliance.agent("other")
    change = {"operation": "set_agent_allowance", "arguments": {"agent_id": agent.id, "calls_per_month": 1}}
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        decision = decoded(await propose(http, change))["id"]
    async with appliance.http(await appliance.key(agent_id=other.id)) as http:
        assert (await http.get(f"/v1/decisions/{decision}")).status_code == 404
        assert (await http.post("/v1/call/approve_decision", json={"approval_id": decision})).status_code == 403
