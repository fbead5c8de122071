"""The pages of a log-in as bytes and headers; `tests/browser` shows them to a real browser."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from stack_local.wire.consents import GiveConsent
from tests.conftest import Running
from tests.oauth.flow import REDIRECT, Login

NEVER = ("<script", "javascript:", " style=", " on", "<img", "<link", "@import", "url(")
"""What no page holds: nothing runs, and nothing is fetched."""

POLICIES = {
    REDIRECT: "'self' http://127.0.0.1:49152",
    "http://localhost:49152/callback": "'self' http://localhost:49152",
    "https://client.test/callback": "'self' https://client.test",
    "http://[::1]:49152/callback": "'self'",
    "cursor://anysphere.cursor-mcp/oauth/callback": "'self'",
}
"""By redirect URI: where forms lead."""


@pytest.fixture
async def login(appliance: Running) -> AsyncIterator[Login]:
    async with appliance.http() as http:
        yield Login(appliance, http)


async def opened(login: Login, redirect_uri: str) -> httpx.Response:
    await login.register(redirect_uris=[redirect_uri])
    return await login.open(redirect_uri=redirect_uri)


@pytest.mark.parametrize(("redirect_uri", "form_action"), POLICIES.items(), ids=POLICIES)
async def test_the_policy_allows_our_style_and_our_forms_and_nothing_else(
    login: Login, redirect_uri: str, form_action: str
) -> None:
    response = await opened(login, redirect_uri)
    style = re.search(r"<style>(.*)</style>", response.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert response.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"form-action {form_action}",
    ]
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


async def test_no_page_runs_or_fetches_anything(login: Login) -> None:
    pages = [await opened(login, REDIRECT)]
    await login.press("ask")
    pages += [await login.look(), await login.http.get("/oauth/device"), await login.http.get("/oauth/authorize")]
    pages.append(await login.http.get(f"{login.path}?type=code", headers={"Cookie": f"stack_login={login.cookie}"}))
    for page in pages:
        assert [held for held in NEVER if held in re.sub(r">[^<]*<", "><", page.text)] == []


@pytest.mark.parametrize("redirect_uri", [uri for uri, policy in POLICIES.items() if policy == "'self'"])
async def test_where_no_form_may_lead_a_page_goes_on_by_itself(login: Login, redirect_uri: str) -> None:
    await opened(login, redirect_uri)
    await login.press("ask")
    await login.running.person.call(GiveConsent(request_id=login.request_id))
    response = await login.look()
    assert response.status_code == 200
    assert f'content="0; url={redirect_uri}?code=' in response.text
    assert "Location" not in response.headers
    assert "code=" not in (await login.look()).text


async def test_a_redirect_uri_cannot_write_into_the_page_that_goes_on(login: Login) -> None:
    redirect_uri = "cursor://x/<script>'"
    await opened(login, redirect_uri)
    await login.press("ask")
    await login.running.person.call(GiveConsent(request_id=login.request_id))
    went = (await login.look()).text
    assert "<script" not in went
    assert 'content="0; url=cursor://x/&lt;script&gt;&#39;?code=' in went
