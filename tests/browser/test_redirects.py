"""Where the answer may go: each kind of redirect URI, on each way out of the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stack_local.wire.consents import CreateConsentCode
from tests.browser.login import REFUSE, TYPED, BrowserLogin
from tests.browser.site import CALLBACK, Site
from tests.simulators.certificates import make_authority

pytestmark = pytest.mark.browser

CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"

OTHERS = ["/callback/", "/Callback", "/callback?x=1", "/x/../callback", "/%63allback", "/callback#x", "/callback%0d%0a"]


async def let_in(login: BrowserLogin) -> None:
    """The page looks by itself, and goes on from there."""
    await login.ask()
    await login.give()


async def refused(login: BrowserLogin) -> None:
    """The form's own redirects lead out: `form-action` judges each of them."""
    await login.open()
    await login.browser.click(REFUSE)


async def typed(login: BrowserLogin) -> None:
    """The same, with a code."""
    waiting = await login.ask()
    await login.browser.click("a[href='?type=code']")
    made = await login.running.person.call(CreateConsentCode(request_id=waiting.id))
    await login.browser.type("input[name=code]", made.code.get_secret_value())
    await login.browser.click(TYPED)


WAYS = {"let in": (let_in, "code"), "refused": (refused, "error"), "typed": (typed, "code")}


@asynccontextmanager
async def listening(kind: str, folder: Path) -> AsyncIterator[tuple[Site, str]]:
    """A client of one kind, and the redirect URI it registers."""
    tls = make_authority(folder).server_context("client.test") if kind == "https" else None
    async with Site("::1" if kind == "[::1]" else "127.0.0.1", tls) as site:
        named = {"localhost": "localhost", "https": "client.test"}.get(kind, "")
        yield site, site.url(CALLBACK, host=named)


@pytest.mark.parametrize("kind", ["127.0.0.1", "localhost", "[::1]", "https"])
async def test_the_answer_reaches_the_client_on_every_way(login: BrowserLogin, tmp_path: Path, kind: str) -> None:
    async with listening(kind, tmp_path) as (site, redirect_uri):
        await login.register(redirect_uri)
        for way, (steps, expected) in WAYS.items():
            site.visits.clear()
            await steps(login)
            assert expected in await site.answer(), way
    assert await login.strangers() == []
    assert await login.browser.console() == []


async def test_on_loopback_the_port_is_the_clients_choice(login: BrowserLogin) -> None:
    await login.register("http://127.0.0.1/callback")
    login.redirect_uri = login.client.url()
    await let_in(login)
    assert (await login.redeem((await login.client.answer())["code"])).status_code == 200


@pytest.mark.parametrize("way", WAYS)
async def test_a_scheme_of_the_clients_own_is_opened(login: BrowserLogin, way: str) -> None:
    """A tab for each: Chromium asks the person about such a link, and until then the tab hears no click."""
    steps, expected = WAYS[way]
    await login.register(CURSOR)
    await steps(login)
    opened = await login.browser.until_sent(lambda sent: sent.url.startswith("cursor:"))
    assert f"{expected}=" in opened.url
    assert await login.strangers() == []
    assert await login.browser.console() == []


async def test_the_page_does_not_go_on_waiting_once_another_program_has_the_answer(login: BrowserLogin) -> None:
    await login.register(CURSOR)
    await let_in(login)
    await login.browser.until_sent(lambda sent: sent.url.startswith("cursor:"))
    assert not await login.browser.has("button")


async def test_another_redirect_uri_than_the_registered_one_is_never_gone_to(login: BrowserLogin) -> None:
    for changed in OTHERS:
        login.redirect_uri = login.client.url(changed)
        await login.open()
        assert not await login.browser.has("button"), changed
    assert login.client.visits == []
