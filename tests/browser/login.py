"""One log-in as a person sees it: pages in a browser, the decision in the terminal, the answer at the client."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from stack_local.wire.consents import ConsentRequest, GiveConsent, ListConsentRequests
from tests.browser.chromium import Browser, Sent
from tests.browser.site import Site
from tests.conftest import Running
from tests.oauth.flow import CHALLENGE, Login

ASK, REFUSE, TYPED = "button[value=ask]", "button[value=refuse]", "button[value=code]"
STATE = "st-1"


@dataclass
class BrowserLogin:
    """A client, and the browser it sends to us."""

    running: Running
    browser: Browser
    client: Site
    http: Login
    redirect_uri: str = ""

    async def register(self, redirect_uri: str = "", **metadata: Any) -> None:
        """RFC 7591, with the one redirect URI that is used from then on."""
        self.redirect_uri = redirect_uri or self.client.url()
        await self.http.register(redirect_uris=[self.redirect_uri], **metadata)

    def url(self, **changed: str) -> str:
        """Where the client sends the browser."""
        asked = {
            "response_type": "code",
            "client_id": self.http.client_id,
            "redirect_uri": self.redirect_uri,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": STATE,
        }
        return f"{self.running.base_url}/oauth/authorize?{urlencode(asked | changed)}"

    async def open(self) -> None:
        await self.browser.open(self.url())

    async def ask(self) -> ConsentRequest:
        """Open the page and press its first button; what then waits at the terminal."""
        await self.open()
        await self.browser.click(ASK)
        return await self.waiting()

    async def waiting(self) -> ConsentRequest:
        """The one log-in that waits for the person."""
        items = await self.all_waiting()
        assert len(items) == 1
        return items[0]

    async def all_waiting(self) -> list[ConsentRequest]:
        return (await self.running.person.call(ListConsentRequests())).items

    async def give(self) -> None:
        """The person says yes, in the terminal."""
        await self.running.person.call(GiveConsent(request_id=(await self.waiting()).id))

    async def redeem(self, code: str) -> httpx.Response:
        """What the client does with the code."""
        return await self.http.token(code=code, redirect_uri=self.redirect_uri)

    async def strangers(self) -> list[Sent]:
        """Requests of the browser to anybody but us and the client's redirect URI."""
        ours = {self.running.base_url, origin(self.redirect_uri)}
        return [sent for sent in await self.browser.sent() if origin(sent.url) not in ours]


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
