"""Access: what may be granted, by whom, and what ends when it is taken away."""

from typing import Any

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from stack_local.wire.access import GetAgentPermissions, GrantAgentAccess, RevokeAgentAccess, SetAgentAllowance
from stack_local.wire.agents import Agent
from stack_local.wire.audit import ListAudit
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


ONLY_GET = {"path": "method", "op": "eq", "value": "GET"}
NOT_TRIED = {"path": "query.dry", "op": "not_eq", "value": "1"}
TERMS: dict[str, Any] = {
    "constraints": [ONLY_GET],
    "rules": [{"effect": "ask", "when": [NOT_TRIED], "note": "a person looks"}],
    "windows": [{"days": [0, 4], "from_time": "09:00", "to_time": "17:30", "utc_offset_minutes": 60}],
    "calls_per_minute": 5,
    "calls_per_month": 100,
}


async def terms_of(appliance: Running, agent: Agent) -> dict[str, Any]:
    (held,) = (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items
    return held.terms.model_dump(mode="json")


async def test_a_grants_terms_are_shown_as_they_were_asked_for(
    appliance: Running, upstream: Upstream, agent: Agent
) -> None:
    connection = await appliance.connect(upstream)
    asked = GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read"], terms=TERMS)
    granted = await appliance.person.call(asked)
    assert granted.terms.model_dump(mode="json") == TERMS == await terms_of(appliance, agent)
    (record, *_) = (await appliance.person.call(ListAudit(limit=1))).entries
    assert {name: record.detail[name] for name in ("constraints", "rules", "windows")} == {
        "constraints": 1,
        "rules": 1,
        "windows": 1,
    }


REGRANTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing is said of terms", {}, TERMS),
    ("terms are null", {"terms": None}, TERMS),
    (
        "constraints alone, as the product's SDK sends them",
        {"constraints": [NOT_TRIED]},
        TERMS | {"constraints": [NOT_TRIED]},
    ),
    ("other terms", {"terms": {"calls_per_minute": 1}}, {"calls_per_minute": 1}),
    ("empty terms", {"terms": {}}, {}),
    (
        "terms and constraints",
        {"terms": {"constraints": [ONLY_GET]}, "constraints": [NOT_TRIED]},
        {"constraints": [ONLY_GET, NOT_TRIED]},
    ),
]
NO_TERMS: dict[str, Any] = {
    "constraints": [],
    "rules": [],
    "windows": [],
    "calls_per_minute": None,
    "calls_per_month": None,
}


async def test_a_wider_grant_drops_no_terms_that_it_does_not_name(
    appliance: Running, upstream: Upstream, agent: Agent
) -> None:
    connection = await appliance.connect(upstream)
    place = {"agent_id": agent.id, "service_connection_id": connection.id}
    after = {}
    for name, said, _ in REGRANTS:
        await appliance.person.call(GrantAgentAccess(**place, scopes=["read"], terms=TERMS))
        await appliance.person.call(GrantAgentAccess(**place, scopes=["read", "write"], **said))
        after[name] = await terms_of(appliance, agent)
    assert after == {name: NO_TERMS | meant for name, _, meant in REGRANTS}


async def test_terms_end_with_the_access_they_were_of(appliance: Running, upstream: Upstream, agent: Agent) -> None:
    connection = await appliance.connect(upstream)
    place = {"agent_id": agent.id, "service_connection_id": connection.id, "scopes": ["read"]}
    await appliance.person.call(GrantAgentAccess(**place, terms=TERMS))
    await appliance.person.call(RevokeAgentAccess(agent_id=agent.id))
    await appliance.person.call(GrantAgentAccess(**place))
    assert await terms_of(appliance, agent) == NO_TERMS


async def test_wrong_terms_grant_nothing_and_name_their_field(
    appliance: Running, upstream: Upstream, agent: Agent
) -> None:
    connection = await appliance.connect(upstream)
    wrong = {**ONLY_GET, "op": "matches", "value": "(?!GET)"}
    place = {"agent_id": agent.id, "service_connection_id": connection.id, "scopes": ["read"]}
    for said, field in (
        ({"terms": {"constraints": [ONLY_GET, wrong]}}, "terms.constraints.1.value"),
        ({"constraints": [wrong]}, "constraints.0.value"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            await appliance.person.call(GrantAgentAccess(**place, **said))
        assert refused.value.details["field"] == field
    assert (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items == []


async def test_an_allowance_is_a_persons_to_set(appliance: Running, agent: Agent) -> None:
    other = await appliance.agent("other")
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        mine = await http.post(f"/v1/agents/{agent.id}/allowance", json={"calls_per_month": 10_000_000})
        another = await http.post(f"/v1/agents/{other.id}/allowance", json={"calls_per_month": 0})
        assert decoded(await http.get("/v1/proxy/usage"))["limit"] is None
        await appliance.person.call(SetAgentAllowance(agent_id=agent.id, calls_per_month=7))
        assert decoded(await http.get("/v1/proxy/usage"))["limit"] == 7
    assert (mine.status_code, decoded(mine)["error"]["code"]) == (403, "GOVERNANCE_APPROVAL_REQUIRED")
    assert (another.status_code, decoded(another)["error"]["code"]) == (404, "NOT_FOUND")
    with pytest.raises(NotFound):
        await appliance.person.call(SetAgentAllowance(agent_id="agt_" + "0" * 22))
