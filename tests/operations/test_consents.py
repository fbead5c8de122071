"""Letting clients in: who may, as which agent, how far, once and in time; and what ends when it is taken back."""

from typing import Any

import pytest

from stack_local.domain import scopes
from stack_local.domain.audit import Outcome
from stack_local.domain.consents import CONSENT_DAYS, REFRESH_IDLE_DAYS, REQUEST_MINUTES, Posture
from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.domain.secrets import Secret
from stack_local.wire.access import GetAgentPermissions
from stack_local.wire.agents import DeleteAgent, ListAgents
from stack_local.wire.audit import AuditEntry, ListAudit
from stack_local.wire.catalogue import CATALOGUE
from stack_local.wire.consents import (
    ConsentRequest,
    CreateConsentCode,
    EnterDeviceCode,
    GiveConsent,
    ListConsentRequests,
    ListConsents,
    RefuseConsent,
    RevokeConsent,
)
from stack_local.wire.passports import DeclaredIntent, DelegatePassport, IssuePassport, ServiceScope, VerifyPassport
from stack_local.wire.services import DisconnectService
from stack_local.wire.vault import CreateSession
from tests.conftest import PASSPHRASE, Running, decoded
from tests.oauth.flow import Login, accepts, answer_of, consents_of
from tests.simulators.upstream import Upstream

NOBODY = "agt_" + "0" * 22
NOWHERE = "scon_" + "0" * 22


async def asked(login: Login, **metadata: Any) -> str:
    """A log-in that waits for the person; its id."""
    await login.register(**metadata)
    await login.open()
    await login.press("ask")
    return login.request_id


async def waiting(running: Running) -> list[ConsentRequest]:
    return (await running.person.call(ListConsentRequests())).items


async def records(running: Running, action: str) -> list[AuditEntry]:
    """The records of one action, newest first."""
    return [entry for entry in (await running.person.call(ListAudit())).entries if entry.action == action]


async def granted(running: Running, agent_id: str) -> dict[str, list[str]]:
    held = await running.person.call(GetAgentPermissions(agent_id=agent_id))
    return {grant.service_connection_id: grant.scopes for grant in held.items}


async def untouched(running: Running) -> bool:
    """Neither a consent nor an agent."""
    consents = await running.person.call(ListConsents())
    agents = await running.person.call(ListAgents())
    return consents.items == [] and agents.items == []


# Waiting -------------------------------------------------------------------------------------------------------------


async def test_what_waits_says_who_asks_for_what_and_where_the_answer_goes(appliance: Running, login: Login) -> None:
    request_id = await asked(login, client_name="Claude Code")
    (row,) = await waiting(appliance)
    assert (row.id, row.client_id, row.client_name) == (request_id, login.client_id, "Claude Code")
    assert (row.redirect_host, row.is_loopback, row.known_agent_id) == ("127.0.0.1:49152", True, None)
    assert row.resource == f"{appliance.base_url}/mcp"
    assert "proxy:write" in row.scopes


async def test_an_open_page_asks_nobody_until_its_button_is_pressed(appliance: Running, login: Login) -> None:
    await login.register()
    await login.open()
    assert await waiting(appliance) == []
    with pytest.raises(Conflict):
        await login.give()
    assert await untouched(appliance)


async def test_a_request_waits_ten_minutes(appliance: Running, login: Login) -> None:
    request_id = await asked(login)
    appliance.system.advance(seconds=REQUEST_MINUTES * 60)
    assert await waiting(appliance) == []
    for decision in (GiveConsent, CreateConsentCode, RefuseConsent):
        with pytest.raises(Conflict):
            await appliance.person.call(decision(request_id=request_id))
    assert await untouched(appliance)
    assert (await login.look()).status_code == 404


async def test_a_client_that_was_let_in_before_is_said_to_be_known(appliance: Running, login: Login) -> None:
    await login.tokens()
    (consent,) = await consents_of(appliance, login.client_id)
    await login.open()
    await login.press("ask")
    (row,) = await waiting(appliance)
    assert row.known_agent_id == consent.agent_id


# Giving --------------------------------------------------------------------------------------------------------------


async def test_a_consent_names_its_client_its_agent_and_its_end(appliance: Running, login: Login) -> None:
    request_id = await asked(login, client_name="Claude Code")
    given = await login.give()
    (listed,) = (await appliance.person.call(ListConsents())).items
    assert listed == given
    assert (given.client_name, given.agent_name) == ("Claude Code", "claude-code")
    assert given.given_by.startswith("session:")
    assert (given.ends_at - given.given_at).days == CONSENT_DAYS
    (record,) = await records(appliance, "consent.give")
    assert (record.subject, record.agent_id, record.outcome) == (given.id, given.agent_id, Outcome.SUCCESS)
    assert record.detail == {"client": "Claude Code", "redirect": "127.0.0.1:49152"}
    (new,) = await records(appliance, "agent.register")
    assert (new.agent_id, new.subject) == (given.agent_id, "claude-code")
    (ask,) = await records(appliance, "consent.ask")
    assert (ask.actor, ask.subject) == (f"client:{login.client_id}", request_id)


NAMES = {
    "words": ("Claude Code (stack)", "claude-code-stack"),
    "another alphabet": ("翻訳", "client"),
    "an alphabet with accents": ("Übersetzer", "bersetzer"),
    "one letter": ("X", "client-x"),
    "marks alone": ("***", "client"),
    "no name": (None, "a-client-without-a-name"),
    "a dash at the end of what fits": ("a" * 59 + " b", "a" * 59),
    "other digits": ("client ٣", "client"),
    "a long one": ("a" * 200, "a" * 60),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.values(), ids=NAMES)
async def test_a_new_agent_has_the_clients_name_as_an_agent_may_have_it(
    appliance: Running, login: Login, name: str | None, expected: str
) -> None:
    await asked(login, client_name=name)
    assert (await login.give()).agent_name == expected


async def test_a_taken_name_gets_a_number(appliance: Running, login: Login) -> None:
    await appliance.agent("test-client")
    names = []
    for _ in range(2):
        await asked(login)
        names.append((await login.give()).agent_name)
    assert names == ["test-client-2", "test-client-3"]


async def test_a_client_stands_for_the_agent_that_was_chosen(appliance: Running, login: Login) -> None:
    agent = await appliance.agent("helper")
    await asked(login)
    assert (await login.give(agent_id=agent.id)).agent_id == agent.id
    assert [known.id for known in (await appliance.person.call(ListAgents())).items] == [agent.id]


POSTURES = {
    "none": (Posture.NONE, None),
    "reading": (Posture.READ, ["read"]),
    "asking": (Posture.ASK, ["read", "write"]),
}


@pytest.mark.parametrize(("posture", "scopes"), POSTURES.values(), ids=POSTURES)
async def test_a_posture_says_how_far_a_connection_may_be_used(
    appliance: Running, login: Login, upstream: Upstream, posture: Posture, scopes: list[str] | None
) -> None:
    connection = await appliance.connect(upstream)
    await asked(login)
    given = await login.give(postures={connection.id: posture})
    assert await granted(appliance, given.agent_id) == ({} if scopes is None else {connection.id: scopes})
    subjects = [record.subject for record in await records(appliance, "service.grant")]
    assert subjects == ([] if scopes is None else [f"custom_demo: {posture}"])


async def test_without_a_posture_a_new_agent_may_use_nothing(
    appliance: Running, login: Login, upstream: Upstream
) -> None:
    await appliance.connect(upstream)
    await asked(login)
    assert await granted(appliance, (await login.give()).agent_id) == {}


async def test_none_takes_a_grant_from_the_chosen_agent(appliance: Running, login: Login, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    await asked(login)
    await login.give(agent_id=agent.id, postures={connection.id: Posture.NONE})
    assert await granted(appliance, agent.id) == {}


async def test_what_goes_wrong_with_one_part_leaves_nothing_of_the_others(
    appliance: Running, login: Login, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    await asked(login)
    with pytest.raises(NotFound):
        await login.give(postures={connection.id: Posture.ASK, NOWHERE: Posture.READ})
    assert await untouched(appliance)
    assert await records(appliance, "service.grant") == []
    (refused,) = await records(appliance, "consent.give")
    assert refused.outcome is Outcome.BLOCKED
    assert (await login.give()).agent_name == "test-client"  # it waits on


async def test_an_unknown_agent_is_not_stood_for(appliance: Running, login: Login) -> None:
    await asked(login)
    with pytest.raises(NotFound):
        await login.give(agent_id=NOBODY)
    assert await untouched(appliance)


async def test_a_posture_that_a_connection_has_no_scope_for_is_refused(
    appliance: Running, login: Login, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream, scopes=["write"])
    await asked(login)
    with pytest.raises(InvalidRequest):
        await login.give(postures={connection.id: Posture.READ})
    assert await untouched(appliance)


async def test_a_disconnected_service_is_not_granted(appliance: Running, login: Login, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    await appliance.person.call(DisconnectService(connection_id=connection.id))
    await asked(login)
    with pytest.raises((Conflict, NotFound)):
        await login.give(postures={connection.id: Posture.READ})
    assert await untouched(appliance)


async def test_a_request_is_decided_once(appliance: Running, login: Login) -> None:
    request_id = await asked(login)
    await login.give()
    for decision in (GiveConsent, CreateConsentCode, RefuseConsent):
        with pytest.raises(Conflict):
            await appliance.person.call(decision(request_id=request_id))
    assert len((await appliance.person.call(ListConsents())).items) == 1


async def test_a_request_of_nobody_is_not_there(appliance: Running) -> None:
    for decision in (GiveConsent, CreateConsentCode, RefuseConsent):
        with pytest.raises(NotFound):
            await appliance.person.call(decision(request_id="azr_" + "0" * 22))


async def test_an_agent_that_is_deleted_before_the_code_is_fetched_ends_the_log_in(
    appliance: Running, login: Login
) -> None:
    await asked(login)
    given = await login.give()
    await appliance.person.call(DeleteAgent(agent_id=given.agent_id))
    assert (await login.look()).status_code == 404
    assert await consents_of(appliance, login.client_id) == []


@pytest.mark.parametrize("preset", ["admin", "agent", "readonly"])
@pytest.mark.parametrize("decision", ["give_consent", "create_consent_code", "refuse_consent", "list_consent_requests"])
async def test_no_key_lets_anybody_in(appliance: Running, login: Login, preset: str, decision: str) -> None:
    """Confused deputy: only a person at the terminal decides (MCP, security considerations)."""
    request_id = await asked(login)
    body = {} if decision.startswith("list") else {"request_id": request_id}
    async with appliance.http(await appliance.key(preset=preset)) as http:
        response = await http.post(f"/v1/call/{decision}", json=body)
    assert response.status_code == 403
    assert await untouched(appliance)


# Refusing ------------------------------------------------------------------------------------------------------------


async def test_a_refusal_tells_the_client_and_leaves_nothing(appliance: Running, login: Login) -> None:
    request_id = await asked(login)
    assert (await appliance.person.call(RefuseConsent(request_id=request_id))).items == []
    answer = answer_of(await login.look())
    assert (answer["error"], "code" in answer) == ("access_denied", False)
    assert await untouched(appliance)
    (record,) = await records(appliance, "consent.refuse")
    assert (record.subject, record.actor.partition(":")[0]) == (request_id, "session")


async def test_whoever_sits_at_the_browser_may_refuse_too(appliance: Running, login: Login) -> None:
    request_id = await asked(login)
    await login.press("refuse")
    with pytest.raises(Conflict):
        await login.give()
    (record,) = await records(appliance, "consent.refuse")
    assert (record.subject, record.actor) == (request_id, f"client:{login.client_id}")


async def test_a_refused_request_is_refused_for_good(appliance: Running, login: Login) -> None:
    await asked(login)
    await login.press("refuse")
    await login.press("ask")
    assert await waiting(appliance) == []
    assert answer_of(await login.look())["error"] == "access_denied"


# Revoking ------------------------------------------------------------------------------------------------------------


async def test_with_a_consent_end_its_tokens_its_passports_and_all_below(
    appliance: Running, login: Login, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    child = await appliance.agent("child", connection)
    await login.register()
    await login.open(resource=appliance.base_url)
    tokens = decoded(await login.token(code=await login.allow(postures={connection.id: Posture.ASK})))
    (consent,) = await consents_of(appliance, login.client_id)
    intent = DeclaredIntent(summary="to look")
    scopes = [ServiceScope(service_connection_id=connection.id, scopes=["read"])]
    async with appliance.http(tokens["access_token"]) as http:
        issue = IssuePassport(agent_id=consent.agent_id, intent=intent)
        body = issue.model_dump(mode="json", exclude_none=True)
        minted = decoded(await http.post("/v1/call/issue_passport", json=body))
    below = await appliance.person.call(
        DelegatePassport(parent_passport_token=minted["token"], child_agent_id=child.id, scopes=scopes)
    )
    kept = await appliance.person.call(IssuePassport(agent_id=child.id, intent=intent))

    revoked = await appliance.person.call(RevokeConsent(consent_id=consent.id))

    assert revoked.revoked_passports == 2
    assert not await accepts(appliance, tokens["access_token"])
    assert (await login.refresh(tokens["refresh_token"])).status_code == 400
    for token, is_good in (
        (minted["token"], False),
        (below.token.get_secret_value(), False),
        (kept.token.get_secret_value(), True),
    ):
        assert (await appliance.person.call(VerifyPassport(token=token))).valid is is_good
    (record,) = await records(appliance, "consent.revoke")
    assert (record.subject, record.agent_id, record.detail["revoked"]) == (consent.id, consent.agent_id, 2)
    fallen = {entry.passport_jti for entry in await records(appliance, "passport.revoke_cascade")}
    assert fallen == {minted["jti"], below.jti}


async def test_one_consent_of_a_client_ends_and_the_other_goes_on(appliance: Running, login: Login) -> None:
    first = await login.tokens()
    (doomed,) = await consents_of(appliance, login.client_id)
    second = await login.tokens(agent_id=doomed.agent_id)
    await appliance.person.call(RevokeConsent(consent_id=doomed.id))
    assert not await accepts(appliance, first["access_token"])
    assert await accepts(appliance, second["access_token"])


async def test_a_revoked_consent_is_no_longer_listed_and_can_be_revoked_again(appliance: Running, login: Login) -> None:
    await login.tokens()
    (consent,) = await consents_of(appliance, login.client_id)
    for _ in range(2):
        await appliance.person.call(RevokeConsent(consent_id=consent.id))
    assert (await appliance.person.call(ListConsents())).items == []


async def test_a_consent_of_nobody_cannot_be_revoked(appliance: Running) -> None:
    with pytest.raises(NotFound):
        await appliance.person.call(RevokeConsent(consent_id="cns_" + "0" * 22))


async def test_with_an_agent_ends_every_consent_that_names_it(appliance: Running, login: Login) -> None:
    """O-25: the agent is whom the token stands for."""
    tokens = await login.tokens()
    (consent,) = await consents_of(appliance, login.client_id)
    assert await accepts(appliance, tokens["access_token"])  # and is remembered
    await appliance.person.call(DeleteAgent(agent_id=consent.agent_id))
    assert not await accepts(appliance, tokens["access_token"])
    assert (await login.refresh(tokens["refresh_token"])).status_code == 400
    assert (await appliance.person.call(ListConsents())).items == []


async def test_an_admin_key_may_take_back_and_an_agents_may_not(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    (consent,) = await consents_of(appliance, login.client_id)
    for preset, status in (("readonly", 403), ("agent", 403), ("admin", 200)):
        async with appliance.http(await appliance.key(preset=preset)) as http:
            response = await http.post("/v1/call/revoke_consent", json={"consent_id": consent.id})
        assert response.status_code == status
        assert await accepts(appliance, tokens["access_token"]) is (status == 403)


async def test_only_what_holds_is_listed(appliance: Running, login: Login) -> None:
    await login.tokens()
    appliance.system.advance(seconds=REFRESH_IDLE_DAYS * 86_400)
    appliance.person.hold_session(None)
    session = await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    appliance.person.hold_session(Secret(session.session.get_secret_value()))
    assert (await appliance.person.call(ListConsents())).items == []


async def test_a_log_in_that_came_to_nothing_is_ended_once(appliance: Running, login: Login) -> None:
    await asked(login)
    given = await login.give()
    appliance.system.advance(seconds=REQUEST_MINUTES * 60)
    for _ in range(2):
        await appliance.appliance.authorization_server().sweep()
    (record,) = await records(appliance, "consent.revoke")
    assert (record.subject, record.detail) == (given.id, {"reason": "its log-in came to nothing"})


def test_every_decision_is_the_persons_alone() -> None:
    for request in (ListConsentRequests, EnterDeviceCode, GiveConsent, CreateConsentCode, RefuseConsent):
        operation = CATALOGUE[request]
        assert operation.scope in scopes.PERSON_ONLY
        assert "rest" not in operation.surfaces
        assert "mcp" not in operation.surfaces
