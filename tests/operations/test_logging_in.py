"""How a log-in ends (security-cases O-33): by the redirect it was begun for, once, in time, for whoever began it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.oauth.upstream import CALLBACK_PATH
from stack_local.store import connecting as store
from stack_local.wire.audit import AuditEntry, ListAudit
from stack_local.wire.connecting import ConnectAttempt, FinishConnection, GetConnectAttempt
from stack_local.wire.keys import RevokeKey
from stack_local.wire.services import DisconnectService, ListConnections
from stack_local.wire.vault import CreateSession, EndSession, LockVault, UnlockVault
from tests.conftest import PASSPHRASE, TOKEN, decoded
from tests.simulators.authorization_server import HOST, MISBEHAVIORS
from tests.simulators.shop import SHOP, Counter, open_shop

ISSUER = f"https://{HOST}"


async def begun(at: Counter, **fields: Any) -> tuple[str, dict[str, str]]:
    """The id of a log-in, and the redirect that the service would answer with."""
    started = await at.begin(**fields)
    assert started.authorization_url is not None
    assert started.attempt_id is not None
    return started.attempt_id, at.server.allow(started.authorization_url)


async def attempt(at: Counter, attempt_id: str) -> ConnectAttempt:
    return await at.running.person.call(GetConnectAttempt(attempt_id=attempt_id))


async def records(at: Counter) -> list[AuditEntry]:
    """Of how log-ins ended, newest first."""
    entries = (await at.running.person.call(ListAudit(limit=50))).entries
    return [entry for entry in entries if entry.action == "service.connect_finish"]


async def is_untouched(at: Counter) -> bool:
    """Nothing was connected, and the service was asked for nothing."""
    return (await at.running.person.call(ListConnections())).items == [] and at.server.forms == []


async def test_a_code_becomes_a_connection_with_what_renews_it(at: Counter) -> None:
    attempt_id, said = await begun(at, scopes=["things:read"])
    assert (await at.come_back(said)).status_code == 200
    ended = await attempt(at, attempt_id)
    assert ended.connection_id is not None
    assert (ended.status, ended.reason, ended.authorization_url) == ("connected", None, None)
    kept = await at.kept(ended.connection_id)
    assert kept.renewal is not None
    assert (kept.source, kept.fields["value"]) == ("refresh_token", Secret(at.server.access_tokens[0]))
    assert kept.renewal.refresh_token == Secret(at.server.refresh_tokens[0])
    (record,) = await records(at)
    assert record.actor.startswith("session:")
    assert (record.outcome, record.detail["connection_id"]) == ("success", ended.connection_id)


async def test_a_person_sees_whether_the_service_takes_the_new_token(at: Counter) -> None:
    await at.log_in()
    (connection,) = (await at.running.person.call(ListConnections())).items
    assert connection.verification == "passed"


async def test_a_service_that_gives_no_refresh_token_is_connected_until_its_token_ends(at: Counter) -> None:
    at.server.gives_refresh_tokens = False
    assert (await at.log_in()).status_code == 200
    (connection,) = (await at.running.person.call(ListConnections())).items
    assert (await at.kept(connection.id)).source == "oauth"
    assert (await at.kept(connection.id)).renewal is None


async def test_what_was_granted_less_is_on_record(at: Counter) -> None:
    at.server.scope_given = "things:read"
    await at.log_in(scopes=["things:read", "things:write"])
    (connection,) = (await at.running.person.call(ListConnections())).items
    assert connection.service_scopes == ["things:read"]
    (record,) = await records(at)
    assert record.detail["scopes_not_granted"] == "things:write"


# A redirect that is not the one --------------------------------------------------------------------------------------


def without(name: str) -> Any:
    return lambda said: {key: value for key, value in said.items() if key != name}


def changed(**fields: str) -> Any:
    return lambda said: {**said, **fields}


UNKNOWN: dict[str, Any] = {
    "no state": without("state"),
    "an empty state": changed(state=""),
    "another state": changed(state="A" * 43),
    "a state in another case": lambda said: {**said, "state": said["state"].swapcase()},
    "a state with more behind it": lambda said: {**said, "state": said["state"] + "A"},
    "a state with HTML": changed(state="<script>alert(1)</script>"),
    "a state without end": changed(state="A" * 5000),
}


@pytest.mark.parametrize("change", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_redirect_that_nobody_waits_for_is_refused_counted_and_ends_nothing(at: Counter, change: Any) -> None:
    attempt_id, said = await begun(at)
    at.running.appliance.dispatcher.take_counted()
    answer = await at.come_back(change(said))
    assert answer.status_code in (400, 404)
    assert "<script>" not in answer.text
    assert (await attempt(at, attempt_id)).status == "waiting"
    assert await is_untouched(at)
    assert await records(at) == []
    assert sum(at.running.appliance.dispatcher.take_counted().values()) == 1
    assert (await at.come_back(said)).status_code == 200, "the right one still counts"


SPENT: dict[str, tuple[Any, str]] = {
    "a refusal": (
        lambda said: {"state": said["state"], "error": "access_denied"},
        "the service refused: access_denied",
    ),
    "a refusal with HTML": (
        lambda said: {"state": said["state"], "error": "<b>x</b>", "error_description": "<script>"},
        "the service refused: no reason that can be shown",
    ),
    "a refusal beside a code": (changed(error="server_error"), "the service refused: server_error"),
    "no code": (without("code"), "the answer holds no code"),
    "an empty code": (changed(code=""), "the answer holds no code"),
}


@pytest.mark.parametrize(("change", "reason"), SPENT.values(), ids=SPENT)
async def test_a_redirect_without_a_good_code_ends_the_log_in(at: Counter, change: Any, reason: str) -> None:
    attempt_id, said = await begun(at)
    answer = await at.come_back(change(said))
    assert (answer.status_code, "<script>" in answer.text, "<b>" in answer.text) == (409, False, False)
    ended = await attempt(at, attempt_id)
    assert (ended.status, ended.reason) == ("failed", reason)
    assert (await at.come_back(said)).status_code == 409
    assert await is_untouched(at)
    (record,) = await records(at)
    assert (record.outcome, record.error_message) == ("failure", reason)


async def test_a_redirect_counts_once(at: Counter) -> None:
    _, said = await begun(at)
    answers = await asyncio.gather(*(at.come_back(said) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert len(at.server.forms) == 1


async def test_a_redirect_that_comes_late_is_refused(at: Counter) -> None:
    attempt_id, said = await begun(at)
    at.running.system.advance(600)
    assert (await at.come_back(said)).status_code == 409
    assert (await attempt(at, attempt_id)).status == "expired"
    assert await is_untouched(at)


async def test_a_redirect_with_a_parameter_twice_is_no_redirect(at: Counter) -> None:
    _, said = await begun(at)
    async with at.running.http() as browser:
        query = f"state={said['state']}&code={said['code']}&code={said['code']}"
        assert (await browser.get(f"{CALLBACK_PATH}?{query}")).status_code == 400
        assert (await browser.get(f"{CALLBACK_PATH}?{'&'.join(f'p{n}=1' for n in range(40))}")).status_code == 400
    assert await is_untouched(at)


async def test_a_code_of_another_log_in_is_no_good(at: Counter) -> None:
    first, said = await begun(at)
    _, other = await begun(at)
    assert (await at.come_back({**said, "code": other["code"]})).status_code == 409
    ended = await attempt(at, first)
    assert (ended.status, ended.reason) == ("failed", "the service refused: invalid_grant"), "PKCE: another verifier"


ISSUERS: dict[str, tuple[str | None, str | None, int]] = {
    "the one the template names": (ISSUER, ISSUER, 200),
    "another": (ISSUER, "https://evil.example.com", 409),
    "the same with a slash": (ISSUER, f"{ISSUER}/", 409),
    "none, as many a service says it": (ISSUER, None, 200),
    "one where the template names none": (None, "https://auth.example.com", 200),
}


@pytest.mark.parametrize(("named", "said", "status"), ISSUERS.values(), ids=ISSUERS)
async def test_a_redirect_of_another_server_is_refused(
    tmp_path: Path, named: str | None, said: str | None, status: int
) -> None:
    async with open_shop(tmp_path) as at:
        template = at.core.plugins.templates[SHOP]
        assert template.oauth is not None
        oauth = template.oauth.model_copy(update={"issuer": named})
        at.core.plugins.templates[SHOP] = template.model_copy(update={"oauth": oauth})
        at.server.issuer = said
        _, redirect = await begun(at)
        assert (await at.come_back(redirect)).status_code == status
        assert len(at.server.forms) == (1 if status == 200 else 0)


# Whoever began it ----------------------------------------------------------------------------------------------------


async def new_session(at: Counter) -> None:
    at.running.person.hold_session(None)
    session = await at.running.person.call(CreateSession(passphrase=PASSPHRASE))
    at.running.person.hold_session(Secret(session.session.get_secret_value()))


async def test_a_log_in_is_over_when_its_session_is_though_another_goes_on(at: Counter) -> None:
    attempt_id, said = await begun(at)
    await at.running.person.call(EndSession())
    await new_session(at)
    assert (await at.come_back(said)).status_code == 409
    assert (await attempt(at, attempt_id)).reason == "whoever began it is no longer there"
    assert await is_untouched(at)


async def test_a_log_in_is_over_when_its_key_is(at: Counter) -> None:
    key = await at.running.key(preset="admin")
    asked = {"service_id": SHOP, "client_id": "app-of-mine", "client_secret": "client-secret-1a2b3c4d"}
    async with at.running.http(key) as http:
        told = decoded(await http.post("/v1/services/connect", json=asked))
    said = at.server.allow(told["authorization_url"])
    shown = (await attempt(at, told["attempt_id"])).asked_by
    await at.running.person.call(RevokeKey(key_id=shown.removeprefix("key:")))
    assert (await at.come_back(said)).status_code == 409
    assert await is_untouched(at)


async def test_a_locked_vault_finishes_nothing_and_spends_nothing(at: Counter) -> None:
    _, said = await begun(at)
    await at.running.person.call(LockVault())
    assert (await at.come_back(said)).status_code == 423
    assert at.server.forms == []
    at.running.person.hold_session(None)
    session = await at.running.person.call(UnlockVault(passphrase=PASSPHRASE))
    at.running.person.hold_session(Secret(session.session.get_secret_value()))
    assert (await at.come_back(said)).status_code == 409, "locking ended the session that began it"


# What a service makes of the code ------------------------------------------------------------------------------------


@pytest.mark.parametrize("misbehavior", MISBEHAVIORS)
async def test_a_service_that_misbehaves_connects_nothing_and_shows_nothing_of_itself(
    tmp_path: Path, misbehavior: str
) -> None:
    async with open_shop(tmp_path, patience=0.3) as at:
        attempt_id, said = await begun(at)
        at.server.misbehavior = misbehavior
        answer = await at.come_back(said)
        assert (answer.status_code, "<html>busy" in answer.text) == (409, False)
        assert (await attempt(at, attempt_id)).status == "failed"
        assert (await at.running.person.call(ListConnections())).items == []


async def test_a_connection_that_is_gone_meanwhile_is_not_brought_back(at: Counter) -> None:
    made = await at.begin(oauth_token=TOKEN)
    attempt_id, said = await begun(at, connection_id=made.id)
    await at.running.person.call(DisconnectService(connection_id=made.id))
    assert (await at.come_back(said)).status_code == 409
    ended = await attempt(at, attempt_id)
    assert (ended.status, ended.reason) == ("failed", "the service is disconnected")
    assert (await at.running.person.call(ListConnections())).items == []


async def test_nothing_of_a_log_in_that_is_over_is_kept_but_how_it_ended(at: Counter) -> None:
    attempt_id, said = await begun(at)
    await at.come_back(said)
    row = await at.core.database.read(lambda tx: store.get(tx, attempt_id))
    assert row.sealed is None


# By hand -------------------------------------------------------------------------------------------------------------


async def test_a_browser_on_another_machine_is_no_hindrance(at: Counter) -> None:
    attempt_id, said = await begun(at)
    address = f"{at.running.base_url}{CALLBACK_PATH}?state={said['state']}&code={said['code']}"
    finished = await at.running.person.call(FinishConnection(callback_url=address))
    assert (finished.id, finished.status) == (attempt_id, "connected")


ADDRESSES = {
    "another host": "http://127.0.0.2:1/connect/callback",
    "another path": "{base}/connect/callbacks",
    "https": "https://127.0.0.1/connect/callback",
    "nothing": "",
    "no address": "http://[",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_that_is_not_ours_is_none(at: Counter, address: str) -> None:
    _, said = await begun(at)
    whole = f"{address.format(base=at.running.base_url)}?state={said['state']}&code={said['code']}"
    with pytest.raises(InvalidRequest):
        await at.running.person.call(FinishConnection(callback_url=whole))
    assert await is_untouched(at)


async def test_an_agent_finishes_no_log_in(at: Counter) -> None:
    _, said = await begun(at)
    address = f"{at.running.base_url}{CALLBACK_PATH}?state={said['state']}&code={said['code']}"
    async with at.running.http(await at.running.key(preset="admin")) as http:
        answer = await http.post("/v1/call/finish_connection", json={"callback_url": address})
    assert answer.status_code == 403
    assert await is_untouched(at)
