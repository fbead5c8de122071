"""What every client is asked to do, whoever wrote it."""

from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from stack_local.domain.consents import ACCESS_SECONDS
from stack_local.oauth.metadata import USUAL_SCOPES
from tests.clients.stage import Stage

CALLED = {"stack_list_services", "stack_proxy_read"}


class Client(Protocol):
    """One client, connected."""

    async def tools(self) -> set[str]:
        """The names it was told."""

    async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        """The JSON of what a tool answered."""

    def age(self, seconds: float) -> None:
        """Its own clock goes on too, where it looks at one."""


async def lists_and_calls(stage: Stage, client: Client) -> None:
    """It sees the tools and the service, and reads from it."""
    assert await client.tools() >= CALLED
    listed = await client.call("stack_list_services", {})
    assert [service["provider"] for service in listed["items"] if service["connections"]] == ["custom_demo"], listed
    await reads(stage, client)


async def reads(stage: Stage, client: Client) -> None:
    """One governed read reaches the service with its credential."""
    before = len(stage.upstream.requests)
    url = f"{stage.upstream.base_url}/things"
    answer = await client.call("stack_proxy_read", {"service": "custom_demo", "url": url})
    assert answer["status"] == 200
    assert [request.authorized for request in stage.upstream.requests[before:]] == [True]


async def keeps_a_login(stage: Stage, client: Client) -> None:
    """After its one log-in it goes on alone: over a refresh, over a restart, over a refresh after it."""
    await lists_and_calls(stage, client)
    await _after_expiry(stage, client)
    await stage.restart()
    await reads(stage, client)
    await _after_expiry(stage, client)
    assert len(stage.opened) == 1
    assert asked_scopes(stage.opened[0]) == set(USUAL_SCOPES)


def asked_scopes(url: str) -> set[str]:
    """What a client asks to be allowed."""
    return set(dict(parse_qsl(urlsplit(url).query))["scope"].split())


async def _after_expiry(stage: Stage, client: Client) -> None:
    stage.running.system.advance(ACCESS_SECONDS + 1)
    client.age(ACCESS_SECONDS + 1)
    await reads(stage, client)
