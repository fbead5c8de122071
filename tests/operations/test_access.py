"""Access: what may be granted, by whom, and what ends when it is taken away."""

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from stack_local.wire.access import GetAgentPermissions, GrantAgentAccess, RevokeAgentAccess
from stack_local.wire.agents import Agent
from stack_local.wire.passports import DeclaredIntent, IssuePassport, ListActivePassports, RefreshPassport, ServiceScope
from stack_local.wire.services import DisconnectService
from tests.conftest import Running, decoded
from tests.simulators.upstream import Upstream

INTENT = DeclaredIntent(summary="look")


@pytest.fixture
async def agent(appliance: Running) -> Agent:
    return await appliance.agent("helper")


async def test_a_grant_holds_the_scopes_that_were_chosen_and_no_more(
    appliance: Running, upstream: Upstream, agent: Agent
) -> None:
    connection = await appliance.connect(upstream)
    grant = GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "read"])
    await appliance.person.call(grant)
    (held,) = (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items
    assert (held.service_connection_id, held.provider, held.scopes) == (connection.id, "custom_demo", ["read"])


async def test_a_scope_that_the_connection_lacks_is_refused_and_nothing_is_granted(
    appliance: Running, upstream: Upstream, agent: Agent
) -> None:
    connection = await appliance.connect(upstream, scopes=["read"])
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(
            GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "write"])
        )
    assert refused.value.details["field"] == "scopes"
    assert (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items == []


async def test_a_second_grant_on_a_connection_replaces_the_first(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    await appliance.person.call(
        GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read"])
    )
    (held,) = (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items
    assert held.scopes == ["read"]
    both = [ServiceScope(service_connection_id=connection.id, scopes=["read", "write"])]
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT, scopes=both))
    assert refused.value.code == "SCOPE_ESCALATION"


async def test_a_disconnected_service_cannot_be_granted(appliance: Running, upstream: Upstream, agent: Agent) -> None:
    connection = await appliance.connect(upstream)
    await appliance.person.call(DisconnectService(connection_id=connection.id))
    with pytest.raises(Conflict) as refused:
        await appliance.person.call(
            GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read"])
        )
    assert refused.value.details["field"] == "service_connection_id"


async def test_a_grant_to_an_agent_that_is_not_there_is_refused(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    nobody = "agt_" + "0" * 22
    with pytest.raises(NotFound):
        await appliance.person.call(
            GrantAgentAccess(agent_id=nobody, service_connection_id=connection.id, scopes=["read"])
        )


async def test_a_key_that_grants_itself_access_waits_for_a_person(
    appliance: Running, upstream: Upstream, agent: Agent
) -> None:
    connection = await appliance.connect(upstream)
    asked = {"agent_id": agent.id, "service_connection_id": connection.id, "scopes": ["read"]}
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        response = await http.post("/v1/services/grant", json=asked)
    assert (response.status_code, decoded(response)["error"]["code"]) == (403, "GOVERNANCE_APPROVAL_REQUIRED")
    assert (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items == []


async def test_a_key_gives_its_own_access_up_at_once_with_its_passports(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent, other = await appliance.agent("helper", connection), await appliance.agent("other", connection)
    for one in (agent, other):
        await appliance.person.call(IssuePassport(agent_id=one.id, intent=INTENT))
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        gone = decoded(await http.delete(f"/v1/services/agents/{agent.id}/revoke"))
    assert (gone["revoked_grants"], gone["revoked_passports"]) == (1, 1)
    assert (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items == []
    live = (await appliance.person.call(ListActivePassports())).items
    assert [row.agent_id for row in live] == [other.id]


async def test_access_that_was_taken_away_does_not_come_back_by_a_refresh(
    appliance: Running, upstream: Upstream
) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    await appliance.person.call(RevokeAgentAccess(agent_id=agent.id))
    with pytest.raises(Unauthorized) as refused:
        await appliance.person.call(RefreshPassport(token=issued.token))
    assert refused.value.code == "PASSPORT_REVOKED"
