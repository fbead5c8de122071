"""Pictures of every state of the consent page, to be looked at: `python -m tests.browser.shots FOLDER`."""

import asyncio
import base64
import sys
import tempfile
from pathlib import Path

from stack_local.wire.consents import GiveConsent
from tests.browser.chromium import Browser, new_tab, running_chromium
from tests.browser.login import ASK, TYPED, BrowserLogin
from tests.browser.site import Site
from tests.conftest import begin, served
from tests.oauth.flow import Login

SIZES = {"desktop": (1280, 720), "phone": (390, 844)}
CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
LONG = "https://accounts.example.com.sign-in.session-0123456789abcdef.evil.test/callback"


async def shoot(browser: Browser, folder: Path, state: str) -> None:
    """One page at each size, light and dark."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            await browser.view(width, height, scheme=scheme)
            picture = base64.b64decode(await browser.screenshot())
            (folder / f"consent-{state}-{size}-{scheme}.png").write_bytes(picture)


async def shoot_all(folder: Path, login: BrowserLogin) -> None:
    """From the first page to the last."""
    browser = login.browser
    await login.register(client_name="Claude Code")
    await login.open()
    await shoot(browser, folder, "1-shown")
    await login.ask()
    await shoot(browser, folder, "2-waiting")
    page = await browser.url()
    await browser.click("a[href='?type=code']")
    await shoot(browser, folder, "3-typing")
    await browser.type("input[name=code]", "2222-2222")
    await browser.click(TYPED)
    await shoot(browser, folder, "4-wrong-code")
    await login.running.person.call(GiveConsent(request_id=(await login.waiting()).id))
    await browser.open(page)
    await browser.open(page)
    await shoot(browser, folder, "5-decided")
    await login.open()
    await browser.forget()
    await browser.click(ASK)
    await shoot(browser, folder, "6-error")
    await browser.open(f"{login.running.base_url}/oauth/device")
    await shoot(browser, folder, "7-device")
    await login.register(CURSOR, client_name="Cursor")
    await login.ask()
    await shoot(browser, folder, "8-program-waiting")
    await login.give()
    await browser.until_sent(lambda sent: sent.url.startswith("cursor:"))
    await shoot(browser, folder, "9-program-leaving")
    await login.register(LONG, client_name="\u202eedoC edualC " + "W" * 490)
    await login.open()
    await shoot(browser, folder, "10-hostile")
    await login.register(client_name="שלום (trusted)")
    await login.open()
    await shoot(browser, folder, "11-right-to-left")


async def main(folder: Path) -> None:
    """Each picture into the folder."""
    with tempfile.TemporaryDirectory() as scratch, running_chromium(Path(scratch)) as chromium:
        home = Path(scratch) / "home"
        async with served(home, Path(scratch) / "state") as running, Site() as client, new_tab(chromium) as browser:
            await begin(running)
            async with running.http() as http:
                await shoot_all(folder, BrowserLogin(running, browser, client, Login(running, http)))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    asyncio.run(main(folder))
