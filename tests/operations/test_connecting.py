"""Connecting what the catalogue knows: by a token, by a key, by a log-in; and what an agent may do of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stack_local.dispatch import Caller
from stack_local.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, StackError, TooMany
from stack_local.oauth.upstream import CALLBACK_PATH
from stack_local.operations.attempts import MAX_WAITING
from stack_local.store import services as store
from stack_local.wire.audit import ListAudit
from stack_local.wire.connecting import ConnectService, GetConnectAttempt, ListConnectAttempts
from stack_local.wire.credentials import ListCredentials
from stack_local.wire.decisions import ApproveDecision, ListPendingDecisions
from stack_local.wire.services import (
    Connection,
    ListConnections,
    ListCredentialTemplates,
    ListServices,
    UpdateConnectionTemplate,
    VerifyConnection,
)
from tests.conftest import TOKEN, decoded
from tests.oauth.private_keys import pem
from tests.simulators.shop import CLIENT, SHOP, TENANT, Counter, open_shop

GOOD_PASSWORD = "tnt_12345678"
OF_TENANT: dict[str, Any] = {
    "service_id": TENANT,
    "placeholders": {"subdomain": "acme"},
    "credential": {"username": "me@acme.example", "password": GOOD_PASSWORD},
}


async def connections(at: Counter) -> list[Connection]:
    return (await at.running.person.call(ListConnections())).items


async def refusal(at: Counter, **fields: Any) -> StackError:
    with pytest.raises(StackError) as refused:
        await at.begin(**fields)
    assert await connections(at) == []
    return refused.value


# By a token ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["oauth_token", "credential"])
async def test_a_token_connects_at_once_with_all_that_the_template_says(at: Counter, field: str) -> None:
    made = await at.begin(**{field: TOKEN}, scopes=["things:read"], name="My shop", account="me")
    (connection,) = await connections(at)
    assert made.connection == connection
    assert (made.id, made.status, made.authorization_url) == (connection.id, "connected", None)
    assert (connection.provider, connection.name, connection.account) == (SHOP, "My shop", "me")
    assert (connection.hosts, connection.base_url) == ([at.upstream.host_port], at.upstream.base_url)
    assert (connection.service_scopes, connection.scopes) == (["things:read"], ["read"])
    assert connection.template_version is not None
    verified = await at.running.person.call(VerifyConnection(connection_id=connection.id))
    assert verified.status == "passed"
    assert TOKEN not in repr([made, await at.running.person.call(ListAudit())])


async def test_a_token_is_sent_with_the_agents_calls(at: Counter) -> None:
    made = await at.begin(oauth_token=TOKEN)
    assert made.connection is not None
    agent = await at.running.agent("helper", made.connection)
    async with at.running.http(await at.running.key(agent_id=agent.id)) as http:
        answer = await http.post("/v1/proxy", json={"service": SHOP, "url": f"{at.upstream.base_url}/things"})
    assert (answer.status_code, decoded(answer)["status"]) == (200, 200)


OURS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "none": ([], ["read", "write"], []),
    "what only reads": (["things:read"], ["read"], ["things:read"]),
    "what writes": (["things:read", "things:write"], ["read", "write"], ["things:read", "things:write"]),
    "what the template does not know": (["things:read", "odd"], ["read", "write"], ["things:read", "odd"]),
    "ours": (["read"], ["read"], []),
    "ours and theirs": (["read", "things:write"], ["read"], ["things:write"]),
    "one twice": (["odd", "odd"], ["read", "write"], ["odd"]),
}


@pytest.mark.parametrize(("asked", "ours", "theirs"), OURS.values(), ids=OURS)
async def test_scopes_are_ours_or_the_services_own(
    at: Counter, asked: list[str], ours: list[str], theirs: list[str]
) -> None:
    made = await at.begin(oauth_token=TOKEN, scopes=asked)
    assert made.connection is not None
    assert (made.connection.scopes, made.connection.service_scopes) == (ours, theirs)


async def test_an_accounts_own_part_fills_its_hosts(at: Counter) -> None:
    made = await at.begin(**OF_TENANT)
    assert made.connection is not None
    assert made.connection.hosts == ["acme.demotenant.com:443"]
    assert made.connection.base_url == "https://acme.demotenant.com/api"


async def test_the_products_sdk_may_name_the_service_as_the_provider(at: Counter) -> None:
    made = await at.begin(service_id="svc_123", provider=SHOP, credential=TOKEN)
    assert made.provider == SHOP


BAD: dict[str, tuple[dict[str, Any], type[StackError], str]] = {
    "an unknown service": ({"service_id": "no_such", "oauth_token": TOKEN}, NotFound, "service_id"),
    "a way to send a credential": ({"service_id": "bearer", "oauth_token": TOKEN}, NotFound, "service_id"),
    "no part of its own": (OF_TENANT | {"placeholders": {}}, InvalidRequest, "placeholders.subdomain"),
    "a part in another form": (
        OF_TENANT | {"placeholders": {"subdomain": "evil.com/"}},
        InvalidRequest,
        "placeholders.subdomain",
    ),
    "a part that is two labels": (
        OF_TENANT | {"placeholders": {"subdomain": "a.b"}},
        InvalidRequest,
        "placeholders.subdomain",
    ),
    "a part it does not have": (
        OF_TENANT | {"placeholders": {"subdomain": "acme", "region": "eu"}},
        InvalidRequest,
        "placeholders.region",
    ),
    "one text for several fields": (OF_TENANT | {"credential": GOOD_PASSWORD}, InvalidRequest, "credential"),
    "a field that is missing": (
        OF_TENANT | {"credential": {"password": GOOD_PASSWORD}},
        InvalidRequest,
        "credential",
    ),
    "a field that is not one": ({"credential": {"value": TOKEN, "more": TOKEN}}, InvalidRequest, "credential"),
    "no field": ({"credential": {}}, InvalidRequest, "credential"),
    "a token with a line break": ({"oauth_token": "a\nb-c-d-e-f"}, InvalidRequest, "credential.value"),
    "another redirect": ({"redirect_uri": "https://evil.example.com"}, InvalidRequest, "redirect_uri"),
    "a log-in where there is none": (
        {"service_id": TENANT, "placeholders": {"subdomain": "acme"}},
        InvalidRequest,
        "flow",
    ),
    "an application nobody knows": ({"client_id": None}, InvalidRequest, "client_id"),
    "an application without its secret": (
        {"flow": "client_credentials", "client_secret": None},
        InvalidRequest,
        "client_secret",
    ),
    "a proposal that is none": ({"oauth_token": TOKEN, "proposal_id": "apr_" + "0" * 22}, NotFound, "approval_id"),
    "a connection that is none": (
        {"oauth_token": TOKEN, "connection_id": "scon_" + "0" * 22},
        NotFound,
        "connection_id",
    ),
}


@pytest.mark.parametrize(("fields", "kind", "field"), BAD.values(), ids=BAD)
async def test_what_breaks_a_rule_is_refused_by_its_field_and_nothing_is_kept(
    at: Counter, fields: dict[str, Any], kind: type[StackError], field: str
) -> None:
    refused = await refusal(at, **fields)
    assert (type(refused), refused.details["field"]) == (kind, field)


async def test_our_own_redirect_may_be_named(at: Counter) -> None:
    assert (await at.begin(redirect_uri=at.running.base_url + CALLBACK_PATH)).status == "pending"


# By a key, and by the application itself -----------------------------------------------------------------------------

KEY = {"app_id": "12345", "installation_id": "678"}


async def test_a_key_connects_at_once_and_its_first_token_is_had_at_the_first_call(at: Counter) -> None:
    made = await at.begin(credential={**KEY, "private_key": pem()})
    assert made.connection is not None
    assert made.connection.injection.style == "bearer"
    assert at.server.requests == []
    (kept,) = (await at.running.person.call(ListCredentials())).items
    assert (kept.source, kept.fields) == ("github_app", ["value"])
    verified = await at.running.person.call(VerifyConnection(connection_id=made.connection.id))
    assert verified.status == "failed"
    assert [request.path for request in at.server.requests] == ["/app/installations/678/access_tokens"]


async def test_a_key_that_cannot_sign_is_refused_at_once(at: Counter) -> None:
    refused = await refusal(at, credential={**KEY, "private_key": "-----BEGIN nothing"})
    assert refused.details["field"] == "credential.private_key"


async def test_an_application_connects_for_itself_and_its_calls_go_out(at: Counter) -> None:
    made = await at.begin(flow="client_credentials", scopes=["things:read"])
    assert made.connection is not None
    verified = await at.running.person.call(VerifyConnection(connection_id=made.connection.id))
    assert verified.status == "passed"
    assert [form["grant_type"] for form in at.server.forms] == ["client_credentials"]
    assert at.server.forms[0]["scope"] == "things:read"


# By a log-in ---------------------------------------------------------------------------------------------------------


async def test_a_log_in_waits_and_its_address_is_the_persons_alone(at: Counter) -> None:
    begun = await at.begin(scopes=["things:read"])
    assert (begun.status, begun.id, begun.connection) == ("pending", None, None)
    attempt = await at.running.person.call(GetConnectAttempt(attempt_id=begun.attempt_id))
    assert (attempt.status, attempt.authorization_url) == ("waiting", begun.authorization_url)
    assert (await at.running.person.call(ListConnectAttempts())).items == [attempt]
    async with at.running.http(await at.running.key()) as agent:
        looked = await agent.get(f"/v1/services/connect/{begun.attempt_id}")
    assert looked.status_code == 404
    assert await connections(at) == []


async def test_a_log_in_that_a_person_allowed_an_agent_shows_the_agent_no_address(at: Counter) -> None:
    asked = {"service_id": SHOP, "scopes": ["things:read"]}
    await at.log_in()
    async with at.running.http(await at.running.key()) as agent:
        held = await agent.post("/v1/services/connect", json=asked)
        assert decoded(held)["error"]["code"] == "GOVERNANCE_APPROVAL_REQUIRED"
        (decision,) = (await at.running.person.call(ListPendingDecisions())).items
        await at.running.person.call(ApproveDecision(approval_id=decision.id))
        answer = await agent.post("/v1/services/connect", json={**asked, "governance_approval_id": decision.id})
        told = decoded(answer)
        assert (told["status"], told["authorization_url"]) == ("pending", None)
        looked = decoded(await agent.get(f"/v1/services/connect/{told['attempt_id']}"))
        assert (looked["status"], looked["authorization_url"]) == ("waiting", None)
    shown = await at.running.person.call(GetConnectAttempt(attempt_id=told["attempt_id"]))
    assert shown.authorization_url is not None
    assert (await at.come_back(at.server.allow(shown.authorization_url))).status_code == 200
    assert len(await connections(at)) == 2


async def test_an_agents_secret_waits_sealed_for_a_person(at: Counter) -> None:
    async with at.running.http(await at.running.key()) as agent:
        held = await agent.post("/v1/services/connect", json={"service_id": SHOP, "oauth_token": TOKEN})
    assert held.status_code == 403
    (decision,) = (await at.running.person.call(ListPendingDecisions())).items
    assert TOKEN not in decision.model_dump_json()
    assert await connections(at) == []
    await at.running.person.call(ApproveDecision(approval_id=decision.id))
    assert [one.provider for one in await connections(at)] == [SHOP]


async def test_the_application_of_the_last_connection_is_used_again(at: Counter) -> None:
    await at.log_in()
    await at.log_in(client_id=None, client_secret=None)
    assert [form["client_id"] for form in at.server.forms] == [CLIENT["client_id"]] * 2
    assert len(await connections(at)) == 2


async def test_only_so_many_log_ins_wait_at_once(at: Counter) -> None:
    for _ in range(MAX_WAITING):
        await at.begin()
    with pytest.raises(TooMany):
        await at.begin()
    at.running.system.advance(600)
    assert (await at.begin()).status == "pending"


# In place of a connection's credential -------------------------------------------------------------------------------


async def test_a_connection_that_died_is_logged_in_again_and_keeps_its_id_and_its_grants(at: Counter) -> None:
    await at.log_in()
    (before,) = await connections(at)
    agent = await at.running.agent("helper", before)
    at.server.die()
    await at.later(3600)
    call = {"service": SHOP, "url": f"{at.upstream.base_url}/things"}
    async with at.running.http(await at.running.key(agent_id=agent.id)) as http:
        died = await http.post("/v1/proxy", json=call)
        refused = await http.post("/v1/proxy", json=call)
        (dead,) = await connections(at)
        assert (await at.log_in(connection_id=before.id)).status_code == 200
        again = await http.post("/v1/proxy", json=call)
    rules = [decoded(answer)["error"]["details"]["rule"] for answer in (died, refused)]
    assert (died.status_code, refused.status_code, rules) == (403, 403, ["reconnect"] * 2)
    assert dead.reconnect_reason == "the service refused: invalid_grant"
    assert (again.status_code, decoded(again)["status"]) == (200, 200)
    (after,) = await connections(at)
    assert (after.id, after.reconnect_reason) == (before.id, None)
    assert after.credential_version == before.credential_version + 1


async def test_a_log_in_for_a_connection_of_another_service_is_refused(at: Counter) -> None:
    made = await at.begin(**OF_TENANT)
    with pytest.raises(InvalidRequest):
        await at.begin(connection_id=made.id)


async def test_a_credential_that_goes_in_another_way_does_not_take_the_place(tmp_path: Path) -> None:
    async with open_shop(tmp_path, changed={"injection": {"style": "query", "name": "key"}}) as at:
        made = await at.begin(oauth_token=TOKEN)
        assert (await at.log_in(connection_id=made.id)).status_code == 409
        (connection,) = await connections(at)
        assert connection.credential_version == 1


async def test_two_log_ins_for_one_connection_at_once_leave_one_whole_credential(at: Counter) -> None:
    await at.log_in()
    (connection,) = await connections(at)
    begun = [await at.begin(connection_id=connection.id) for _ in range(2)]
    answers = await asyncio.gather(*(at.come_back(at.server.allow(one.authorization_url or "")) for one in begun))
    assert [answer.status_code for answer in answers] == [200, 200]
    kept = await at.kept(connection.id)
    assert kept.renewal is not None
    assert kept.renewal.refresh_token is not None
    access, refresh = kept.fields["value"].reveal(), kept.renewal.refresh_token.reveal()
    assert at.server.access_tokens.index(access) == at.server.refresh_tokens.index(refresh)


# What there is -------------------------------------------------------------------------------------------------------


async def test_the_catalogue_is_listed_with_what_is_connected_first(at: Counter) -> None:
    await at.begin(oauth_token=TOKEN)
    items = (await at.running.person.call(ListServices())).items
    assert [item.connected for item in items] == [True] + [False] * (len(items) - 1)
    named = {item.id: item for item in items}
    assert (named[SHOP].connected, named[TENANT].connected, named[TENANT].checked) == (True, False, False)
    assert named["github"].checked
    assert "bearer" not in named, "that is a way to send a credential"
    for connected, names in ((True, {SHOP}), (False, named.keys() - {SHOP})):
        listed = (await at.running.person.call(ListServices(connected=connected))).items
        assert {item.id for item in listed} == names


async def test_a_template_says_what_a_person_needs_to_connect_by_hand(at: Counter) -> None:
    (template,) = (await at.running.person.call(ListCredentialTemplates(provider=SHOP))).items
    assert [field.name for field in template.fields] == ["value"]
    assert [field.name for field in template.key_fields] == ["app_id", "installation_id", "private_key"]
    assert [(scope.name, scope.usual) for scope in template.scopes] == [("things:read", True), ("things:write", False)]
    assert (template.token_steps, template.is_service, template.checked) == ("Make one.", True, False)
    assert template.flows == ["authorization_code", "device_code", "client_credentials"]


async def test_a_newer_template_changes_nothing_until_a_person_takes_it_over(at: Counter) -> None:
    made = await at.begin(**OF_TENANT)
    core = at.core
    assert made.id is not None
    newer = core.plugins.templates[TENANT].model_copy(
        update={
            "hosts": ["{{subdomain}}.demotenant.com", "files.demotenant.com"],
            "base_url": "https://{{subdomain}}.demotenant.com/v2",
        }
    )
    with pytest.raises(Conflict):
        await at.running.person.call(UpdateConnectionTemplate(connection_id=made.id))
    core.plugins.templates[TENANT] = newer
    (before,) = await connections(at)
    assert before == made.connection
    after = await at.running.person.call(UpdateConnectionTemplate(connection_id=made.id))
    assert after.hosts == ["acme.demotenant.com:443", "files.demotenant.com:443"]
    assert (after.base_url, after.template_version) == ("https://acme.demotenant.com/v2", newer.hash)
    assert (after.version, after.credential_version) == (before.version + 1, before.credential_version)
    row = await core.database.read(lambda tx: store.get_credential(tx, after.id))
    assert core.vault.credential_key().open(row.place, row.sealed), "it is sealed for the new hosts"


async def test_a_custom_service_has_no_template_to_renew(at: Counter) -> None:
    connection = await at.running.connect(at.upstream)
    with pytest.raises(Conflict):
        await at.running.person.call(UpdateConnectionTemplate(connection_id=connection.id))


async def test_an_admin_key_connects_but_takes_no_template_over(at: Counter) -> None:
    key = await at.running.key(preset="admin")
    async with at.running.http(key) as http:
        made = await http.post("/v1/services/connect", json={"service_id": SHOP, "oauth_token": TOKEN})
    assert made.status_code == 200
    actor = await at.running.appliance.person_door.actor_of(f"Bearer {key}")
    taking_over = UpdateConnectionTemplate(connection_id=decoded(made)["id"])
    with pytest.raises(Forbidden):
        await at.running.appliance.dispatcher.call(Caller(actor, "admin"), taking_over)


def test_a_scope_with_a_blank_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ValueError):
        ConnectService(service_id=SHOP, scopes=["a b"])
