"""The token endpoint: codes, refresh tokens and device codes, shown wrongly, late, twice and by others."""

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from stack_local.domain.consents import CODE_SECONDS, CONSENT_DAYS, REFRESH_IDLE_DAYS, REPLAY_SECONDS
from stack_local.wire.agents import DeleteAgent
from stack_local.wire.consents import RevokeConsent
from stack_local.wire.vault import LockVault
from tests.conftest import Running, decoded
from tests.oauth.flow import (
    SHARED,
    VERIFIER,
    Login,
    accepts,
    consents_of,
    error_of,
)

Changed = dict[str, str | None]

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

WRONG: dict[str, tuple[Changed, tuple[int, str]]] = {
    # PKCE: RFC 7636, sections 4.1 and 4.6; RFC 9700, section 4.8.2; O-02.
    "another verifier": ({"code_verifier": "w" * 43}, (400, "invalid_grant")),
    "the verifier in another case": ({"code_verifier": VERIFIER.upper()}, (400, "invalid_grant")),
    "the challenge as the verifier": ({"code_verifier": "{challenge}"}, (400, "invalid_grant")),
    "no verifier": ({"code_verifier": None}, (400, "invalid_request")),
    "an empty verifier": ({"code_verifier": ""}, (400, "invalid_request")),
    "a verifier of 42 characters": ({"code_verifier": "v" * 42}, (400, "invalid_request")),
    "a verifier of 129 characters": ({"code_verifier": "v" * 129}, (400, "invalid_request")),
    "a verifier of other characters": ({"code_verifier": "v" * 42 + "+"}, (400, "invalid_request")),
    # The code is the client's and the redirect's: RFC 6749, section 4.1.3; O-04.
    "another redirect": ({"redirect_uri": "https://app.test/cb"}, (400, "invalid_grant")),
    "another port": ({"redirect_uri": "http://127.0.0.1:50000/callback"}, (400, "invalid_grant")),
    "no redirect where one was named": ({"redirect_uri": None}, (400, "invalid_grant")),
    # RFC 8707, section 2.2.
    "another server's resource": ({"resource": "https://other.test/mcp"}, (400, "invalid_target")),
    "more than was allowed": ({"resource": "{base}"}, (400, "invalid_target")),
    "the smaller endpoint": ({"resource": "{base}/mcp/core"}, (400, "invalid_target")),
}
"""Each of these burns the code."""

MALFORMED: dict[str, tuple[Changed, list[tuple[str, str]], tuple[int, str]]] = {
    # RFC 6749, section 5.2, and section 3.2: parameters stand once.
    "no code": ({"code": None}, [], (400, "invalid_request")),
    "an empty code": ({"code": ""}, [], (400, "invalid_request")),
    "a code of nobody": ({"code": "a" * 43}, [], (400, "invalid_grant")),
    "a code beyond its limit": ({"code": "a" * 8193}, [], (400, "invalid_request")),
    "a code with a line feed": ({"code": "{code}\n"}, [], (400, "invalid_request")),
    "two codes": ({}, [("code", "b" * 43)], (400, "invalid_request")),
    "the same code twice": ({}, [("code", "{code}")], (400, "invalid_request")),
    "two verifiers": ({}, [("code_verifier", VERIFIER)], (400, "invalid_request")),
    "two grants": ({}, [("grant_type", "refresh_token")], (400, "invalid_request")),
    "two resources": ({"resource": "{base}/mcp"}, [("resource", "{base}/mcp")], (400, "invalid_target")),
    "no grant": ({"grant_type": None}, [], (400, "unsupported_grant_type")),
    "the password grant (RFC 9700 2.4)": (
        {"grant_type": "password", "username": "a", "password": "b"},
        [],
        (400, "unsupported_grant_type"),
    ),
    "client credentials": ({"grant_type": "client_credentials"}, [], (400, "unsupported_grant_type")),
    "the implicit grant": ({"grant_type": "implicit"}, [], (400, "unsupported_grant_type")),
    "an assertion": (
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"},
        [],
        (400, "unsupported_grant_type"),
    ),
    "a grant in upper case": ({"grant_type": "Authorization_Code"}, [], (400, "unsupported_grant_type")),
    "the device grant by another client": (
        {"grant_type": DEVICE, "device_code": "x"},
        [],
        (400, "unauthorized_client"),
    ),
    # RFC 6749, sections 2.3 and 3.2.1.
    "no client": ({"client_id": None}, [], (400, "invalid_client")),
    "an unknown client": ({"client_id": "cli_0000000000000000000000"}, [], (400, "invalid_client")),
    "a secret nobody was given": ({"client_secret": "x"}, [], (400, "invalid_client")),
    "two clients": ({}, [("client_id", "stack-cli")], (400, "invalid_request")),
}
"""None of these touches the code."""


def filled(login: Login, value: str | None, code: str = "") -> str | None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    known = {"{base}": login.running.base_url, "{challenge}": challenge, "{code}": code}
    for name, meaning in known.items():
        value = None if value is None else value.replace(name, meaning)
    return value


def all_filled(login: Login, changed: Changed, code: str = "") -> Changed:
    return {name: filled(login, value, code) for name, value in changed.items()}


# Codes ---------------------------------------------------------------------------------------------------------------


@SHARED
@pytest.mark.parametrize(("changed", "error"), WRONG.values(), ids=WRONG)
async def test_a_code_shown_wrongly_gives_nothing_and_is_burnt(
    guest: Login, changed: Changed, error: tuple[int, str]
) -> None:
    code = await guest.code()
    assert error_of(await guest.token(code=code, **all_filled(guest, changed))) == error
    assert error_of(await guest.token(code=code)) == (400, "invalid_grant")


@SHARED
@pytest.mark.parametrize(("changed", "more", "error"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_request_gives_nothing_and_spends_nothing(
    guest: Login, changed: Changed, more: list[tuple[str, str]], error: tuple[int, str]
) -> None:
    code = await guest.code()
    form = list(guest.fields(**{"code": code, **all_filled(guest, changed, code)}).items())
    form += [(name, filled(guest, value, code) or "") for name, value in more]
    assert error_of(await send(guest, form)) == error
    assert (await guest.token(code=code)).status_code == 200


async def send(login: Login, pairs: list[tuple[str, str]]) -> Any:
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return await login.http.post("/oauth/token", data=form)


@SHARED
async def test_a_code_of_another_client_gives_nothing(guest: Login, hotel: Running) -> None:
    """RFC 6749, section 4.1.3: the code was issued to the client that shows it."""
    code = await guest.code()
    async with hotel.http() as http:
        thief = Login(hotel, http)
        await thief.register()
        assert error_of(await thief.token(code=code)) == (400, "invalid_grant")
        assert error_of(await thief.token(code=code, client_id="stack-cli")) == (400, "invalid_grant")


@SHARED
async def test_a_redirect_that_was_not_named_need_not_be_named_again(guest: Login) -> None:
    """RFC 6749, section 4.1.3: required if it was included in the authorization request."""
    code = await guest.code(redirect_uri=None)
    assert (await guest.token(code=code, redirect_uri=None)).status_code == 200


@SHARED
async def test_a_redirect_that_was_not_named_is_named_rightly_or_not_at_all(guest: Login) -> None:
    code = await guest.code(redirect_uri=None)
    assert error_of(await guest.token(code=code, redirect_uri="https://evil.test")) == (400, "invalid_grant")


@SHARED
async def test_a_code_used_twice_takes_back_what_it_gave(guest: Login, hotel: Running) -> None:
    """RFC 9700, section 2.1.1; O-03."""
    code = await guest.code()
    tokens = decoded(await guest.token(code=code))
    assert await accepts(hotel, tokens["access_token"])
    assert error_of(await guest.token(code=code)) == (400, "invalid_grant")
    assert not await accepts(hotel, tokens["access_token"])
    assert error_of(await guest.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert await consents_of(hotel, guest.client_id) == []


@SHARED
async def test_a_code_used_by_twenty_at_once_is_used_once_at_most(guest: Login, hotel: Running) -> None:
    """O-03: one answer, and as it was used again, what it gave is taken back."""
    code = await guest.code()
    responses = await asyncio.gather(*(guest.token(code=code) for _ in range(20)))
    assert sorted(response.status_code for response in responses) == [200, *[400] * 19]
    (given,) = [decoded(response) for response in responses if response.status_code == 200]
    assert not await accepts(hotel, given["access_token"])
    assert await consents_of(hotel, guest.client_id) == []


@SHARED
async def test_a_code_whose_consent_was_revoked_gives_nothing(guest: Login, hotel: Running) -> None:
    code = await guest.code()
    (consent,) = await consents_of(hotel, guest.client_id)
    await hotel.person.call(RevokeConsent(consent_id=consent.id))
    assert error_of(await guest.token(code=code)) == (400, "invalid_grant")


@SHARED
async def test_a_code_whose_agent_was_deleted_gives_nothing(guest: Login, hotel: Running) -> None:
    code = await guest.code()
    (consent,) = await consents_of(hotel, guest.client_id)
    await hotel.person.call(DeleteAgent(agent_id=consent.agent_id))
    assert error_of(await guest.token(code=code)) == (400, "invalid_grant")


@pytest.mark.parametrize(("seconds", "status"), [(CODE_SECONDS - 1, 200), (CODE_SECONDS, 400), (CODE_SECONDS + 1, 400)])
async def test_a_code_is_good_for_a_minute(appliance: Running, login: Login, seconds: int, status: int) -> None:
    """RFC 9700, section 2.1.1 (RFC 6749, section 4.1.2: short-lived)."""
    code = await login.code()
    appliance.system.advance(seconds=seconds)
    assert (await login.token(code=code)).status_code == status


@SHARED
async def test_the_answer_has_the_members_and_headers_of_the_rfc(guest: Login, hotel: Running) -> None:
    """RFC 6749, section 5.1: never cached; the scope is said, as it may be another than was asked for."""
    response = await guest.token(code=await guest.code(scope="proxy:write"), resource=f"{hotel.base_url}/mcp")
    said = decoded(response)
    assert set(said) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (said["scope"], said["token_type"], said["expires_in"]) == ("proxy:write", "Bearer", 600)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"


# Refresh tokens ------------------------------------------------------------------------------------------------------

REFRESHED_WRONGLY: dict[str, tuple[Changed, tuple[int, str]]] = {
    # RFC 6749, section 6; RFC 8707, section 2.2; O-25.
    "more scope": ({"scope": "proxy:write credentials:reveal"}, (400, "invalid_scope")),
    "an unknown scope": ({"scope": "proxy:delete"}, (400, "invalid_scope")),
    "a person's scope": ({"scope": "clients:decide"}, (400, "invalid_scope")),
    "another server's resource": ({"resource": "https://other.test/mcp"}, (400, "invalid_target")),
    "more than was allowed": ({"resource": "{base}"}, (400, "invalid_target")),
    "no token": ({"refresh_token": None}, (400, "invalid_request")),
    "an empty token": ({"refresh_token": ""}, (400, "invalid_request")),
    "a token of nobody": ({"refresh_token": "sk_refresh_" + "a" * 43}, (400, "invalid_grant")),
    "a token with a line feed": ({"refresh_token": "{token}\n"}, (400, "invalid_request")),
    "the token as a code": ({"grant_type": "authorization_code", "code": "{token}"}, (400, "invalid_grant")),
    "the token for a device": ({"grant_type": DEVICE, "device_code": "{token}"}, (400, "unauthorized_client")),
    "the access token in its place": ({"refresh_token": "{access}"}, (400, "invalid_grant")),
    "an unknown client": ({"client_id": "cli_0000000000000000000000"}, (400, "invalid_client")),
    "no client": ({"client_id": None}, (400, "invalid_client")),
}
"""None of these spends the token."""


@SHARED
@pytest.mark.parametrize(("changed", "error"), REFRESHED_WRONGLY.values(), ids=REFRESHED_WRONGLY)
async def test_a_refresh_that_breaks_a_rule_gives_nothing_and_spends_nothing(
    guest: Login, changed: Changed, error: tuple[int, str]
) -> None:
    tokens = await guest.tokens()
    meanings = {"{token}": tokens["refresh_token"], "{access}": tokens["access_token"]}
    filled_in = all_filled(guest, changed)
    for name, value in filled_in.items():
        for written, meaning in meanings.items():
            filled_in[name] = value = None if value is None else value.replace(written, meaning)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "redirect_uri": None}
    assert error_of(await guest.token(**{**form, "code_verifier": None, **filled_in})) == error
    assert (await guest.refresh(tokens["refresh_token"])).status_code == 200


@SHARED
async def test_a_refresh_token_of_another_client_ends_the_family(guest: Login, hotel: Running) -> None:
    """RFC 6749, section 6: bound to the client; whoever shows another's has stolen it. O-23."""
    tokens = await guest.tokens()
    async with hotel.http() as http:
        thief = Login(hotel, http)
        await thief.register()
        assert error_of(await thief.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert error_of(await guest.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert not await accepts(hotel, tokens["access_token"])


@SHARED
async def test_less_scope_is_for_one_token_and_the_grant_stays_whole(guest: Login) -> None:
    """RFC 6749, section 6: the new refresh token has the scope of the old one."""
    first = await guest.tokens()
    narrow = decoded(await guest.refresh(first["refresh_token"], scope="proxy:write"))
    assert narrow["scope"] == "proxy:write"
    whole = decoded(await guest.refresh(narrow["refresh_token"]))
    assert whole["scope"] == first["scope"]


@SHARED
async def test_twins_that_refresh_at_once_get_one_answer(guest: Login, hotel: Running) -> None:
    """O-23: several processes of one client share a refresh token."""
    first = await guest.tokens()
    answers = [decoded(r) for r in await asyncio.gather(*(guest.refresh(first["refresh_token"]) for _ in range(8)))]
    assert all(answer == answers[0] for answer in answers)
    assert await accepts(hotel, answers[0]["access_token"])


REUSED: dict[str, tuple[int, Changed]] = {
    "later": (REPLAY_SECONDS, {}),
    "much later": (86_400, {}),
    "at once, for less scope": (0, {"scope": "proxy:write"}),
    "the last moment of grace, for less scope": (REPLAY_SECONDS - 1, {"scope": "proxy:write"}),
}


@pytest.mark.parametrize(("seconds", "changed"), REUSED.values(), ids=REUSED)
async def test_a_refresh_token_used_again_ends_the_family(
    appliance: Running, login: Login, seconds: int, changed: Changed
) -> None:
    """RFC 9700, section 4.14.2."""
    first = await login.tokens()
    second = decoded(await login.refresh(first["refresh_token"]))
    appliance.system.advance(seconds=seconds)
    assert error_of(await login.refresh(first["refresh_token"], **changed)) == (400, "invalid_grant")
    assert error_of(await login.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert not await accepts(appliance, second["access_token"])


async def test_a_refresh_token_is_no_way_back_once_the_next_one_was_used(appliance: Running, login: Login) -> None:
    """RFC 9700, section 4.14.2: its owner had the answer, so whoever shows it again within the grace is another."""
    first = await login.tokens()
    second = decoded(await login.refresh(first["refresh_token"]))
    third = decoded(await login.refresh(second["refresh_token"]))
    appliance.system.advance(seconds=1)
    assert error_of(await login.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert not await accepts(appliance, third["access_token"])


async def test_a_replayed_answer_outlives_the_lock_of_the_vault(appliance: Running, login: Login) -> None:
    first = await login.tokens()
    second = decoded(await login.refresh(first["refresh_token"]))
    await appliance.person.call(LockVault())
    assert decoded(await login.refresh(first["refresh_token"])) == second
    assert (await login.refresh(second["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("days", "status"), [(REFRESH_IDLE_DAYS - 1, 200), (REFRESH_IDLE_DAYS, 400)], ids=["in time", "too late"]
)
async def test_an_unused_refresh_token_is_over_after_a_month(
    appliance: Running, login: Login, days: int, status: int
) -> None:
    """RFC 9700, section 4.14.2: they expire if they are not used."""
    tokens = await login.tokens()
    appliance.system.advance(seconds=days * 86_400)
    assert (await login.refresh(tokens["refresh_token"])).status_code == status


async def test_a_consent_ends_after_half_a_year_however_much_it_is_used(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    for _ in range(CONSENT_DAYS // 20 - 1):
        appliance.system.advance(seconds=20 * 86_400)
        tokens = decoded(await login.refresh(tokens["refresh_token"]))
    appliance.system.advance(seconds=20 * 86_400 - 60)
    last = decoded(await login.refresh(tokens["refresh_token"]))
    assert await accepts(appliance, last["access_token"])
    appliance.system.advance(seconds=60)
    assert not await accepts(appliance, last["access_token"])
    assert error_of(await login.refresh(last["refresh_token"])) == (400, "invalid_grant")
