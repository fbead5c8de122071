"""Revocation by the client (RFC 7009): its own tokens end with their whole consent, another's are left alone."""

import pytest

from stack_local.wire.audit import ListAudit
from stack_local.wire.passports import DeclaredIntent, IssuePassport, PassportVerdict, VerifyPassport
from tests.conftest import Running, decoded
from tests.oauth.flow import SHARED, Login, accepts, consents_of, error_of

HINTS = [None, "access_token", "refresh_token", "unheard_of"]


async def revoked(login: Login, **form: str | None) -> int:
    kept = {name: value for name, value in {"client_id": login.client_id, **form}.items() if value is not None}
    response = await login.http.post("/oauth/revoke", data=kept)
    assert response.headers["cache-control"] == "no-store"
    return response.status_code


@SHARED
@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("shown", ["access_token", "refresh_token"])
async def test_either_token_ends_them_all(guest: Login, hotel: Running, shown: str, hint: str | None) -> None:
    """RFC 7009, section 2.1; an invalid hint is ignored (section 2.2)."""
    tokens = await guest.tokens()
    second = decoded(await guest.refresh(tokens["refresh_token"]))
    assert await revoked(guest, token=second[shown], token_type_hint=hint) == 200
    assert not await accepts(hotel, tokens["access_token"])
    assert not await accepts(hotel, second["access_token"])
    assert error_of(await guest.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert await consents_of(hotel, guest.client_id) == []


@SHARED
async def test_a_token_that_was_used_or_revoked_is_revoked_again_in_silence(guest: Login, hotel: Running) -> None:
    tokens = await guest.tokens()
    second = decoded(await guest.refresh(tokens["refresh_token"]))
    assert await revoked(guest, token=tokens["refresh_token"]) == 200
    assert not await accepts(hotel, second["access_token"])
    assert await revoked(guest, token=tokens["refresh_token"]) == 200
    assert await revoked(guest, token=second["access_token"]) == 200


UNKNOWN = {
    "nobody's refresh token": "sk_refresh_" + "a" * 43,
    "garbage": "garbage",
    "a forged JWT": "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJjb25zZW50X2lkIjoiY25zXzEifQ.",
    "two dots": "..",
    "an API key's look": "sk_live_" + "a" * 43,
}


@SHARED
@pytest.mark.parametrize("token", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_unknown_token_is_no_error(guest: Login, token: str) -> None:
    """RFC 7009, section 2.2: what the client wants is so already."""
    await guest.register()
    assert await revoked(guest, token=token) == 200


@SHARED
async def test_another_clients_token_is_not_revoked(guest: Login, hotel: Running) -> None:
    """RFC 7009, section 2.1: refused, and the client is told so."""
    tokens = await guest.tokens()
    async with hotel.http() as http:
        thief = Login(hotel, http)
        await thief.register()
        for name in ("access_token", "refresh_token"):
            assert await revoked(thief, token=tokens[name]) == 400
            assert await revoked(thief, token=tokens[name], client_id="stack-cli") == 400
    assert await accepts(hotel, tokens["access_token"])
    assert (await guest.refresh(tokens["refresh_token"])).status_code == 200


@SHARED
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"token": None}, (400, "invalid_request")),
        ({"token": ""}, (400, "invalid_request")),
        ({"client_id": None}, (400, "invalid_client")),
        ({"client_id": "cli_0000000000000000000000"}, (400, "invalid_client")),
        ({"client_secret": "x"}, (400, "invalid_client")),
        ({"token": "x\n"}, (400, "invalid_request")),
        ({"token": "a" * 9000}, (400, "invalid_request")),
        ({"token": "a" * 1_000_000}, (413, "invalid_request")),
    ],
    ids=["no token", "an empty token", "no client", "an unknown client", "a secret", "a line feed", "9 KB", "1 MB"],
)
async def test_a_malformed_revocation_is_refused(
    guest: Login, hotel: Running, form: dict[str, str | None], error: tuple[int, str]
) -> None:
    tokens = await guest.tokens()
    asked = {"client_id": guest.client_id, "token": tokens["refresh_token"], **form}
    response = await guest.http.post("/oauth/revoke", data={n: v for n, v in asked.items() if v is not None})
    assert error_of(response) == error
    assert await accepts(hotel, tokens["access_token"])


@SHARED
async def test_two_tokens_are_refused_together(guest: Login, hotel: Running) -> None:
    tokens = await guest.tokens()
    both = [tokens["refresh_token"], tokens["access_token"]]
    response = await guest.http.post("/oauth/revoke", data={"client_id": guest.client_id, "token": both})
    assert error_of(response) == (400, "invalid_request")
    assert await accepts(hotel, tokens["access_token"])


async def test_an_expired_access_token_still_ends_its_consent(appliance: Running, login: Login) -> None:
    tokens = await login.tokens()
    appliance.system.advance(seconds=601)
    assert await revoked(login, token=tokens["access_token"]) == 200
    assert error_of(await login.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_what_fell_with_a_consent_is_in_the_log(appliance: Running, login: Login) -> None:
    """A passport minted under the consent ends with it; each has its record."""
    await login.register()
    await login.open(resource=appliance.base_url)
    tokens = decoded(await login.token(code=await login.allow()))
    (consent,) = await consents_of(appliance, login.client_id)
    async with appliance.http(tokens["access_token"]) as http:
        asked = IssuePassport(agent_id=consent.agent_id, intent=DeclaredIntent(summary="to look")).model_dump(
            mode="json", exclude_none=True
        )
        response = await http.post("/v1/call/issue_passport", json=asked)
    passport = decoded(response)
    assert response.status_code == 200, passport
    assert await revoked(login, token=tokens["refresh_token"]) == 200
    verdict: PassportVerdict = await appliance.person.call(VerifyPassport(token=passport["token"]))
    assert (verdict.valid, verdict.reason) == (False, "revoked")
    entries = (await appliance.person.call(ListAudit())).entries
    seen = {(entry.action, entry.actor, entry.subject, entry.passport_jti) for entry in entries}
    assert ("consent.revoke", f"oauth:{consent.id}", consent.id, None) in seen
    assert ("passport.revoke_cascade", f"oauth:{consent.id}", None, passport["jti"]) in seen
