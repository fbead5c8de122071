"""Services: hosts are named and bound, a credential goes nowhere else, and disconnecting destroys it."""

from typing import Any

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.wire.access import GetAgentPermissions
from stack_local.wire.audit import ListAudit
from stack_local.wire.intents import ApproveIntent, GetIntentApproval, IntentClaim, IntentTarget, SubmitIntent
from stack_local.wire.passports import DeclaredIntent, IssuedPassport, IssuePassport
from stack_local.wire.services import (
    BindConnectionHosts,
    ConnectCustomService,
    Connection,
    DisconnectService,
    ListConnections,
    ListServices,
    VerifyConnection,
)
from tests.conftest import TOKEN, Running, decoded
from tests.simulators.upstream import Upstream

VERDICTS: dict[str, tuple[str, str, int | None]] = {
    "the service accepts": ("/things", "passed", 200),
    "the service refuses": ("/status?code=403", "failed", 403),
    "the service is ill": ("/status?code=503", "failed", 503),
    "the service hangs up": ("/reset", "failed", None),
}
BAD_HOSTS = ["*.example.com", "https://api.example.com", "api.example.com/path", "user@api.example.com", ""]


def read(upstream: Upstream, service: str = "custom_demo") -> dict[str, Any]:
    return {"service": service, "method": "GET", "url": f"{upstream.base_url}/things"}


async def test_hosts_are_kept_in_one_spelling_with_their_ports(appliance: Running) -> None:
    hosts = ["API.Example.com", "api.example.com:443", "other.example.com:8443"]
    connection = await appliance.person.call(ConnectCustomService(name="demo", credential=TOKEN, hosts=hosts))
    assert connection.hosts == ["api.example.com:443", "other.example.com:8443"]


@pytest.mark.parametrize("host", BAD_HOSTS)
async def test_what_is_no_exact_host_is_refused_and_nothing_is_kept(appliance: Running, host: str) -> None:
    async with appliance.http(await appliance.key(preset="admin")) as http:
        asked = {"name": "demo", "credential": TOKEN, "hosts": ["api.example.com", host]}
        response = await http.post("/v1/services/custom", json=asked)
    assert (response.status_code, decoded(response)["error"]["code"]) == (400, "INVALID_REQUEST")
    assert (await appliance.person.call(ListConnections())).items == []


async def test_a_credential_without_a_field_is_refused(appliance: Running) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(ConnectCustomService(name="demo", credential={}, hosts=["api.example.com"]))
    assert refused.value.details["field"] == "credential"


async def test_no_list_shows_the_credential(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    shown = [
        connection,
        await appliance.person.call(ListServices(connected=True)),
        await appliance.person.call(ListConnections()),
    ]
    assert [one for one in shown if TOKEN in one.model_dump_json()] == []
    assert [service.id for service in (await appliance.person.call(ListServices(connected=True))).items] == [
        "custom_demo"
    ]


async def test_of_two_connections_of_one_name_a_call_names_one_by_id(appliance: Running, upstream: Upstream) -> None:
    first, second = await appliance.connect(upstream), await appliance.connect(upstream)
    agent = await appliance.agent("helper", first, second)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        unclear = await http.post("/v1/proxy", json=read(upstream))
        clear = await http.post("/v1/proxy", json=read(upstream, second.id))
    assert (unclear.status_code, decoded(unclear)["error"]["details"]["field"]) == (400, "service")
    assert (clear.status_code, len(upstream.requests)) == (200, 1)


async def test_a_rebound_connection_sends_its_credential_to_the_new_host_alone(
    appliance: Running, upstream: Upstream
) -> None:
    async with Upstream(token=TOKEN) as other:
        connection = await appliance.connect(upstream)
        agent = await appliance.agent("helper", connection)
        after = await appliance.person.call(BindConnectionHosts(connection_id=connection.id, hosts=[other.host_port]))
        async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
            old, new = [await http.post("/v1/proxy", json=read(service)) for service in (upstream, other)]
        assert (old.status_code, new.status_code) == (403, 200)
        assert (len(upstream.requests), [received.authorized for received in other.requests]) == (0, [True])
    assert (after.hosts, after.version > connection.version) == ([other.host_port], True)


async def asked_on(appliance: Running, upstream: Upstream) -> tuple[Connection, IssuedPassport, str]:
    """A connection, the passport of an agent that may use it, and the approval of a write that it asked for."""
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=DeclaredIntent(summary="look")))
    target = IntentTarget(service="custom_demo", method="POST", url=f"{upstream.base_url}/things")
    asked = SubmitIntent(intent=IntentClaim(target=target), passport_token=issued.token)
    approval_id = (await appliance.person.call(asked)).approval_id
    return connection, issued, approval_id


async def test_a_yes_to_the_old_hosts_is_no_yes_to_the_new(appliance: Running, upstream: Upstream) -> None:
    connection, issued, approval_id = await asked_on(appliance, upstream)
    call = (await appliance.person.call(GetIntentApproval(approval_id=approval_id))).call
    assert call is not None
    await appliance.person.call(ApproveIntent(approval_id=approval_id, digest=call.digest))
    await appliance.person.call(
        BindConnectionHosts(connection_id=connection.id, hosts=[upstream.host_port, "api.example.com"])
    )
    spelled_out = {**read(upstream), "method": "POST", "approval_id": approval_id}
    async with appliance.http(issued.token.get_secret_value()) as http:
        for attempt in (spelled_out, {"approval_id": approval_id}):
            refused = await http.post("/v1/proxy", json=attempt)
            assert (refused.status_code, decoded(refused)["error"]["details"]["field"]) == (403, "connection version")
    assert upstream.effects == 0


@pytest.mark.parametrize("how", ["rebound", "disconnected"])
async def test_what_waits_on_a_connection_that_changes_falls_and_is_recorded(
    appliance: Running, upstream: Upstream, how: str
) -> None:
    connection, _, approval_id = await asked_on(appliance, upstream)
    if how == "rebound":
        hosts = [upstream.host_port, "api.example.com"]
        await appliance.person.call(BindConnectionHosts(connection_id=connection.id, hosts=hosts))
    else:
        await appliance.person.call(DisconnectService(connection_id=connection.id))
    assert (await appliance.person.call(GetIntentApproval(approval_id=approval_id))).status == "expired"
    entries = (await appliance.person.call(ListAudit(limit=20))).entries
    assert [entry.subject for entry in entries if entry.action == "intent.expire"] == [approval_id]


@pytest.mark.parametrize("case", VERDICTS)
async def test_verifying_says_what_the_service_said(appliance: Running, upstream: Upstream, case: str) -> None:
    path, verdict, status = VERDICTS[case]
    connection = await appliance.connect(upstream, verify_path=path)
    answer = await appliance.person.call(VerifyConnection(connection_id=connection.id))
    (kept,) = (await appliance.person.call(ListConnections())).items
    assert (answer.status, answer.upstream_status, kept.verification) == (verdict, status, verdict)
    assert kept.verified_at == answer.checked_at == appliance.system.now()


async def test_a_wrong_credential_fails_its_verification(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream, verify_path="/things")
    upstream.token = "another-secret-1a2b3c4d5e6f"
    answer = await appliance.person.call(VerifyConnection(connection_id=connection.id))
    assert (answer.status, answer.upstream_status) == ("failed", 401)


async def test_a_connection_without_a_harmless_request_is_not_verified(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    with pytest.raises(InvalidRequest):
        await appliance.person.call(VerifyConnection(connection_id=connection.id))
    assert upstream.requests == []


async def test_a_disconnected_service_is_gone_with_its_grants_and_stays_so(
    appliance: Running, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream, verify_path="/things")
    agent = await appliance.agent("helper", connection)
    await appliance.person.call(DisconnectService(connection_id=connection.id))
    assert (await appliance.person.call(ListServices(connected=True))).items == []
    assert (await appliance.person.call(GetAgentPermissions(agent_id=agent.id))).items == []
    with pytest.raises(Conflict):
        await appliance.person.call(DisconnectService(connection_id=connection.id))
    with pytest.raises(Conflict):
        await appliance.person.call(VerifyConnection(connection_id=connection.id))
    with pytest.raises(Conflict):
        await appliance.person.call(BindConnectionHosts(connection_id=connection.id, hosts=[upstream.host_port]))
    with pytest.raises(NotFound):
        await appliance.person.call(DisconnectService(connection_id="scon_" + "0" * 22))


async def test_a_key_disconnects_nothing_that_others_may_share(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        refused = await http.delete(f"/v1/services/{connection.id}/disconnect")
    assert (refused.status_code, decoded(refused)["error"]["details"]["rule"]) == (403, "shared credential")
    assert [kept.id for kept in (await appliance.person.call(ListConnections())).items] == [connection.id]
