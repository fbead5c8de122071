"""Introspection (RFC 7662): each key sees the tokens of its own agents; everybody else learns nothing."""

import pytest

from stack_local.wire.consents import RevokeConsent
from stack_local.wire.passports import DeclaredIntent, IssuePassport
from tests.conftest import Running, decoded
from tests.oauth.flow import SHARED, Login, consents_of, error_of
from tests.oauth.test_tokens import token_for


async def introspected(running: Running, bearer: str | None, token: str) -> object:
    async with running.http(bearer) as http:
        response = await http.post("/oauth/introspect", data={"token": token})
    assert response.headers["cache-control"] == "no-store"
    return decoded(response) if response.status_code == 200 else response.status_code


@SHARED
async def test_an_admin_sees_what_a_token_is(guest: Login, hotel: Running) -> None:
    """RFC 7662, section 2.2."""
    tokens = await guest.tokens()
    said = await introspected(hotel, await hotel.key(preset="admin"), tokens["access_token"])
    assert isinstance(said, dict)
    assert (said["active"], said["client_id"], said["token_type"]) == (True, guest.client_id, "Bearer")
    assert (said["iss"], said["aud"]) == (hotel.base_url, f"{hotel.base_url}/mcp")
    refresh = await introspected(hotel, await hotel.key(preset="admin"), tokens["refresh_token"])
    assert isinstance(refresh, dict)
    assert refresh["active"] is True
    assert "refresh_token" not in str(refresh)


@SHARED
async def test_a_narrowed_token_says_its_own_scope(guest: Login, hotel: Running) -> None:
    tokens = await guest.tokens()
    narrow = decoded(await guest.refresh(tokens["refresh_token"], scope="proxy:write"))
    said = await introspected(hotel, await hotel.key(preset="admin"), narrow["access_token"])
    assert isinstance(said, dict)
    assert said["scope"] == "proxy:write"


@SHARED
async def test_a_key_of_another_agent_learns_nothing(guest: Login, hotel: Running) -> None:
    """O-27: the same answer as for garbage."""
    tokens = await guest.tokens()
    other = await hotel.key(agent_id=(await hotel.agent("another")).id)
    assert await introspected(hotel, other, tokens["access_token"]) == {"active": False}
    assert await introspected(hotel, other, tokens["refresh_token"]) == {"active": False}


@SHARED
async def test_a_key_of_the_agent_sees_its_tokens(guest: Login, hotel: Running) -> None:
    tokens = await guest.tokens()
    (consent,) = await consents_of(hotel, guest.client_id)
    own = await hotel.key(agent_id=consent.agent_id)
    said = await introspected(hotel, own, tokens["access_token"])
    assert isinstance(said, dict)
    assert said["active"] is True


INACTIVE = ["garbage", "a.b.c", "sk_refresh_" + "a" * 43, "sk_live_x", "eyJhbGciOiJub25lIn0.e30."]


@SHARED
@pytest.mark.parametrize("token", INACTIVE)
async def test_what_is_no_token_is_inactive(hotel: Running, token: str) -> None:
    assert await introspected(hotel, await hotel.key(preset="admin"), token) == {"active": False}


async def test_a_token_that_is_over_is_inactive(appliance: Running, login: Login) -> None:
    admin = await appliance.key(preset="admin")
    first = await login.tokens()
    second = decoded(await login.refresh(first["refresh_token"]))
    assert await introspected(appliance, admin, first["refresh_token"]) == {"active": False}
    appliance.system.advance(seconds=600)
    assert await introspected(appliance, admin, second["access_token"]) == {"active": False}
    third = decoded(await login.refresh(second["refresh_token"]))
    (consent,) = await consents_of(appliance, login.client_id)
    await appliance.person.call(RevokeConsent(consent_id=consent.id))
    for token in (third["access_token"], third["refresh_token"]):
        assert await introspected(appliance, admin, token) == {"active": False}


@SHARED
async def test_nobody_a_passport_and_a_session_introspect_nothing(guest: Login, hotel: Running) -> None:
    """RFC 7662, section 2.1: the caller is authorized, so that nobody scans for tokens."""
    tokens = await token_for(guest, "")
    (consent,) = await consents_of(hotel, guest.client_id)
    asked = IssuePassport(agent_id=consent.agent_id, intent=DeclaredIntent(summary="to look"))
    async with hotel.http(tokens["access_token"]) as http:
        body = asked.model_dump(mode="json", exclude_none=True)
        passport = decoded(await http.post("/v1/call/issue_passport", json=body))["token"]
    assert await introspected(hotel, None, tokens["access_token"]) == 401
    assert await introspected(hotel, "garbage", tokens["access_token"]) == 401
    assert await introspected(hotel, passport, tokens["access_token"]) == 403


@SHARED
async def test_a_token_for_the_mcp_endpoint_introspects_nothing(guest: Login, hotel: Running) -> None:
    tokens = await guest.tokens()
    assert await introspected(hotel, tokens["access_token"], tokens["access_token"]) == 401


@SHARED
@pytest.mark.parametrize("token", [[], [""], ["a", "b"]], ids=["none", "an empty one", "two"])
async def test_a_question_without_one_token_is_malformed(hotel: Running, token: list[str]) -> None:
    async with hotel.http(await hotel.key(preset="admin")) as http:
        response = await http.post("/oauth/introspect", data={"token_type_hint": "x", "token": token})
    assert error_of(response) == (400, "invalid_request")
