"""A client and a browser that log in, one step at a time: what the tests of the authorization server play with."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from stack_local.wire.consents import Consent, GiveConsent, ListConsentRequests, ListConsents
from tests.conftest import Running, decoded

REDIRECT = "http://127.0.0.1:49152/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
COOKIE = "stack_login"

MCP_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}

SHARED = pytest.mark.asyncio(loop_scope="module")
"""Of a test that plays with `guest`: one appliance serves every line of the tables of a file."""


@dataclass
class Login:
    """One client on its way in. Each step may be done wrongly by the fields given to it."""

    running: Running
    http: httpx.AsyncClient
    client_id: str = ""
    page: str = ""
    path: str = ""
    cookie: str = ""
    asked: dict[str, str] = field(default_factory=dict)

    async def register(self, **metadata: Any) -> dict[str, Any]:
        """RFC 7591; the answer."""
        said = {"redirect_uris": [REDIRECT], "client_name": "Test client", **metadata}
        response = await self.http.post("/oauth/register", json=said)
        answer: dict[str, Any] = decoded(response)
        assert response.status_code == 201, answer
        self.client_id = answer["client_id"]
        return answer

    def parameters(self, **changed: str | None) -> dict[str, str]:
        """Of an authorization request; None leaves one out."""
        usual = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "st-1",
            "resource": f"{self.running.base_url}/mcp",
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    async def open(self, *more: tuple[str, str], **changed: str | None) -> httpx.Response:
        """Open the page as a browser would; `more` stands beside what was changed, so that a name can stand twice."""
        self.asked = self.parameters(**changed)
        response = await self.http.get("/oauth/authorize", params=[*self.asked.items(), *more])
        if response.status_code == 200:
            self.take(response)
        return response

    def take(self, response: httpx.Response) -> None:
        """Hold the page that was opened."""
        self.page = response.text
        found = re.search(r'action="([^"]+)"', self.page)
        assert found is not None
        self.path = found[1]
        self.cookie = response.cookies[COOKIE]
        self.http.cookies.clear()

    @property
    def request_id(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def csrf(self) -> str:
        """The word of the form."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page)
        assert found is not None
        return found[1]

    async def press(self, do: str, **changed: str) -> httpx.Response:
        """Press a button of the page."""
        form = {"csrf": self.csrf, "do": do, **changed}
        return await self.http.post(self.path, data=form, headers=self._cookies())

    async def look(self) -> httpx.Response:
        """Load the page anew."""
        return await self.http.get(self.path, headers=self._cookies())

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}", "Origin": self.running.base_url}

    async def give(self, **chosen: Any) -> Consent:
        """The person says yes in the terminal."""
        return await self.running.person.call(GiveConsent(request_id=self.request_id, **chosen))

    async def allow(self, **chosen: Any) -> str:
        """Ask, let the person say yes, and fetch the code."""
        await self.press("ask")
        waiting = await self.running.person.call(ListConsentRequests())
        assert self.request_id in [asked.id for asked in waiting.items]
        await self.give(**chosen)
        response = await self.look()
        assert response.status_code == 303, response.text
        return answer_of(response)["code"]

    def fields(self, **changed: str | None) -> dict[str, str]:
        """Of a token request: those of the code grant unless others are given; None leaves one out."""
        usual = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    async def token(self, **changed: str | None) -> httpx.Response:
        """Ask for tokens."""
        return await self.http.post("/oauth/token", data=self.fields(**changed))

    async def refresh(self, refresh_token: str, **changed: str | None) -> httpx.Response:
        """Ask for the next pair."""
        return await self.token(
            grant_type="refresh_token", refresh_token=refresh_token, redirect_uri=None, code_verifier=None, **changed
        )

    async def code(self, **changed: str | None) -> str:
        """Registered, asked and allowed: the code."""
        if not self.client_id:
            await self.register()
        response = await self.open(**changed)
        assert response.status_code == 200, response.text
        return await self.allow()

    async def tokens(self, **chosen: Any) -> dict[str, Any]:
        """The whole way in: registered, allowed, redeemed."""
        if not self.client_id:
            await self.register()
        await self.open()
        response = await self.token(code=await self.allow(**chosen))
        answer: dict[str, Any] = decoded(response)
        assert response.status_code == 200, answer
        return answer


def answer_of(response: httpx.Response) -> dict[str, str]:
    """The parameters of a redirect to the client."""
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


def query_of(response: httpx.Response) -> dict[str, list[str]]:
    """The same, each as often as it stands."""
    return parse_qs(urlsplit(response.headers["location"]).query)


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal in the RFCs' own shape; nothing of a token is in it."""
    said = json.loads(response.content)
    assert not {"access_token", "refresh_token"} & set(said)
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, said["error"]


async def accepts(running: Running, bearer: str, path: str = "/mcp") -> bool:
    """Whether the resource at a path takes a bearer. Anything but yes and a challenge is a fault."""
    async with running.http(bearer) as http:
        response = await http.post(path, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=MCP_HEADERS)
    assert response.status_code in (200, 401), response.text
    return response.status_code == 200


async def consents_of(running: Running, client_id: str) -> list[Consent]:
    """What a person allowed this client and what still holds."""
    return [consent for consent in (await running.person.call(ListConsents())).items if consent.client_id == client_id]
