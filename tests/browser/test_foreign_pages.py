"""Pages of somebody else in the person's browser: they frame, post, fetch and rebind, and nothing comes of it."""

import json

import pytest

from stack_local.wire.audit import ListAudit
from stack_local.wire.services import ConnectCustomService
from tests.browser.chromium import Browser, Sent, until
from tests.browser.login import ASK, BrowserLogin, origin
from tests.browser.site import Site
from tests.conftest import TOKEN, Running
from tests.simulators.upstream import Upstream

pytestmark = pytest.mark.browser

EVIL = "evil.test"
"""Another site than ours, though on loopback; without it, a page of the same site on another port."""
HOSTS = pytest.mark.parametrize("host", ["", EVIL], ids=["another port", "another site"])

FRAMES = {
    "iframe": '<iframe src="{url}"></iframe>',
    "sandboxed": '<iframe sandbox="allow-forms allow-scripts" src="{url}"></iframe>',
    "object": '<object type="text/html" data="{url}" width="600" height="400"></object>',
}

HEAD = "<!doctype html><link rel=icon href=data:,>"


async def audited(running: Running) -> list[str]:
    """What the log holds, newest first."""
    return [entry.entry_id for entry in (await running.person.call(ListAudit(limit=100))).entries]


async def sent_to(browser: Browser, base_url: str) -> list[Sent]:
    return [sent for sent in await browser.sent() if origin(sent.url) == base_url]


@HOSTS
async def test_the_page_shows_nothing_in_a_frame(login: BrowserLogin, host: str) -> None:
    for kind, markup in FRAMES.items():
        login.client.pages["/"] = HEAD + markup.format(url=login.url().replace("&", "&amp;"))
        await login.browser.open(login.client.url("/", host=host))
        await login.browser.until_said("frame-ancestors")
        if kind != "object":  # which, refused, has no frame at all
            await login.browser.frame("iframe")
            assert not await login.browser.has("form, button, .tag"), kind
            await login.browser.frame(None)


FORM = '<form method="post" action="{action}">{fields}</form>'
POSTS = {
    "a form": FORM,
    "without a referrer": f'<meta name="referrer" content="no-referrer">{FORM}',
    "from a sandbox": '<iframe sandbox="allow-forms" src="/form"></iframe>',
}


@HOSTS
async def test_a_button_of_the_page_cannot_be_pressed_by_another_page(login: BrowserLogin, host: str) -> None:
    """Even one that knows all there is to know: the request and the word of its form."""
    for kind, page in POSTS.items():
        await login.open()
        action = await login.browser.script("return document.querySelector('form').action")
        csrf = await login.browser.attribute("input[name=csrf]", "value")
        fields = f'<input name="csrf" value="{csrf}"><button name="do" value="ask">Win a prize</button>'
        login.client.pages["/"] = HEAD + page.format(action=action, fields=fields)
        login.client.pages["/form"] = HEAD + FORM.format(action=action, fields=fields)
        before = await audited(login.running)
        login.running.appliance.dispatcher.take_counted()
        await login.browser.open(login.client.url("/", host=host))
        await login.browser.frame("iframe" if kind == "from a sandbox" else None)
        await login.browser.click(ASK)
        assert set(await refusal(login.running)) == {"FORBIDDEN"}, kind
        await login.browser.frame(None)
        assert await audited(login.running) == before
    assert await login.all_waiting() == []


@HOSTS
async def test_a_link_of_another_page_presses_no_button(login: BrowserLogin, host: str) -> None:
    await login.open()
    action = await login.browser.script("return document.querySelector('form').action")
    csrf = await login.browser.attribute("input[name=csrf]", "value")
    login.client.pages["/"] = f'{HEAD}<a href="{action}?do=ask&csrf={csrf}">A prize</a>'
    await login.browser.open(login.client.url("/", host=host))
    await login.browser.click("a")
    assert await login.all_waiting() == []


ATTACKS = {
    "fetch text/plain": "await go(() => fetch(tool, {method: 'POST', mode: 'no-cors', body}))",
    "fetch a form": "await go(() => fetch(tool, {method: 'POST', mode: 'no-cors', body: new URLSearchParams('a=b')}))",
    "fetch with cookies": "await go(() => fetch(tool, {method: 'POST', mode: 'no-cors', credentials: 'include'}))",
    "fetch JSON": "await go(() => fetch(tool, {method: 'POST', headers: {'Content-Type': 'application/json'}, body}))",
    "fetch MCP": "await go(() => fetch(base + '/mcp', {method: 'POST', mode: 'no-cors', body}))",
    "fetch a read": "await go(() => fetch(base + '/v1/agents', {mode: 'no-cors'}))",
    "fetch across": "await go(() => fetch(base + '/v1/agents', {headers: {Authorization: 'Bearer x'}}))",
    "register a client": "await go(() => fetch(base + '/oauth/register', {method: 'POST', mode: 'no-cors', body}))",
    "beacon": "navigator.sendBeacon(tool, body)",
    "image": "await until(Object.assign(new Image(), {src: base + '/v1/agents'}))",
    "script": "await until(put('script', {src: base + '/v1/agents'}))",
    "style": "await until(put('link', {rel: 'stylesheet', href: base + '/v1/agents'}))",
    "prefetch": "put('link', {rel: 'prefetch', href: base + '/v1/agents'})",
    "preload": "await until(put('link', {rel: 'preload', as: 'fetch', href: base + '/v1/agents'}))",
    "frame": "await until(put('iframe', {src: base + '/v1/agents'}))",
    "web socket": "await until(new WebSocket(base.replace('http', 'ws') + '/mcp'))",
    "event source": "await until(new EventSource(base + '/mcp'))",
    "worker": "await go(() => { new Worker(base + '/v1/agents') })",
    "service worker": """
        await navigator.serviceWorker.register('/worker.js');
        const worker = (await navigator.serviceWorker.ready).active;
        const channel = new MessageChannel();
        const told = new Promise(told => channel.port1.onmessage = told);
        worker.postMessage([tool, body], [channel.port2]);
        await told""",
    "foreign service worker": "await go(() => navigator.serviceWorker.register(base + '/worker.js'))",
}
"""What a page's script can send without our help."""

BEFORE = """
const [base, tool, body] = arguments;
const go = async act => { try { await act() } catch { } };
const until = thing => new Promise(end => { thing.onload = thing.onerror = thing.onclose = end });
const put = (tag, fields) => document.head.appendChild(Object.assign(document.createElement(tag), fields));
"""

WORKER = """
onmessage = async event => {
  const [tool, body] = event.data;
  try { await fetch(tool, {method: 'POST', mode: 'no-cors', body}) } catch { }
  event.ports[0].postMessage('done');
};
"""

UNCOUNTED = {"worker", "foreign service worker", "web socket"}
"""Chromium lets no script of another origin become a worker; a web socket is closed at the door, where nothing counts.
All others arrive, and are refused and counted."""


async def refusal(running: Running) -> dict[str, int]:
    """The next refusals that are counted."""

    async def counted() -> dict[str, int]:
        return running.appliance.dispatcher.take_counted()

    return await until(counted)


def connecting(upstream: Upstream) -> str:
    """The body of a call that would matter."""
    request = ConnectCustomService(name="evil", credential=TOKEN, hosts=[upstream.host_port])
    return json.dumps({**request.model_dump(mode="json", exclude_defaults=True), "credential": TOKEN})


@HOSTS
async def test_nothing_that_a_page_can_send_changes_anything(
    appliance: Running, browser: Browser, client: Site, upstream: Upstream, host: str
) -> None:
    client.pages |= {"/": HEAD + "<p>An innocent page", "/worker.js": WORKER}
    tool = f"{appliance.base_url}/v1/call/connect_custom_service"
    before = await audited(appliance)
    changing: list[str] = []
    for attack, source in ATTACKS.items():
        # A service worker needs a secure context: the page on the other port has one, by its address.
        await browser.open(client.url("/", host="" if "service worker" in attack else host))
        appliance.appliance.dispatcher.take_counted()
        await browser.script(BEFORE + source, appliance.base_url, tool, connecting(upstream))
        if attack not in UNCOUNTED:
            assert set(await refusal(appliance)) <= {"FORBIDDEN", "UNAUTHORIZED"}
        changing += [attack] if await audited(appliance) != before else []
    assert changing == []
    statuses = {sent.status for sent in await sent_to(browser, appliance.base_url)}
    assert statuses <= {401, 403, None}
    assert 403 in statuses


ENCODINGS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")


@HOSTS
async def test_a_form_of_another_page_calls_nothing(
    appliance: Running, browser: Browser, client: Site, upstream: Upstream, host: str
) -> None:
    """With text/plain, a field's name and value together make a JSON body."""
    body = connecting(upstream).replace('"', "&quot;").removesuffix("}")
    tool = f"{appliance.base_url}/v1/call/connect_custom_service"
    before = await audited(appliance)
    for encoding in ENCODINGS:
        client.pages["/"] = (
            f'{HEAD}<form method="post" enctype="{encoding}" action="{tool}">'
            f'<input name="{body}, &quot;x&quot;: &quot;" value="&quot;}}"><button>Win a prize</button></form>'
        )
        await browser.open(client.url("/", host=host))
        await browser.click("button")
        assert set(await refusal(appliance)) == {"FORBIDDEN"}, encoding
    posted = [sent.status for sent in await sent_to(browser, appliance.base_url) if sent.method == "POST"]
    assert posted == [403] * len(ENCODINGS)
    assert await audited(appliance) == before


async def test_a_name_rebound_to_us_is_misdirected(appliance: Running, browser: Browser, upstream: Upstream) -> None:
    """The browser believes that page and appliance are one origin: no Origin stands between them, only Host."""
    base = appliance.base_url.replace("127.0.0.1", "rebound.test")
    await browser.open(f"{base}/healthz")
    before = await audited(appliance)
    ask = "return (await fetch(arguments[0], {method: arguments[1], body: arguments[2], headers: arguments[3]})).status"
    reads = ["/v1/agents", "/healthz", "/openapi.json", "/oauth/authorize", "/.well-known/oauth-authorization-server"]
    for path in reads:
        assert await browser.script(ask, f"{base}{path}", "GET", None, {}) == 421
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {await appliance.key()}"}
    before = await audited(appliance)
    for path in ("/v1/call/connect_custom_service", "/mcp", "/oauth/register", "/oauth/token"):
        assert await browser.script(ask, f"{base}{path}", "POST", connecting(upstream), headers) == 421
    assert all(sent.status == 421 for sent in await sent_to(browser, base))
    assert await audited(appliance) == before


async def test_a_page_with_a_stolen_key_still_calls_nothing(
    appliance: Running, browser: Browser, client: Site, upstream: Upstream
) -> None:
    """The preflight for the bearer is refused, so that the call is never made."""
    await browser.open(client.url("/"))
    key, tool = await appliance.key(preset="admin"), f"{appliance.base_url}/v1/call/connect_custom_service"
    before = await audited(appliance)
    call = """
        const headers = {Authorization: `Bearer ${arguments[1]}`, 'Content-Type': 'application/json'};
        return fetch(arguments[0], {method: 'POST', headers, body: arguments[2]}).then(() => 'sent', () => 'blocked')"""
    assert await browser.script(call, tool, key, connecting(upstream)) == "blocked"
    assert await audited(appliance) == before
