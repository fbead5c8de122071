"""From a bearer to an actor: what is one, on which side, and until when."""

import asyncio

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces.auth import one_header
from stack_local.wire.keys import ListKeys, RevokeKey
from stack_local.wire.passports import IssuePassport, RevokePassport
from stack_local.wire.vault import CreateSession
from tests.conftest import PASSPHRASE, Running, decoded
from tests.contract.world import socket_client
from tests.simulators.upstream import Upstream
from tests.surfaces.raw_http import send

ROUTE = "/v1/call/list_services"

VARIANTS = {
    "as it is": ("Bearer {key}", 200),
    "lower case": ("bearer {key}", 200),
    "upper case": ("BEARER {key}", 200),
    "two blanks": ("Bearer  {key}", 401),
    "a tab": ("Bearer\t{key}", 401),
    "the scheme alone": ("Bearer", 401),
    "a blank alone": ("Bearer ", 401),
    "no scheme": ("{key}", 401),
    "basic": ("Basic {key}", 401),
    "two tokens": ("Bearer {key}, Bearer {key}", 401),
    "one character changed": ("Bearer {key}x", 401),
    "the prefix alone": ("Bearer sk_live_", 401),
    "a quoted token": ('Bearer "{key}"', 401),
    "letters beyond ASCII": ("Bearer sk_live_\xe9", 401),
    "very long": ("Bearer " + "A" * 9000, 401),
    "a token of nobody's": ("Bearer eyJhbGciOiJub25lIn0.e30.", 401),
    "a session that is none": ("Bearer sk_session_x", 401),
}


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_bearer_is_one_or_is_refused(appliance: Running, variant: str) -> None:
    form, status = VARIANTS[variant]
    header = form.replace("{key}", await appliance.key())
    port = appliance.base_url.rpartition(":")[2]
    head = [f"POST {ROUTE} HTTP/1.1", f"Host: localhost:{port}", f"Authorization: {header}", "Content-Length: 0"]
    answer = await send(appliance.base_url, head)
    assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json["error"]["code"] in ("UNAUTHORIZED", "INVALID_API_KEY")


@pytest.mark.parametrize("token", ["A" * 8193, "sk_live_\xe9"], ids=["very long", "beyond ASCII"])
async def test_a_malformed_bearer_is_not_even_looked_up(appliance: Running, token: str) -> None:
    port = appliance.base_url.rpartition(":")[2]
    head = [f"POST {ROUTE} HTTP/1.1", f"Host: localhost:{port}", f"Authorization: Bearer {token}", "Content-Length: 0"]
    answer = await send(appliance.base_url, head)
    assert (answer.status, answer.json["error"]["details"]["rule"]) == (401, "at most 8192 characters of ASCII")


async def test_two_authorization_headers_are_400(appliance: Running) -> None:
    key, port = await appliance.key(), appliance.base_url.rpartition(":")[2]
    for path in (ROUTE, "/v1/proxy", "/mcp", "/v1/services"):
        twice = [f"Authorization: Bearer {key}"] * 2
        method = "GET" if path == "/v1/services" else "POST"
        answer = await send(
            appliance.base_url, [f"{method} {path} HTTP/1.1", f"Host: localhost:{port}", *twice, "Content-Length: 0"]
        )
        assert (path, answer.status) == (path, 400)


def test_a_header_that_stands_twice_is_read_by_nobody() -> None:
    """The front door refuses it too, and is not alone in that."""
    with pytest.raises(InvalidRequest, match="the header x-passport-token stands twice"):
        one_header([(b"x-passport-token", b"one"), (b"X-Passport-Token", b"one")], b"x-passport-token")


@pytest.mark.parametrize("place", ["query", "body", "cookie", "x-api-key"])
async def test_a_key_anywhere_but_in_its_header_is_no_bearer(appliance: Running, place: str) -> None:
    key = await appliance.key()
    given = {
        "query": {"params": {"access_token": key, "api_key": key}},
        "body": {"json": {"access_token": key}},
        "cookie": {"headers": {"Cookie": f"access_token={key}"}},
        "x-api-key": {"headers": {"X-Api-Key": key}},
    }[place]
    async with appliance.http() as http:
        assert (await http.post(ROUTE, **given)).status_code in (400, 401)


async def test_unknown_and_revoked_keys_get_the_same_words(appliance: Running) -> None:
    key = await appliance.key()
    await appliance.person.call(RevokeKey(key_id=(await appliance.person.call(ListKeys())).items[0].id))
    bodies = set()
    for bearer in (key, key[:-1] + "x", "sk_live_" + "A" * 43):
        async with appliance.http(bearer) as http:
            bodies.add((await http.post(ROUTE, json={})).text)
    assert len(bodies) == 1


async def test_a_revoked_key_is_refused_from_the_acknowledgment_on(appliance: Running) -> None:
    key = await appliance.key()
    key_id = (await appliance.person.call(ListKeys())).items[0].id
    async with appliance.http(key) as http:
        assert (await http.post(ROUTE, json={})).status_code == 200  # remembered from now on
        await appliance.person.call(RevokeKey(key_id=key_id))
        answers = await asyncio.gather(*(http.post(ROUTE, json={}) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {401}


async def test_a_revoked_passport_is_refused_from_the_acknowledgment_on(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    async with appliance.http(issued.token.get_secret_value()) as http:
        assert (await http.post(ROUTE, json={})).status_code == 200
        await appliance.person.call(RevokePassport(jti=issued.jti))
        refused = await http.post(ROUTE, json={})
    assert (refused.status_code, decoded(refused)["error"]["code"]) == (401, "PASSPORT_REVOKED")


async def test_an_expired_passport_is_no_bearer(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}, ttl_seconds=60))
    async with appliance.http(issued.token.get_secret_value()) as http:
        appliance.system.advance(61)
        refused = await http.post(ROUTE, json={})
    assert (refused.status_code, decoded(refused)["error"]["code"]) == (401, "PASSPORT_EXPIRED")


async def test_a_passport_that_is_signed_but_not_kept_is_no_bearer(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    core = appliance.appliance._core
    assert core is not None
    claims = core.vault.verify(issued.token.get_secret_value(), issuer=appliance.base_url)
    forged = core.vault.sign({**claims, "jti": "ppt_" + "0" * 22}).reveal()
    async with appliance.http(forged) as http:
        refused = await http.post(ROUTE, json={})
    assert refused.status_code == 401
    assert "not one of this vault" in decoded(refused)["error"]["message"]


async def test_a_remembered_key_ends_with_its_time(appliance: Running) -> None:
    key = await appliance.key(expires_in_seconds=60)
    async with appliance.http(key) as http:
        assert (await http.post(ROUTE, json={})).status_code == 200
        appliance.system.advance(61)
        refused = await http.post(ROUTE, json={})
    assert refused.status_code == 401
    assert decoded(refused)["error"]["message"] == "the API key has expired"


async def test_sessions_count_on_the_admin_socket_alone(appliance: Running) -> None:
    session = await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    headers = {"Authorization": f"Bearer {session.session.get_secret_value()}"}
    async with appliance.http() as tcp, socket_client(appliance) as socket:
        there = await tcp.post("/v1/call/list_intents", json={}, headers=headers)
        here = await socket.post("/v1/call/list_intents", json={}, headers=headers)
    assert (there.status_code, here.status_code) == (401, 200)


async def test_approvers_count_on_the_admin_socket_alone(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    key = await appliance.key(preset="approver", decides_agents=[agent.id], decides_services=[connection.id])
    headers = {"Authorization": f"Bearer {key}"}
    async with appliance.http() as tcp, socket_client(appliance) as socket:
        there = await tcp.post("/v1/call/list_intents", json={}, headers=headers)
        here = await socket.post("/v1/call/list_intents", json={}, headers=headers)
        appliance.system.advance(24 * 3600 + 1)
        later = await socket.post("/v1/call/list_intents", json={}, headers=headers)
    assert (there.status_code, here.status_code, later.status_code) == (401, 200, 401)
