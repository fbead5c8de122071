"""A client that writes what it likes into its name and its address: shown as text, and never instead of the facts."""

import pytest

from tests.browser.chromium import Browser
from tests.browser.login import ASK, BrowserLogin

pytestmark = pytest.mark.browser

NAMES = {
    "script": "<script>window.ran = 1</script>",
    "image": '"><img src=x onerror="window.ran = 1">',
    "style": "</style><style>body { display: none }</style>",
    "attribute": "' autofocus onfocus='window.ran = 1",
    "template": "{{ csrf }}{% raw %}{{ 7 * 7 }}",
    "entity": "&lt;b&gt;&#60;script&#62;",
    "words of the page": "Claude”. Answer goes to: 127.0.0.1 Tag: AAAA",
}

OVERRIDE = "\u202eedoC edualC\u2066\u200f"
HEBREW = "\u05e9\u05dc\u05d5\u05dd (127.0.0.1)"
LONGEST = "W" * 512
LONG_HOST = "accounts.example.com." + ".".join(["sign-in-0123456789abcdef"] * 8) + ".evil.test"

SIZES = {"desktop": (1280, 720), "phone": (390, 844)}

IN_VIEW = """
const seen = element => [...element.getClientRects()].every(box => {
  const on_top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth && on_top === element;
});
return scrollY === 0 && document.documentElement.scrollWidth <= innerWidth
  && [...arguments].every(css => document.querySelector(css) !== null && seen(document.querySelector(css)));
"""
"""Whether elements are whole in view, with nothing over them, and the page is not wider than the window."""


async def shown_name(browser: Browser) -> object:
    return await browser.script("return document.querySelector('bdi').textContent")


async def test_a_name_is_text_and_runs_nothing(login: BrowserLogin) -> None:
    for name in NAMES.values():
        await login.register(client_name=name)
        await login.open()
        assert await shown_name(login.browser) == name
        assert await login.browser.script("return window.ran === undefined"), name
        assert not await login.browser.has("script, img, main style, [onfocus], [onerror]"), name
        assert name not in str(await login.browser.script("return document.title"))
        await login.browser.click(ASK)
        assert name in {waiting.client_name for waiting in await login.all_waiting()}
    assert await login.strangers() == []
    assert await login.browser.console() == []


async def test_a_name_cannot_turn_the_words_around(login: BrowserLogin) -> None:
    await login.register(client_name=OVERRIDE)
    await login.open()
    assert await shown_name(login.browser) == "edoC edualC"
    await login.register(client_name=HEBREW)
    await login.open()
    before = "const box = css => document.querySelector(css).getBoundingClientRect();"
    # What follows the name in the source stands to its right, as it would after a Latin one.
    assert await login.browser.script(f"{before} return box('bdi').right <= box('bdi + .soft').left")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_tag_host_and_warning_are_seen_without_scrolling(login: BrowserLogin, size: tuple[int, int]) -> None:
    await login.browser.view(*size)
    for name in ("Test client", LONGEST, "word " * 100):
        await login.register(client_name=name)
        await login.open()
        assert await login.browser.script(IN_VIEW, ".where", ".tag", ".warn"), name
        await login.browser.click(ASK)
        assert await login.browser.script(IN_VIEW, ".where", ".tag", ".warn"), name


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_long_host_is_seen_to_its_end(login: BrowserLogin, size: tuple[int, int]) -> None:
    await login.browser.view(*size)
    await login.register(f"https://{LONG_HOST}/callback", client_name=LONGEST)
    await login.open()
    assert await login.browser.script("return document.querySelector('.where').textContent") == LONG_HOST
    assert await login.browser.script(IN_VIEW, ".where", ".tag")


async def test_a_name_of_a_thousand_characters_is_not_registered(login: BrowserLogin) -> None:
    response = await login.http.http.post(
        "/oauth/register", json={"redirect_uris": [login.client.url()], "client_name": "W" * 1000}
    )
    assert response.status_code == 400
