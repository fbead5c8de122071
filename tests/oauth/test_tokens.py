"""Access tokens: what they say (RFC 9068), where they are good (RFC 8707), and what is no access token."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.consents import ACCESS_SECONDS
from stack_local.domain.errors import Unauthorized
from stack_local.oauth import tokens as issuing
from stack_local.proxy.own_tokens import carries_own_token
from stack_local.store import consents
from stack_local.store.database import Tx
from stack_local.wire.consents import RevokeConsent
from stack_local.wire.passports import DeclaredIntent, IssuePassport
from tests.conftest import Running, begin, decoded, served
from tests.domain.samples import CALL
from tests.oauth.flow import SHARED, Login, accepts, consents_of
from tests.simulators.clock import TestSystem

RESOURCES = {
    "the whole appliance": ("", {"/mcp": True, "/mcp/core": True, "REST": True}),
    "the MCP endpoint": ("/mcp", {"/mcp": True, "/mcp/core": True, "REST": False}),
    "the smaller endpoint": ("/mcp/core", {"/mcp": False, "/mcp/core": True, "REST": False}),
}
"""By the resource a token is for: where it is good. RFC 8707, section 2; RFC 9700, section 2.3."""


async def token_for(login: Login, path: str, **changed: str) -> dict[str, Any]:
    await login.register()
    await login.open(resource=f"{login.running.base_url}{path}", **changed)
    answer: dict[str, Any] = decoded(await login.token(code=await login.allow()))
    return answer


def claims_of(token: str) -> dict[str, Any]:
    head, payload, _ = token.split(".")
    claims: dict[str, Any] = read(payload)
    return {"typ": read(head)["typ"], "alg": read(head)["alg"], **claims}


def read(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@SHARED
async def test_a_token_says_whose_it_is_and_for_what(guest: Login, hotel: Running) -> None:
    """RFC 9068, section 2.2."""
    tokens = await token_for(guest, "/mcp", scope="proxy:write")
    (consent,) = await consents_of(hotel, guest.client_id)
    claims = claims_of(tokens["access_token"])
    assert (claims["typ"], claims["alg"]) == ("at+jwt", "EdDSA")
    assert (claims["iss"], claims["aud"]) == (hotel.base_url, f"{hotel.base_url}/mcp")
    assert (claims["client_id"], claims["scope"]) == (guest.client_id, "proxy:write")
    assert claims["consent_id"] == consent.id
    assert claims["exp"] - claims["iat"] == ACCESS_SECONDS
    assert claims["sub"].startswith("op_")


@SHARED
async def test_no_two_tokens_are_the_same(guest: Login) -> None:
    first = await guest.tokens()
    second = decoded(await guest.refresh(first["refresh_token"]))
    jtis = {claims_of(answer["access_token"])["jti"] for answer in (first, second)}
    assert len(jtis) == 2
    assert first["refresh_token"] != second["refresh_token"]


@SHARED
@pytest.mark.parametrize(("path", "good"), RESOURCES.values(), ids=RESOURCES)
async def test_a_token_is_good_at_its_resource_and_below(
    guest: Login, hotel: Running, path: str, good: dict[str, bool]
) -> None:
    tokens = await token_for(guest, path)
    seen = {place: await accepts(hotel, tokens["access_token"], place) for place in ("/mcp", "/mcp/core")}
    async with hotel.http(tokens["access_token"]) as http:
        response = await http.post("/v1/call/list_services", json={})
    assert {**seen, "REST": response.status_code == 200} == good
    if not good["REST"]:
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


@SHARED
@pytest.mark.parametrize("path", ["/mcp/", "/mcp//", "/mcp/core/"])
async def test_a_token_gains_nothing_by_another_way_to_write_the_path(guest: Login, hotel: Running, path: str) -> None:
    tokens = await token_for(guest, "/mcp/core")
    async with hotel.http(tokens["access_token"]) as http:
        response = await http.post(path, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert response.status_code != 200 or path == "/mcp/core/"


@pytest.mark.parametrize("seed", ["another", "stack-local"], ids=["with other keys", "with the same keys"])
async def test_a_token_of_another_appliance_is_not_taken(
    tmp_path: Path, appliance: Running, login: Login, seed: str
) -> None:
    """O-22: two on one host; a token of the one is nothing at the other."""
    tokens = await login.tokens()
    async with served(tmp_path / "other", tmp_path / "state2", system=TestSystem(seed=seed)) as other:
        await begin(other)
        assert not await accepts(other, tokens["access_token"])
    assert await accepts(appliance, tokens["access_token"])


@SHARED
async def test_a_token_counts_within_the_scopes_that_were_allowed(guest: Login, hotel: Running) -> None:
    tokens = await token_for(guest, "", scope="proxy:write")
    async with hotel.http(tokens["access_token"]) as http:
        response = await http.post("/v1/call/list_services", json={})
    assert response.status_code == 403
    assert 'error="insufficient_scope", scope="services:read"' in response.headers["www-authenticate"]


@SHARED
@pytest.mark.parametrize(
    "operation", ["list_consent_requests", "list_consents", "register_agent", "create_key", "revoke_consent"]
)
async def test_a_token_never_decides_mints_or_registers(guest: Login, hotel: Running, operation: str) -> None:
    tokens = await token_for(guest, "")
    async with hotel.http(tokens["access_token"]) as http:
        response = await http.post(f"/v1/call/{operation}", json={})
    assert response.status_code in (400, 403)
    assert decoded(response)["error"]["code"] != "OK"


async def test_a_token_is_good_for_ten_minutes(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    appliance.system.advance(seconds=ACCESS_SECONDS - 1)
    assert await accepts(appliance, tokens["access_token"])
    appliance.system.advance(seconds=1)
    assert not await accepts(appliance, tokens["access_token"])


async def test_a_remembered_token_ends_with_its_consent(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    assert await accepts(appliance, tokens["access_token"])
    (consent,) = await consents_of(appliance, login.client_id)
    await appliance.person.call(RevokeConsent(consent_id=consent.id))
    assert not await accepts(appliance, tokens["access_token"])


FORGED = {
    "the signature of nothing": lambda head, claims, _: f"{head}.{claims}.",
    "no algorithm": lambda _, claims, signature: f"{written({'alg': 'none', 'typ': 'at+jwt'})}.{claims}.{signature}",
    "another audience": lambda head, claims, signature: (
        f"{head}.{written(read(claims) | {'aud': 'http://127.0.0.1'})}.{signature}"
    ),
    "more scope": lambda head, claims, signature: f"{head}.{written(read(claims) | {'scope': '*'})}.{signature}",
    "a later end": lambda head, claims, signature: f"{head}.{written(read(claims) | {'exp': 2**52})}.{signature}",
    "a letter behind it": lambda head, claims, signature: f"{head}.{claims}.{signature}x",
    "the token twice": lambda head, claims, signature: f"{head}.{claims}.{signature}.{head}.{claims}.{signature}",
}


@SHARED
@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_token_that_was_touched_is_nothing(guest: Login, hotel: Running, forge: Any) -> None:
    tokens = await guest.tokens()
    forged = forge(*tokens["access_token"].split("."))
    assert not await accepts(hotel, forged)


@SHARED
async def test_a_token_is_taken_from_the_header_alone(guest: Login, hotel: Running) -> None:
    """RFC 9700, section 4.3.2; MCP, token handling: never in a query, never in a form."""
    tokens = await token_for(guest, "")
    async with hotel.http() as http:
        for where in ({"params": {"access_token": tokens["access_token"]}}, {"data": {"access_token": "x"}}):
            assert (await http.post("/v1/call/list_services", **where)).status_code in (400, 401)
        response = await http.get("/v1/agents", params={"access_token": tokens["access_token"]})
        assert response.status_code in (400, 401)


@SHARED
async def test_what_is_no_access_token_is_no_bearer(guest: Login, hotel: Running) -> None:
    tokens = await guest.tokens()
    for bearer in (tokens["refresh_token"], guest.client_id, guest.cookie):
        assert not await accepts(hotel, bearer)


@SHARED
async def test_a_passport_is_no_access_token_and_the_other_way_round(guest: Login, hotel: Running) -> None:
    """RFC 9068, section 4: by its type. Both are signed with one key."""
    tokens = await token_for(guest, "")
    (consent,) = await consents_of(hotel, guest.client_id)
    asked = IssuePassport(agent_id=consent.agent_id, intent=DeclaredIntent(summary="to look"))
    async with hotel.http(tokens["access_token"]) as http:
        issued = decoded(
            await http.post("/v1/call/issue_passport", json=asked.model_dump(mode="json", exclude_none=True))
        )
        response = await http.post("/v1/call/verify_passport", json={"token": tokens["access_token"]})
    assert decoded(response)["valid"] is False
    vault = hotel.appliance.authorization_server().ground.vault
    assert vault.is_access_token(tokens["access_token"])
    assert not vault.is_access_token(issued["token"])


@SHARED
@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1", "http://localhost", "{base}/", "{base}/mcp", ""])
async def test_a_token_has_the_issuer_that_made_it(guest: Login, hotel: Running, issuer: str) -> None:
    """RFC 9068, section 4: exactly. The same vault under another address takes none of its earlier tokens."""
    tokens = await guest.tokens()
    vault = hotel.appliance.authorization_server().ground.vault
    assert vault.verify_access_token(tokens["access_token"], issuer=hotel.base_url)
    with pytest.raises(Unauthorized):
        vault.verify_access_token(tokens["access_token"], issuer=issuer.replace("{base}", hotel.base_url))


@SHARED
async def test_no_token_leaves_in_a_proxied_call(guest: Login, hotel: Running) -> None:
    """MCP, security considerations: token passthrough. What a call may not carry is known by how it begins."""
    tokens = await guest.tokens()
    marks = hotel.appliance.authorization_server().ground.vault.token_marks()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert carries_own_token(replace(CALL, body=f"x={token}&y".encode()), marks)


async def test_a_token_made_near_the_end_of_a_consent_ends_with_it(appliance: Running, login: Login) -> None:
    await login.tokens()
    server = appliance.appliance.authorization_server()
    (listed,) = await consents_of(appliance, login.client_id)
    now = appliance.system.now()

    def issue(tx: Tx) -> issuing.Answer:
        consent = replace(consents.get(tx, listed.id), ends_at=now + timedelta(seconds=7))
        return issuing.issue(tx, server.ground, consent, now, scope="proxy:write")

    answer = await server._database.write(issue)
    assert answer["expires_in"] == 7
    claims = claims_of(str(answer["access_token"]))
    assert claims["exp"] - claims["iat"] == 7
