"""The pages of a log-in: no script, no frame, nothing fetched, and whatever a client wrote is text."""

import html
import re

import pytest

from stack_local.wire.consents import ListConsentRequests
from tests.conftest import Running
from tests.oauth.flow import REDIRECT, SHARED, Login

HOSTILE_NAMES = {
    "a script": "<script>alert(1)</script>",
    "an attribute": '"><img src=x onerror=alert(1)>',
    "a template": "{{ 7 * 7 }}{% for x in page %}",
    "an entity": "&lt;b&gt;",
    "a direction override": "\u202eedoC edualC",
    "a thousand letters": "a" * 500,
    "a quote": 'it\'s "me"',
}

HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Content-Type": "text/html; charset=utf-8",
}


def policy_of(header: str) -> dict[str, str]:
    """Each rule of a content security policy."""
    return {name: rest for name, _, rest in (rule.strip().partition(" ") for rule in header.split(";"))}


async def pages(login: Login) -> dict[str, str]:
    """Every page of a log-in by its state."""
    seen = {"shown": (await login.open()).text}
    seen["shown again"] = (await login.look()).text
    await login.press("ask")
    seen["waiting"] = (await login.look()).text
    response = await login.http.get(f"{login.path}?type=code", headers={"Cookie": f"stack_login={login.cookie}"})
    seen["typing"] = response.text
    return seen


@SHARED
@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
async def test_whatever_a_client_calls_itself_is_shown_as_text(guest: Login, name: str) -> None:
    """O-17."""
    kept = (await guest.register(client_name=name))["client_name"]
    for state, page in (await pages(guest)).items():
        assert f'<bdi class="name">{html.escape(kept)}</bdi>' in page.replace("&#34;", "&quot;").replace(
            "&#39;", "&#x27;"
        ), state
        assert "<script" not in page, state
        assert "<img" not in page, state
        assert not re.search(r"<[^>]*\son\w+=", page), state
        assert "\u202e" not in page, state


@SHARED
async def test_a_page_fetches_nothing_and_runs_nothing(guest: Login) -> None:
    await guest.register(logo_uri="http://169.254.169.254/logo.png", client_uri="https://evil.test")
    for page in (await pages(guest)).values():
        assert "169.254" not in page
        assert "evil.test" not in page
        assert not re.search(r"<(script|img|link|iframe|object|embed|base|svg|video|audio)\b", page)
        assert "src=" not in page
        assert "javascript:" not in page


@SHARED
async def test_the_headers_let_no_other_page_in(guest: Login) -> None:
    """O-16; RFC 9700, section 4.16."""
    await guest.register()
    response = await guest.open()
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    policy = policy_of(response.headers["content-security-policy"])
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self' http://127.0.0.1:49152"
    assert "script-src" not in policy
    assert "unsafe" not in response.headers["content-security-policy"]
    assert policy["style-src"].startswith("'sha256-")


@SHARED
@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://app.test:8443/cb", "https://app.test:8443"),
        ("cursor://anysphere.cursor-mcp/oauth/callback", ""),
        ("com.example.app:/cb", ""),
        ("http://[::1]:5/cb", ""),
    ],
)
async def test_a_form_leads_here_and_to_the_client_alone(guest: Login, uri: str, origin: str) -> None:
    await guest.register(redirect_uris=[uri])
    response = await guest.open(redirect_uri=uri)
    policy = policy_of(response.headers["content-security-policy"])
    assert policy["form-action"] == f"'self' {origin}".rstrip()
    assert set(policy) == {"default-src", "style-src", "base-uri", "frame-ancestors", "form-action"}


@SHARED
async def test_an_error_page_is_as_closed_and_shows_text(guest: Login) -> None:
    await guest.register()
    response = await guest.open(redirect_uri="https://evil.test/<script>alert(1)</script>")
    assert response.status_code == 400
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert policy_of(response.headers["content-security-policy"])["form-action"] == "'self'"
    assert "<script" not in response.text


SHOWN = {
    "loopback": (REDIRECT, "127.0.0.1:49152", True),
    "loopback by name": ("http://localhost:9999/cb", "localhost:9999", True),
    "https": ("https://app.test/cb", "app.test", False),
    "a look-alike": ("https://claude.ai.evil.test/cb", "claude.ai.evil.test", False),
    "a scheme": ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor:", True),
}


@SHARED
@pytest.mark.parametrize(("uri", "where", "warns"), SHOWN.values(), ids=SHOWN)
async def test_the_page_says_where_the_answer_goes(guest: Login, uri: str, where: str, warns: bool) -> None:
    """O-13, O-17; RFC 8252, section 8.6: anybody may listen on loopback."""
    await guest.register(redirect_uris=[uri])
    page = (await guest.open(redirect_uri=uri)).text
    assert f'<span class="where">{where}</span>' in page
    assert ("Any program on this machine can" in page) is warns
    assert page.index("where") < page.index("<form")


@SHARED
async def test_the_page_says_what_is_asked_for_in_words_and_nothing_is_given_by_it(guest: Login) -> None:
    await guest.register()
    page = (await guest.open(scope="credentials:reveal proxy:write")).text
    assert (
        "<li>read a credential, where a person set the agent to direct</li><li>make calls through the proxy</li>"
        in page
    )
    assert "passphrase in a browser" in page
    assert 'type="password"' not in page
    assert re.findall(r'name="do" value="(\w+)"', page) == ["ask", "refuse"]


@SHARED
async def test_a_waiting_page_looks_by_itself_and_one_in_which_somebody_types_does_not(
    guest: Login,
) -> None:
    await guest.register()
    seen = await pages(guest)
    looks = {state: 'http-equiv="refresh"' in page for state, page in seen.items()}
    assert looks == {"shown": False, "shown again": False, "waiting": True, "typing": False}


@SHARED
async def test_the_tag_of_the_page_is_the_tag_of_the_terminal(guest: Login, hotel: Running) -> None:
    await guest.register()
    page = (await guest.open()).text
    await guest.press("ask")
    waiting = (await hotel.person.call(ListConsentRequests())).items
    (tag,) = [asked.tag for asked in waiting if asked.id == guest.request_id]
    assert f'<span class="tag">{tag}</span>' in page


@SHARED
async def test_after_the_answer_the_page_gives_no_second_code(guest: Login) -> None:
    await guest.code()
    again = await guest.look()
    assert again.status_code == 200
    assert "<form" not in again.text
    assert "location" not in again.headers


@SHARED
async def test_the_page_of_a_device_only_says_where_to_type(guest: Login) -> None:
    """RFC 8628, section 5.4: the code is not typed into a page that a link may open."""
    response = await guest.http.get("/oauth/device", params={"user_code": "BCDF-GHJK"})
    assert response.status_code == 200
    assert "<input" not in response.text
    assert "BCDF" not in response.text
