"""Chromium, driven by the WebDriver protocol over httpx, and what its own log says it asked for."""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.conftest import decoded

BINARY, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
BOUND_SECONDS = 10
LOOK_SECONDS = 0.05
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Names of the tests are loopback; every other one is none.
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE ::1, EXCLUDE localhost",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_GONE = ("stale element reference", "does not belong to the document")
"""chromedriver's words for an element of a page that was left."""

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]]) -> T:
    """Look again and again, within bounds, until there is something to see."""
    async with asyncio.timeout(BOUND_SECONDS):
        while True:
            if seen := await look():
                return seen
            await asyncio.sleep(LOOK_SECONDS)


class WebDriverError(Exception):
    """What chromedriver refused, by its error code."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of the browser."""

    url: str
    method: str
    status: int | None
    """None: it was blocked, or had no answer."""
    location: str | None


@dataclass
class Browser:
    """One Chromium with a profile of its own."""

    http: httpx.AsyncClient
    session: str
    events: list[dict[str, Any]] = field(default_factory=list)
    """The performance log so far."""

    async def command(self, method: str, path: str, **body: Any) -> Any:
        """One command of the WebDriver protocol; what it answers."""
        url = f"/session/{self.session}{path}"
        response = await self.http.request(method, url, json=body if method == "POST" else None)
        return _value(response)

    # Pages -------------------------------------------------------------------------------------------------------

    async def open(self, url: str) -> None:
        await self.command("POST", "/url", url=url)

    async def back(self) -> None:
        await self.command("POST", "/back")

    async def url(self) -> str:
        return str(await self.command("GET", "/url"))

    async def text(self) -> str:
        """What a person reads, whatever the case or layout."""
        return str(await self.command("GET", f"/element/{await self._find('body')}/text"))

    async def script(self, source: str, *arguments: Any) -> Any:
        """The body of a function, run in the page; a promise is awaited."""
        return await self.command("POST", "/execute/sync", script=source, args=list(arguments))

    async def has(self, css: str) -> bool:
        return bool(await self.command("POST", "/elements", using="css selector", value=css))

    async def attribute(self, css: str, name: str) -> str:
        return str(await self.command("GET", f"/element/{await self._find(css)}/attribute/{name}"))

    async def click(self, css: str) -> None:
        """As the mouse would, where it is visible; the page that follows is awaited."""
        element = await self._find(css)
        await self.command("POST", f"/element/{element}/click")
        await until(lambda: self._is_gone(element))

    async def _is_gone(self, element: str) -> bool:
        try:
            await self.command("GET", f"/element/{element}/name")
        except WebDriverError as error:
            if any(words in str(error) for words in _GONE):
                return True
            raise
        return False

    async def type(self, css: str, text: str) -> None:
        await self.command("POST", f"/element/{await self._find(css)}/value", text=text)

    async def frame(self, css: str | None) -> None:
        """Look into a frame, or out of all."""
        found = None if css is None else {_ELEMENT: await self._find(css)}
        await self.command("POST", "/frame", id=found)

    async def cookies(self) -> dict[str, str]:
        """Those the page in view would be sent with."""
        return {cookie["name"]: cookie["value"] for cookie in await self.command("GET", "/cookie")}

    async def forget(self) -> None:
        """Throw every cookie away."""
        await self.cdp("Network.clearBrowserCookies", {})

    async def screenshot(self) -> str:
        """A PNG of what is in view, in base 64."""
        return str(await self.command("GET", "/screenshot"))

    async def view(self, width: int, height: int, *, scheme: str = "light") -> None:
        """What a person sees of a page: exactly so many pixels, and light or dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.cdp("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.cdp("Emulation.setEmulatedMedia", {"features": features})

    async def cdp(self, name: str, params: dict[str, Any]) -> Any:
        return await self.command("POST", "/goog/cdp/execute", cmd=name, params=params)

    async def until_at(self, holds: Callable[[str], bool]) -> None:
        """Wait for an address to come into view."""

        async def is_there() -> bool:
            return holds(await self.url())

        await until(is_there)

    async def _find(self, css: str) -> str:
        return str((await self.command("POST", "/element", using="css selector", value=css))[_ELEMENT])

    # What it did -------------------------------------------------------------------------------------------------

    async def console(self) -> list[str]:
        """Errors and warnings of the console since the last time."""
        return [entry["message"] for entry in await self.command("POST", "/se/log", type="browser")]

    async def until_said(self, words: str) -> None:
        """Wait for a message of the console."""

        async def is_said() -> bool:
            return any(words in said for said in await self.console())

        await until(is_said)

    async def sent(self) -> list[Sent]:
        """Every request for the network, from the start, each step of a redirect by itself."""
        for entry in await self.command("POST", "/se/log", type="performance"):
            self.events.append(json.loads(entry["message"])["message"])
        return sent_by(self.events)

    async def until_sent(self, fits: Callable[[Sent], bool]) -> Sent:
        """Wait for a request."""

        async def found() -> list[Sent]:
            return [sent for sent in await self.sent() if fits(sent)]

        return (await until(found))[0]


def _value(response: httpx.Response) -> Any:
    value = decoded(response)["value"]
    if response.status_code != 200:
        raise WebDriverError(f"{value['error']}: {value['message'].splitlines()[0]}")
    return value


def sent_by(events: list[dict[str, Any]]) -> list[Sent]:
    """The requests that a performance log holds."""
    steps: dict[str, list[Sent]] = {}
    for event in events:
        params = event["params"]
        match event["method"]:
            case "Network.requestWillBeSent":
                of_id = steps.setdefault(params["requestId"], [])
                if "redirectResponse" in params and of_id:
                    of_id[-1] = _answered(of_id[-1], params["redirectResponse"])
                of_id.append(Sent(params["request"]["url"], params["request"]["method"], None, None))
            case "Network.responseReceived" if steps.get(params["requestId"]):
                of_id = steps[params["requestId"]]
                of_id[-1] = _answered(of_id[-1], params["response"])
    return [sent for of_id in steps.values() for sent in of_id]


def _answered(sent: Sent, response: dict[str, Any]) -> Sent:
    headers = {name.lower(): value for name, value in response["headers"].items()}
    return Sent(sent.url, sent.method, response["status"], headers.get("location"))


@dataclass(frozen=True, slots=True)
class Chromium:
    """A running Chromium: where its driver listens, and the session there."""

    driver: str
    session: str


@contextmanager
def running_chromium(folder: Path, *, has_script: bool = True) -> Iterator[Chromium]:
    """A Chromium with a new profile, for as many tests as like; each opens a tab of its own."""
    with _chromedriver(folder) as driver, httpx.Client(base_url=driver, timeout=60, trust_env=False) as http:
        _wait_until_ready(http)
        value = _value(http.post("/session", json={"capabilities": {"alwaysMatch": _wanted(folder, has_script)}}))
        try:
            yield Chromium(driver, value["sessionId"])
        finally:
            http.delete(f"/session/{value['sessionId']}")


@contextmanager
def _chromedriver(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A home of its own: Chromium writes into it beside its profile.
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
    command = [str(DRIVER), f"--port={port}", f"--log-path={folder / 'chromedriver.log'}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wanted(folder: Path, has_script: bool) -> dict[str, Any]:
    prefs = {} if has_script else {"profile.managed_default_content_settings.javascript": 2}
    arguments = [*FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    return {
        "browserName": "chrome",
        "acceptInsecureCerts": True,
        "goog:chromeOptions": {"binary": str(BINARY), "args": arguments, "prefs": prefs},
        "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
    }


def _wait_until_ready(http: httpx.Client) -> None:
    end = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < end:
        try:
            if _value(http.get("/status"))["ready"]:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(LOOK_SECONDS)
    raise TimeoutError("chromedriver does not come up")


@asynccontextmanager
async def new_tab(chromium: Chromium) -> AsyncIterator[Browser]:
    """A tab without a past: no cookie, no history, an empty log."""
    async with httpx.AsyncClient(base_url=chromium.driver, timeout=60, trust_env=False) as http:
        browser = Browser(http, chromium.session)
        opened = await browser.command("POST", "/window/new", type="tab")
        await browser.command("DELETE", "/window")
        await browser.command("POST", "/window", handle=opened["handle"])
        await browser.forget()
        await browser.console()
        await browser.sent()
        browser.events.clear()
        yield browser
