"""The OAuth endpoints over HTTP: methods, bodies, whose page a form came from, and the shapes of errors."""

import base64
import hashlib
from typing import Any

import pytest

from stack_local.domain.errors import Unauthorized
from stack_local.surfaces.oauth import JWT_TYPE, MAX_BYTES, MAX_FIELDS
from stack_local.wire.passports import DeclaredIntent, IssuePassport
from stack_local.wire.vault import LockVault
from tests.conftest import Running, decoded, served
from tests.oauth.flow import COOKIE, SHARED, Login, consents_of, error_of
from tests.surfaces.raw_http import send

FORM = "application/x-www-form-urlencoded"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

ENDPOINTS = ["register", "token", "revoke", "introspect", "device_authorization"]


@SHARED
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_an_endpoint_for_posts_takes_no_other_method(hotel: Running, endpoint: str, method: str) -> None:
    """RFC 6749, section 3.2: a GET would put a secret into a log."""
    async with hotel.http() as http:
        response = await http.request(method, f"/oauth/{endpoint}", params={"grant_type": "authorization_code"})
    assert response.status_code in (404, 405)


BODIES: dict[str, tuple[dict[str, str], bytes, tuple[int, str]]] = {
    "JSON": ({"Content-Type": "application/json"}, b'{"grant_type": "refresh_token"}', (400, "invalid_request")),
    "multipart": ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", (400, "invalid_request")),
    "no type": ({}, b"grant_type=refresh_token", (400, "invalid_request")),
    "another type": ({"Content-Type": "text/plain"}, b"grant_type=refresh_token", (400, "invalid_request")),
    "beyond its limit": ({"Content-Type": FORM}, b"a=" + b"b" * MAX_BYTES, (413, "invalid_request")),
    "too many fields": (
        {"Content-Type": FORM},
        b"&".join(b"a%d=1" % number for number in range(MAX_FIELDS + 1)),
        (400, "invalid_request"),
    ),
    "no UTF-8": ({"Content-Type": FORM}, b"code=%ff%fe", (400, "invalid_request")),
    "raw bytes": ({"Content-Type": FORM}, b"code=\xff", (400, "invalid_request")),
    "half a letter": ({"Content-Type": FORM}, b"code=%ed%a0%80", (400, "invalid_request")),
}


@SHARED
@pytest.mark.parametrize(("headers", "body", "error"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("endpoint", ["token", "revoke", "device_authorization"])
async def test_a_body_that_is_no_form_is_refused(
    hotel: Running,
    endpoint: str,
    headers: dict[str, str],
    body: bytes,
    error: tuple[int, str],
) -> None:
    async with hotel.http() as http:
        response = await http.post(f"/oauth/{endpoint}", content=body, headers=headers)
    assert error_of(response) == error


@SHARED
async def test_a_form_says_its_characters_or_not(guest: Login) -> None:
    await guest.register()
    for kind in (f"{FORM}; charset=utf-8", FORM.upper()):
        body = f"grant_type=refresh_token&client_id={guest.client_id}&refresh_token=x".encode()
        response = await guest.http.post("/oauth/token", content=body, headers={"Content-Type": kind})
        assert error_of(response) == (400, "invalid_grant")


@SHARED
async def test_a_query_is_not_read_where_a_form_is_due(guest: Login) -> None:
    """RFC 6749, section 2.3.1: never in the URI."""
    code = await guest.code()
    response = await guest.http.post("/oauth/token", params=guest.fields(code=code), data={"x": "1"})
    assert response.status_code == 400
    assert (await guest.token(code=code)).status_code == 200


@SHARED
async def test_a_client_that_shows_a_basic_secret_is_not_taken_for_it(guest: Login) -> None:
    basic = base64.b64encode(f"{guest.client_id}:secret".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    response = await guest.http.post("/oauth/token", data={"grant_type": "refresh_token"}, headers=headers)
    assert error_of(response)[1] == "invalid_client"


@SHARED
@pytest.mark.parametrize("endpoint", [*ENDPOINTS, "authorize", "device"])
@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost:1"])
async def test_no_other_page_reaches_an_endpoint(hotel: Running, endpoint: str, origin: str) -> None:
    """M-02; RFC 9700, section 2.6: no CORS."""
    async with hotel.http() as http:
        for method in ("POST", "GET", "OPTIONS"):
            response = await http.request(method, f"/oauth/{endpoint}", headers={"Origin": origin})
            assert response.status_code == 403
            assert not [name for name in response.headers if name.startswith("access-control-")]


@SHARED
@pytest.mark.parametrize("host", ["evil.test:{port}", "localhost", "127.0.0.1.evil.test:{port}", "LOCALHOST.:{port}"])
async def test_under_another_name_there_is_no_endpoint(hotel: Running, host: str) -> None:
    """M-02: DNS rebinding."""
    port = hotel.base_url.rpartition(":")[2]
    for path in ("/oauth/authorize", "/.well-known/oauth-authorization-server"):
        head = [f"GET {path} HTTP/1.1", f"Host: {host.replace('{port}', port)}"]
        assert (await send(hotel.base_url, head)).status == 421


@SHARED
async def test_an_answer_never_allows_another_origin(guest: Login) -> None:
    await guest.register()
    for response in (await guest.open(), await guest.token(code="x"), await guest.open(response_type="token")):
        assert not [name for name in response.headers if name.startswith("access-control-")]


# Whose page a form came from -----------------------------------------------------------------------------------------


def word_for(cookie: str) -> str:
    return hashlib.sha256(f"csrf {cookie}".encode()).hexdigest()


PRESSED_WRONGLY: dict[str, dict[str, Any]] = {
    "no word": {"form": {"csrf": None}},
    "an empty word": {"form": {"csrf": ""}},
    "another word": {"form": {"csrf": "0" * 64}},
    "a word beyond ASCII": {"form": {"csrf": "ä"}},
    "another log-in's word": {"form": {"csrf": "{other}"}},
    "no cookie": {"cookie": None},
    "no cookie, and the word for none": {"cookie": None, "form": {"csrf": word_for("")}},
    "an empty cookie, and its word": {"cookie": "", "form": {"csrf": word_for("")}},
    "another cookie, and its word": {"cookie": "a" * 43, "form": {"csrf": word_for("a" * 43)}},
    "another log-in's cookie and word": {"cookie": "{other}", "form": {"csrf": "{other}"}},
    "from another page": {"headers": {"Origin": "https://evil.test"}},
    "from a page without an origin": {"headers": {"Origin": "null"}},
}
"""O-15; RFC 9700, section 4.7."""


@SHARED
@pytest.mark.parametrize("wrong", PRESSED_WRONGLY.values(), ids=PRESSED_WRONGLY)
@pytest.mark.parametrize("do", ["ask", "refuse", "code"])
async def test_a_button_counts_from_its_own_page_alone(
    guest: Login,
    hotel: Running,
    wrong: dict[str, Any],
    do: str,
) -> None:
    async with hotel.http() as http:
        other = Login(hotel, http)
        await other.register()
        await other.open()
    await guest.register()
    await guest.open()
    known = {"{other}": (other.cookie, other.csrf)}
    cookie = wrong.get("cookie", guest.cookie)
    cookie = known[cookie][0] if cookie in known else cookie
    form = {"csrf": guest.csrf, "do": do, "code": "BCDFGHJK", **wrong.get("form", {})}
    form = {name: known[value][1] if value in known else value for name, value in form.items() if value is not None}
    headers = {"Origin": hotel.base_url} | wrong.get("headers", {})
    headers |= {} if cookie is None else {"Cookie": f"{COOKIE}={cookie}"}
    response = await guest.http.post(guest.path, data=form, headers=headers)
    assert response.status_code in (403, 404)
    assert "location" not in response.headers
    assert 'value="ask"' in (await guest.look()).text  # as it stood


@SHARED
async def test_a_page_is_shown_to_its_own_browser_alone(guest: Login, hotel: Running) -> None:
    await guest.register()
    await guest.open()
    await guest.press("ask")
    await guest.give()
    for headers in ({}, {"Cookie": f"{COOKIE}="}, {"Cookie": f"{COOKIE}={'a' * 43}"}):
        response = await guest.http.get(guest.path, headers=headers)
        assert response.status_code == 404
        assert "location" not in response.headers
    assert (await guest.look()).status_code == 303


@SHARED
@pytest.mark.parametrize("do", ["", "give", "GIVE", "allow"])
async def test_a_button_that_is_not_there_does_nothing(guest: Login, do: str) -> None:
    await guest.register()
    await guest.open()
    assert (await guest.press(do)).status_code == 400
    assert 'value="ask"' in (await guest.look()).text


@SHARED
async def test_looking_at_a_page_gives_nothing(guest: Login, hotel: Running) -> None:
    """O-15: nothing is done by GET; nor by clicking twice."""
    await guest.register()
    await guest.open()
    for query in ("?do=ask", f"?csrf={guest.csrf}&do=ask", "?type=code"):
        response = await guest.http.get(guest.path + query, headers={"Cookie": f"{COOKIE}={guest.cookie}"})
        assert response.status_code == 200
    assert 'value="ask"' in (await guest.look()).text
    await guest.press("ask")
    await guest.press("ask")
    assert await consents_of(hotel, guest.client_id) == []
    assert (await guest.look()).status_code == 200


@SHARED
async def test_the_cookie_is_for_its_page_alone(guest: Login) -> None:
    await guest.register()
    response = await guest.open()
    said = response.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", f"Path={guest.path}", "Max-Age=600"):
        assert part in said
    assert "Domain" not in said


@SHARED
async def test_what_was_posted_stays_here(guest: Login) -> None:
    """O-18; RFC 9700, section 4.12: 303, never 307, and no referrer."""
    await guest.register()
    await guest.open()
    pressed = await guest.press("ask")
    await guest.give()
    for response in (pressed, await guest.look(), await guest.open(response_type="token")):
        assert response.status_code == 303
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert response.content == b""


# Exchange ------------------------------------------------------------------------------------------------------------

EXCHANGED_WRONGLY: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "no subject": ({"subject_token": None}, (400, "invalid_request")),
    "a subject that is none": ({"subject_token": "garbage"}, (400, "invalid_request")),
    "two subjects": ({"subject_token": ["{passport}", "{passport}"]}, (400, "invalid_request")),
    "another type": ({"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}, (400, "invalid_request")),
    "no type": ({"subject_token_type": None}, (400, "invalid_request")),
    "for an access token": (
        {"requested_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        (400, "invalid_request"),
    ),
    "an access token as a passport": ({"subject_token": "{access}"}, (400, "invalid_request")),
}


@SHARED
@pytest.mark.parametrize(("changed", "error"), EXCHANGED_WRONGLY.values(), ids=EXCHANGED_WRONGLY)
async def test_an_exchange_that_breaks_a_rule_gives_nothing(
    guest: Login,
    hotel: Running,
    changed: dict[str, Any],
    error: tuple[int, str],
) -> None:
    """RFC 8693, section 2.1."""
    access, passport = await with_passport(guest)
    form: dict[str, Any] = {"grant_type": EXCHANGE, "subject_token": passport, "subject_token_type": JWT_TYPE}
    form = {name: value for name, value in (form | changed).items() if value is not None}
    form = {name: meant(value, access, passport) for name, value in form.items()}
    async with hotel.http(access) as http:
        assert error_of(await http.post("/oauth/token", data=form)) == error


def meant(value: Any, access: str, passport: str) -> Any:
    known = {"{access}": access, "{passport}": passport}
    return [known.get(one, one) for one in value] if isinstance(value, list) else known.get(value, value)


async def with_passport(login: Login) -> tuple[str, str]:
    """An access token for the whole appliance, and a passport minted with it."""
    await login.register()
    await login.open(resource=login.running.base_url)
    access = decoded(await login.token(code=await login.allow()))["access_token"]
    (consent,) = await consents_of(login.running, login.client_id)
    asked = IssuePassport(agent_id=consent.agent_id, intent=DeclaredIntent(summary="to look"))
    async with login.running.http(access) as http:
        body = asked.model_dump(mode="json", exclude_none=True)
        return access, decoded(await http.post("/v1/call/issue_passport", json=body))["token"]


@SHARED
async def test_a_passport_is_exchanged_for_its_next_by_whoever_minted_it(guest: Login, hotel: Running) -> None:
    access, passport = await with_passport(guest)
    form = {"grant_type": EXCHANGE, "subject_token": passport, "subject_token_type": JWT_TYPE}
    async with hotel.http() as http:
        assert error_of(await http.post("/oauth/token", data=form)) == (401, "invalid_client")
    async with hotel.http(await hotel.key(agent_id=(await hotel.agent("somebody-else")).id)) as http:
        assert error_of(await http.post("/oauth/token", data=form)) == (400, "invalid_request")
    async with hotel.http(access) as http:
        said = decoded(await http.post("/oauth/token", data=form))
    assert (said["issued_token_type"], said["token_type"]) == (JWT_TYPE, "Bearer")
    assert said["access_token"] != passport


# The state of the vault ----------------------------------------------------------------------------------------------


async def test_a_vault_that_is_not_there_serves_the_documents_and_nothing_else(tmp_path: Any) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running, running.http() as http:
        assert (await http.get("/.well-known/oauth-authorization-server")).status_code == 200
        response = await http.post("/oauth/register", json={"redirect_uris": ["http://127.0.0.1/cb"]})
        assert error_of(response) == (503, "temporarily_unavailable")
        assert "retry-after" in response.headers
        response = await http.post("/oauth/token", data={"grant_type": "refresh_token"})
        assert error_of(response) == (503, "temporarily_unavailable")
        response = await http.get("/oauth/authorize", params={"client_id": "x"})
        assert (response.status_code, "location" in response.headers) == (423, False)


async def test_while_the_vault_is_locked_nobody_is_let_in(appliance: Running, login: Login) -> None:
    await login.register()
    await login.open()
    await login.press("ask")
    await appliance.person.call(LockVault())
    with pytest.raises(Unauthorized):
        await login.give()
    assert 'value="refuse"' in (await login.look()).text
