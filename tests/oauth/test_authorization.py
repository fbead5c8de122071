"""The authorization endpoint, one wrong request a line: a redirect with the error, or a page where no redirect may be.

Each line names the section that forbids it. Nothing is granted by any of them: no page to say yes on, no code.
"""

from typing import Any

import pytest

from stack_local.oauth.authorization import MAX_ASKED
from stack_local.oauth.core import MAX_PARAMETER_BYTES, MAX_STATE_BYTES
from stack_local.wire.consents import ListConsentRequests
from tests.conftest import Running
from tests.oauth.flow import CHALLENGE, REDIRECT, SHARED, Login, answer_of, consents_of, error_of, query_of

Changed = dict[str, str | None]

REDIRECTED: dict[str, tuple[Changed, list[tuple[str, str]], str]] = {
    # PKCE: RFC 9700, section 2.1.1; RFC 7636, sections 4.2 to 4.4; O-01.
    "no challenge (RFC 9700 2.1.1)": ({"code_challenge": None}, [], "invalid_request"),
    "an empty challenge": ({"code_challenge": ""}, [], "invalid_request"),
    "neither challenge nor method": ({"code_challenge": None, "code_challenge_method": None}, [], "invalid_request"),
    "plain (RFC 7636 4.4.1)": ({"code_challenge_method": "plain"}, [], "invalid_request"),
    "no method, which means plain (RFC 7636 4.3)": ({"code_challenge_method": None}, [], "invalid_request"),
    "an empty method": ({"code_challenge_method": ""}, [], "invalid_request"),
    "a method in lower case": ({"code_challenge_method": "s256"}, [], "invalid_request"),
    "an unknown method": ({"code_challenge_method": "S512"}, [], "invalid_request"),
    "a challenge of 10 characters": ({"code_challenge": "a" * 10}, [], "invalid_request"),
    "a challenge of 42 characters": ({"code_challenge": "a" * 42}, [], "invalid_request"),
    "a challenge of 300 characters": ({"code_challenge": "a" * 300}, [], "invalid_request"),
    "a challenge that is no base64url": ({"code_challenge": "+/" + "a" * 41}, [], "invalid_request"),
    "a padded challenge": ({"code_challenge": CHALLENGE + "="}, [], "invalid_request"),
    "a challenge with a line feed": ({"code_challenge": CHALLENGE + "\n"}, [], "invalid_request"),
    "two challenges (RFC 6749 3.1)": ({}, [("code_challenge", "b" * 43)], "invalid_request"),
    "two methods": ({}, [("code_challenge_method", "plain")], "invalid_request"),
    # What is asked for: RFC 6749, sections 3.1.1 and 4.1.2.1; RFC 9700, sections 2.1.2 and 2.4.
    "the implicit grant (RFC 9700 2.1.2)": ({"response_type": "token"}, [], "unsupported_response_type"),
    "hybrid": ({"response_type": "code token"}, [], "unsupported_response_type"),
    "an ID token": ({"response_type": "id_token"}, [], "unsupported_response_type"),
    "no response in return": ({"response_type": "none"}, [], "unsupported_response_type"),
    "an unknown response type": ({"response_type": "cod"}, [], "unsupported_response_type"),
    "no response type (RFC 6749 3.1.1)": ({"response_type": None}, [], "invalid_request"),
    "an empty response type": ({"response_type": ""}, [], "invalid_request"),
    "two response types": ({}, [("response_type", "token")], "invalid_request"),
    "the answer in a fragment": ({"response_mode": "fragment"}, [], "invalid_request"),
    "the answer by a form": ({"response_mode": "form_post"}, [], "invalid_request"),
    # Resources: RFC 8707, section 2; O-21.
    "another server's resource": ({"resource": "https://other.test/mcp"}, [], "invalid_target"),
    "another port": ({"resource": "http://127.0.0.1:1/mcp"}, [], "invalid_target"),
    "another path": ({"resource": "{base}/v2"}, [], "invalid_target"),
    "ours with a query": ({"resource": "{base}/mcp?x=1"}, [], "invalid_target"),
    "ours with a fragment (RFC 8707 2)": ({"resource": "{base}/mcp#x"}, [], "invalid_target"),
    "ours with an empty fragment": ({"resource": "{base}/mcp#"}, [], "invalid_target"),
    "ours as a prefix": ({"resource": "{base}.evil.test/mcp"}, [], "invalid_target"),
    "ours with a user": ({"resource": "http://u@{host}/mcp"}, [], "invalid_target"),
    "dot segments": ({"resource": "{base}/mcp/../mcp"}, [], "invalid_target"),
    "a relative resource": ({"resource": "/mcp"}, [], "invalid_target"),
    "a resource that cannot be read": ({"resource": "http://[::1"}, [], "invalid_target"),
    "a resource with a line feed": ({"resource": "{base}/mcp\n"}, [], "invalid_request"),
    "two resources": ({}, [("resource", "https://other.test/mcp")], "invalid_target"),
    "the same resource twice": ({}, [("resource", "{base}/mcp")], "invalid_target"),
    # Scopes: RFC 6749, section 3.3; O-29.
    "an unknown scope": ({"scope": "proxy:delete"}, [], "invalid_scope"),
    "a wildcard scope": ({"scope": "*"}, [], "invalid_scope"),
    "scopes with a comma": ({"scope": "proxy:write,agents:read"}, [], "invalid_scope"),
    "a person's scope": ({"scope": "proxy:write clients:decide"}, [], "invalid_scope"),
    "an API key's scope": ({"scope": "agents:write"}, [], "invalid_scope"),
    "offline_access": ({"scope": "offline_access"}, [], "invalid_scope"),
    "a scope with a quote": ({"scope": 'proxy:write" error="'}, [], "invalid_request"),
    "a scope with a line feed": ({"scope": "proxy:write\r\nX-Evil: 1"}, [], "invalid_request"),
    "a scope of another alphabet": ({"scope": "prоxy:write"}, [], "invalid_request"),
    "two scopes parameters": ({"scope": "proxy:write"}, [("scope", "agents:read")], "invalid_request"),
    # State: O-19.
    "a state beyond its limit": ({"state": "s" * (MAX_STATE_BYTES + 1)}, [], "invalid_request"),
    "two states": ({}, [("state", "another")], "invalid_request"),
    "a state with CRLF": ({"state": "a\r\nX-Evil: 1"}, [], "invalid_request"),
    "a state with NUL": ({"state": "a\0b"}, [], "invalid_request"),
    # JAR: RFC 9101, section 6; O-31.
    "a request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, [], "request_not_supported"),
    "a request by reference": ({"request_uri": "http://169.254.169.254/x"}, [], "request_uri_not_supported"),
    # Consent is never skipped: RFC 9700, section 4.16 (RFC 8252, section 8.6); O-32.
    "prompt=none": ({"prompt": "none"}, [], "consent_required"),
    "prompt=none among others": ({"prompt": "login none"}, [], "consent_required"),
    # RFC 6749, section 3.1: parameters stand once.
    "an unknown parameter twice": ({"x": "1"}, [("x", "2")], "invalid_request"),
}

PAGED: dict[str, tuple[Changed, list[tuple[str, str]]]] = {
    # RFC 6749, section 4.1.2.1: without a client or a redirect URI of its own, nobody is redirected.
    "no client": ({"client_id": None}, []),
    "an empty client": ({"client_id": ""}, []),
    "an unknown client": ({"client_id": "cli_0000000000000000000000"}, []),
    "a client by its address, which is not served at first": ({"client_id": "https://app.test/client.json"}, []),
    "two clients": ({}, [("client_id", "stack-cli")]),
    "the same client twice": ({}, [("client_id", "{client}")]),
    "the appliance's own command, which has no redirect": ({"client_id": "stack-cli"}, []),
    "its own command without a redirect": ({"client_id": "stack-cli", "redirect_uri": None}, []),
    "two redirects": ({}, [("redirect_uri", "https://evil.test/cb")]),
    "the same redirect twice": ({}, [("redirect_uri", REDIRECT)]),
    "another's redirect (RFC 9700 4.1.3)": ({"redirect_uri": "https://evil.test/cb"}, []),
    "another path on loopback (RFC 8252 7.3)": ({"redirect_uri": "http://127.0.0.1:49152/cb2"}, []),
    "another name of loopback": ({"redirect_uri": "http://localhost:49152/callback"}, []),
    "another address of loopback": ({"redirect_uri": "http://127.0.0.2:49152/callback"}, []),
    "a fragment": ({"redirect_uri": f"{REDIRECT}#x"}, []),
    "a query": ({"redirect_uri": f"{REDIRECT}?x=1"}, []),
    "CRLF": ({"redirect_uri": f"{REDIRECT}\r\nX-Evil: 1"}, []),
    "javascript": ({"redirect_uri": "javascript:alert(1)"}, []),
    "a wrong redirect beside another fault": ({"redirect_uri": "https://evil.test/cb", "response_type": "token"}, []),
    "an unknown client beside another fault": ({"client_id": "cli_x", "code_challenge": None}, []),
}

ACCEPTED: dict[str, tuple[Changed, dict[str, str]]] = {
    "as a client asks": ({}, {}),
    "another port on loopback (RFC 8252 7.3)": ({"redirect_uri": "http://127.0.0.1:50000/callback"}, {}),
    "no port on loopback": ({"redirect_uri": "http://127.0.0.1/callback"}, {}),
    "no resource: the MCP endpoint": ({"resource": None}, {"resource": "{base}/mcp"}),
    "a slash at the end of the resource": ({"resource": "{base}/mcp/"}, {"resource": "{base}/mcp"}),
    "an upper-case host": ({"resource": "HTTP://{host}/mcp"}, {"resource": "{base}/mcp"}),
    "the whole appliance": ({"resource": "{base}"}, {"resource": "{base}"}),
    "the smaller endpoint": ({"resource": "{base}/mcp/core"}, {"resource": "{base}/mcp/core"}),
    "scopes with blanks between": ({"scope": "proxy:write  agents:read"}, {"scope": "agents:read proxy:write"}),
    "no state": ({"state": None}, {}),
    "an unknown parameter (RFC 6749 3.1)": ({"audience": "https://x.test", "nonce": "1"}, {}),
    "nothing in a parameter (RFC 6749 3.1)": (
        {"redirect_uri": "", "resource": "", "scope": "", "state": "", "request_uri": "", "response_mode": ""},
        {"resource": "{base}/mcp"},
    ),
    "prompt=consent": ({"prompt": "consent"}, {}),
    "the answer in the query": ({"response_mode": "query"}, {}),
}

STATES = {
    "plain": "st-1",
    "with a query of its own": "a=b&code=evil&iss=evil#x",
    "with markup": "<script>alert(1)</script>\"'",
    "with blanks and escapes": "a b%20c+d",
    "as long as it may be": "s" * MAX_STATE_BYTES,
}


def filled(login: Login, value: str | None) -> str | None:
    base = login.running.base_url
    if value is None:
        return None
    known = {"{base}": base, "{host}": base.removeprefix("http://"), "{client}": login.client_id}
    for name, meaning in known.items():
        value = value.replace(name, meaning)
    return value


async def asked(login: Login, changed: Changed, more: list[tuple[str, str]]) -> Any:
    await login.register(redirect_uris=[REDIRECT])
    twice = [(name, filled(login, value) or "") for name, value in more]
    return await login.open(*twice, **{name: filled(login, value) for name, value in changed.items()})


@SHARED
@pytest.mark.parametrize(("changed", "more", "error"), REDIRECTED.values(), ids=REDIRECTED)
async def test_a_wrong_request_is_answered_at_the_redirect(
    guest: Login, changed: Changed, more: list[tuple[str, str]], error: str
) -> None:
    response = await asked(guest, changed, more)
    assert response.status_code == 303, response.text
    assert response.headers["location"].startswith(f"{REDIRECT}?")
    said = query_of(response)
    assert said["error"] == [error]
    assert said["iss"] == [guest.running.base_url]  # RFC 9207, section 2: on errors too
    assert "code" not in said
    assert await consents_of(guest.running, guest.client_id) == []


@SHARED
@pytest.mark.parametrize(("changed", "more"), PAGED.values(), ids=PAGED)
async def test_without_a_client_and_its_redirect_there_is_a_page(
    guest: Login, changed: Changed, more: list[tuple[str, str]]
) -> None:
    response = await asked(guest, changed, more)
    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in response.headers
    assert "<form" not in response.text
    assert "<a " not in response.text


@SHARED
@pytest.mark.parametrize(("changed", "kept"), ACCEPTED.values(), ids=ACCEPTED)
async def test_a_request_that_keeps_the_rules_is_let_in(guest: Login, changed: Changed, kept: dict[str, str]) -> None:
    assert (await asked(guest, changed, [])).status_code == 200
    await guest.allow()
    (consent,) = await consents_of(guest.running, guest.client_id)
    seen = {"resource": consent.resource, "scope": " ".join(consent.scopes)}
    assert {name: seen[name] for name in kept} == {name: filled(guest, value) for name, value in kept.items()}


@SHARED
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("is_given", [True, False], ids=["given", "refused"])
async def test_the_state_comes_back_as_it_was(guest: Login, state: str, is_given: bool) -> None:
    """RFC 6749, section 4.1.2: exactly; RFC 9207, section 2: with the issuer, once."""
    await guest.register()
    await guest.open(state=state)
    if is_given:
        await guest.press("ask")
        await guest.give()
    else:
        await guest.press("refuse")
    said = query_of(await guest.look())
    assert said["state"] == [state]
    assert said["iss"] == [guest.running.base_url]
    assert ("code" in said, said.get("error")) == (is_given, None if is_given else ["access_denied"])


@SHARED
async def test_an_error_gives_the_state_back_too(guest: Login) -> None:
    await guest.register()
    response = await guest.open(response_type="token", state="<x> & y")
    assert query_of(response)["state"] == ["<x> & y"]


@SHARED
async def test_the_redirect_keeps_its_own_query(guest: Login) -> None:
    """RFC 6749, section 3.1.2."""
    await guest.register(redirect_uris=["https://app.test/cb?tenant=1"])
    response = await guest.open(redirect_uri="https://app.test/cb?tenant=1", response_type="token")
    assert query_of(response)["tenant"] == ["1"]


@SHARED
@pytest.mark.parametrize(("uris", "status"), [([REDIRECT], 200), ([REDIRECT, "https://app.test/cb"], 400)])
async def test_a_redirect_is_left_out_only_where_there_is_one(guest: Login, uris: list[str], status: int) -> None:
    """O-07; OAuth 2.1, section 4.1.1."""
    await guest.register(redirect_uris=uris)
    assert (await guest.open(redirect_uri=None)).status_code == status


@SHARED
async def test_each_of_several_redirects_is_good_and_no_mixture(guest: Login) -> None:
    await guest.register(redirect_uris=["https://app.test/a", "https://other.test/b"])
    assert (await guest.open(redirect_uri="https://other.test/b")).status_code == 200
    assert (await guest.open(redirect_uri="https://app.test/b")).status_code == 400


@SHARED
async def test_a_request_by_form_is_taken_like_one_by_query(guest: Login) -> None:
    """RFC 6749, section 3.1: POST may be supported."""
    await guest.register()
    response = await guest.http.post("/oauth/authorize", data=guest.parameters())
    assert response.status_code == 200
    response = await guest.http.post("/oauth/authorize", data=guest.parameters(code_challenge=None))
    assert answer_of(response)["error"] == "invalid_request"


@SHARED
@pytest.mark.parametrize(
    "changed",
    [{"scope": "proxy:write " * 900}, {"login_hint": "a" * (MAX_PARAMETER_BYTES + 1)}],
    ids=["10 KB of scopes", "a parameter of no meaning"],
)
async def test_a_parameter_beyond_its_limit_is_refused(guest: Login, changed: Changed) -> None:
    """O-29. By a form: the head of a request is shorter than that."""
    await guest.register()
    response = await guest.http.post("/oauth/authorize", data=guest.parameters(**changed))
    assert answer_of(response)["error"] == "invalid_request"


@SHARED
async def test_a_form_leaves_no_room_for_a_second_query(guest: Login) -> None:
    """The query of a POST is not read: what is not in the form is not there."""
    await guest.register()
    response = await guest.http.post("/oauth/authorize", params=guest.parameters(), data={"x": "1"})
    assert response.status_code == 400


@SHARED
async def test_json_is_no_authorization_request(guest: Login) -> None:
    await guest.register()
    response = await guest.http.post("/oauth/authorize", json=guest.parameters())
    assert response.status_code == 400
    assert "location" not in response.headers


@SHARED
async def test_every_client_is_asked_about_anew(guest: Login, hotel: Running) -> None:
    """O-14: the same client again, another client of the same name, more scopes: no consent is remembered."""
    await guest.tokens()
    for changed in ({}, {"scope": "proxy:write"}, {"redirect_uri": "http://127.0.0.1:50001/callback"}):
        response = await guest.open(**changed)
        assert response.status_code == 200
        assert 'value="ask"' in response.text
    async with hotel.http() as http:
        twin = Login(hotel, http)
        await twin.register()
        assert 'value="ask"' in (await twin.open()).text
        assert await consents_of(hotel, twin.client_id) == []


@SHARED
async def test_a_code_is_no_bearer_and_no_refresh_token(guest: Login) -> None:
    code = await guest.code()
    assert error_of(await guest.refresh(code)) == (400, "invalid_grant")
    async with guest.running.http(code) as http:
        assert (await http.post("/mcp", json={})).status_code == 401


async def test_open_log_ins_are_bounded_per_client_and_end_by_themselves(appliance: Running, login: Login) -> None:
    await login.register()
    statuses = [(await login.open()).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    async with appliance.http() as http:
        other = Login(appliance, http)
        await other.register()
        assert (await other.open()).status_code == 200
    appliance.system.advance(601)
    assert (await login.open()).status_code == 200


async def test_a_person_is_asked_about_so_many_log_ins_at_once(appliance: Running, login: Login) -> None:
    for number in range(MAX_ASKED + 1):
        await login.register(client_name=f"client {number}")
        await login.open()
        pressed = await login.press("ask")
        assert pressed.status_code == (429 if number == MAX_ASKED else 303)
    assert len((await appliance.person.call(ListConsentRequests())).items) == MAX_ASKED
