"""The Python clients, each behind the same few methods. None of them is modified; each logs in as it does by itself."""

import asyncio
import json
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import fastmcp
import httpx2
import mcp
from agents.mcp import MCPServerStreamableHttp
from fastmcp.client.auth import BearerAuth, OAuth
from key_value.aio.stores.memory import MemoryStore
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.clients.journey import Client
from tests.clients.stage import Stage

REDIRECT = "http://127.0.0.1:49152/callback"


class Opener(Protocol):
    """Connects a client: with a bearer, or by a log-in."""

    def __call__(self, stage: Stage, bearer: str | None) -> AbstractAsyncContextManager[Client]: ...


@dataclass
class Shelf:
    """Where the SDK keeps what it was given."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Login:
    """The SDK's two hooks: the browser is ours, and so is the listener."""

    stage: Stage
    _answer: str = ""

    async def open(self, url: str) -> None:
        self._answer = await self.stage.let_in(url)

    async def answer(self) -> AuthorizationCodeResult:
        found = dict(parse_qsl(urlsplit(self._answer).query))
        return AuthorizationCodeResult(code=found["code"], state=found["state"], iss=found["iss"])

    def provider(self) -> OAuthClientProvider:
        metadata = OAuthClientMetadata(client_name="Python client", redirect_uris=[REDIRECT])
        shelf = self.stage.kept.setdefault("shelf", Shelf())
        return OAuthClientProvider(self.stage.url, metadata, shelf, self.open, self.answer)


def grow_old(provider: httpx2.Auth | None, seconds: float) -> None:
    """The client's clock goes on: it looks at nothing but when its token ends."""
    if isinstance(provider, OAuthClientProvider):
        assert provider.context.token_expiry_time is not None
        provider.context.token_expiry_time -= seconds


@dataclass
class OfSdk:
    """`mcp.Client`."""

    client: mcp.Client
    provider: httpx2.Auth | None

    async def tools(self) -> set[str]:
        return {tool.name for tool in (await self.client.list_tools()).tools}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    def age(self, seconds: float) -> None:
        grow_old(self.provider, seconds)


def sdk(mode: str) -> Opener:
    """The Python SDK on one of its two wires."""

    @asynccontextmanager
    async def opened(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
        provider = None if bearer else Login(stage).provider()
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        async with httpx2.AsyncClient(headers=headers, auth=provider, timeout=30, trust_env=False) as http:
            transport = streamable_http_client(stage.url, http_client=http)
            async with mcp.Client(transport, mode=mode) as client:
                yield OfSdk(client, provider)

    return opened


@dataclass
class OfFastMcp:
    """`fastmcp.Client`."""

    client: "fastmcp.Client[Any]"
    provider: httpx2.Auth

    async def tools(self) -> set[str]:
        return {tool.name for tool in await self.client.list_tools()}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        return (await self.client.call_tool(tool, arguments)).structured_content

    def age(self, seconds: float) -> None:
        grow_old(self.provider, seconds)


@asynccontextmanager
async def fast_mcp(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
    """FastMCP's own log-in opens the machine's browser and listens on a port it finds."""
    provider = BearerAuth(bearer) if bearer else OAuth(token_storage=stage.kept.setdefault("store", MemoryStore()))
    async with asyncio.TaskGroup() as group:
        with browser_of_the_machine(lambda url: group.create_task(stage.log_in(url))):
            async with fastmcp.Client(stage.url, auth=provider) as client:
                yield OfFastMcp(client, provider)


async def forget_the_time(stage: Stage) -> None:
    """FastMCP's stored token has ended, by its own clock."""
    ended = {"expires_at": 1.0}
    await stage.kept["store"].put(f"{stage.url}/token_expiry", ended, collection="mcp-oauth-token-expiry")


@contextmanager
def browser_of_the_machine(opens: Any) -> Iterator[None]:
    """What `webbrowser.open` does meanwhile."""

    class Browser(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            opens(url)
            return True

    webbrowser.register("of the test", None, Browser(), preferred=True)
    try:
        yield
    finally:
        assert webbrowser._tryorder is not None
        webbrowser._tryorder.remove("of the test")


@dataclass
class OfAgents:
    """`agents.mcp.MCPServerStreamableHttp`."""

    server: MCPServerStreamableHttp
    provider: httpx2.Auth | None

    async def tools(self) -> set[str]:
        return {tool.name for tool in await self.server.list_tools()}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        result = await self.server.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return json.loads(result.content[0].text)

    def age(self, seconds: float) -> None:
        grow_old(self.provider, seconds)


@asynccontextmanager
async def openai_agents(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
    """The OpenAI Agents SDK, which takes a header or a provider of the Python SDK."""
    provider = None if bearer else Login(stage).provider()
    params: dict[str, Any] = {"url": stage.url, "timeout": 30}
    params |= {"headers": {"Authorization": f"Bearer {bearer}"}} if bearer else {"auth": provider}
    async with MCPServerStreamableHttp(name="stack", params=params) as server:
        yield OfAgents(server, provider)
