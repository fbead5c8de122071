"""What is another's looks like what is not there, for every operation that names an agent or what belongs to it."""

from typing import Any

import pytest

from stack_local.wire.intents import SubmitIntent
from stack_local.wire.passports import IssuePassport
from stack_local.wire.proxy import ProxyRequest
from tests.conftest import Running, decoded
from tests.contract.world import socket_client
from tests.simulators.upstream import Upstream

INTENT = {"summary": "look"}

Ids = dict[str, Any]


@pytest.fixture
async def another(appliance: Running, upstream: Upstream) -> Ids:
    """Ids of an agent that the key under test was not given, and of what belongs to it."""
    connection = await appliance.connect(upstream, verify_path="/things")
    agent = await appliance.agent("another", connection)
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    token = issued.token.get_secret_value()
    target = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things"}
    submitted = await appliance.person.call(SubmitIntent(intent={"target": target}, passport_token=token))
    read = ProxyRequest(service="custom_demo", url=f"{upstream.base_url}/things", passport_token=token)
    operation = await appliance.person.call(read)
    mine = await appliance.agent("mine", connection)
    own = await appliance.person.call(IssuePassport(agent_id=mine.id, intent=INTENT))
    foreign = await appliance.connect(upstream, "foreign", verify_path="/things")
    return {
        "agent": agent.id,
        "jti": issued.jti,
        "token": token,
        "session": issued.session_id,
        "approval": submitted.approval_id,
        "operation": operation.operation_id,
        "connection": foreign.id,
        "mine": mine.id,
        "own": own.token.get_secret_value(),
    }


CASES: dict[str, dict[str, str]] = {
    "get_agent": {"agent_id": "agent"},
    "get_agent_permissions": {"agent_id": "agent"},
    "update_agent": {"agent_id": "agent"},
    "delete_agent": {"agent_id": "agent"},
    "unblock_agent": {"agent_id": "agent"},
    "revoke_agent_access": {"agent_id": "agent"},
    "issue_passport": {"agent_id": "agent"},
    "delegate_passport": {"parent_passport_token": "own", "child_agent_id": "agent"},
    "refresh_passport": {"token": "token"},
    "revoke_passport": {"jti": "jti"},
    "revoke_agent_passports": {"agent_id": "agent"},
    "revoke_session": {"session_id": "session"},
    "get_passport_report": {"jti": "jti"},
    "get_intent_approval": {"approval_id": "approval"},
    "reject_intent": {"approval_id": "approval"},
    "get_operation": {"operation_id": "operation"},
    "verify_connection": {"connection_id": "connection"},
    "disconnect_service": {"connection_id": "connection"},
    "get_credential": {"passport_token": "token"},
}
"""operation → argument → which of the ids."""

FIXED: dict[str, dict[str, Any]] = {"issue_passport": {"intent": INTENT}, "get_credential": {"service": "custom_demo"}}


@pytest.mark.parametrize("operation", CASES)
async def test_a_key_finds_nothing_of_an_agent_that_is_not_its_own(
    appliance: Running, another: Ids, operation: str
) -> None:
    arguments = {name: another[which] for name, which in CASES[operation].items()} | FIXED.get(operation, {})
    async with appliance.http(await appliance.key(agent_id=another["mine"])) as http:
        response = await http.post(f"/v1/call/{operation}", json=arguments)
    assert (response.status_code, decoded(response).get("error", {}).get("code")) == (404, "NOT_FOUND")


async def test_lists_hold_what_is_the_keys_own(appliance: Running, another: Ids) -> None:
    async with appliance.http(await appliance.key(agent_id=another["mine"])) as http:
        agents = decoded(await http.get("/v1/agents"))
        passports = decoded(await http.get("/v1/passports/active"))
        connections = decoded(await http.get("/v1/services/connected"))
        intents = decoded(await http.get("/v1/intents/pending"))["items"]
        audit = decoded(await http.get("/v1/audit", params={"limit": 100}))["entries"]
    assert {agent["id"] for agent in agents} == {another["mine"]}
    assert {passport["agent_id"] for passport in passports} == {another["mine"]}
    assert another["connection"] not in {connection["id"] for connection in connections}
    assert intents == []
    assert {entry["agent_id"] for entry in audit} <= {another["mine"]}


@pytest.mark.parametrize(
    ("operation", "named"), [("get_agent", "agent"), ("get_intent_approval", "approval")], ids=["agent", "intent"]
)
async def test_an_approver_sees_the_agents_it_decides_for_and_no_other(
    appliance: Running, another: Ids, operation: str, named: str
) -> None:
    key = await appliance.key(
        preset="approver", decides_agents=[another["mine"]], decides_services=[another["connection"]]
    )
    arguments = {"agent_id" if named == "agent" else "approval_id": another[named]}
    async with socket_client(appliance) as socket:
        headers = {"Authorization": f"Bearer {key}"}
        response = await socket.post(f"/v1/call/{operation}", json=arguments, headers=headers)
    assert response.status_code == 404


async def test_an_approver_decides_for_no_agent_it_does_not_name(appliance: Running, another: Ids) -> None:
    key = await appliance.key(
        preset="approver", decides_agents=[another["mine"]], decides_services=[another["connection"]]
    )
    answers = {}
    async with socket_client(appliance) as socket:
        for operation, more in {"approve_intent": {"digest": "0" * 64}, "reject_intent": {}}.items():
            asked = {"approval_id": another["approval"], **more}
            headers = {"Authorization": f"Bearer {key}"}
            response = await socket.post(f"/v1/call/{operation}", json=asked, headers=headers)
            answers[operation] = response.status_code
    assert set(answers.values()) <= {403, 404}
