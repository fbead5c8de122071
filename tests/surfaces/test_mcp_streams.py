"""`subscriptions/listen`: a change is announced, and a stream ends with its bearer."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from mcp.client.subscriptions import ResourceUpdated, SubscriptionLost, ToolsListChanged
from mcp.shared.exceptions import MCPError

from stack_local.surfaces.mcp_streams import MAX_STREAMS_OF_BEARER
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.consents import ListConsents, RevokeConsent
from stack_local.wire.keys import ListKeys, RevokeKey
from stack_local.wire.passports import IssuePassport, ListActivePassports, RevokePassport
from tests.conftest import Running
from tests.oauth.flow import Login
from tests.surfaces.mcp_clients import client_of

BOUND_SECONDS = 30


async def test_a_change_of_who_may_do_what_is_announced(appliance: Running) -> None:
    async with (
        asyncio.timeout(BOUND_SECONDS),
        client_of(appliance, await appliance.key()) as client,
        client.listen(tools_list_changed=True, resource_subscriptions=["stack://services"]) as stream,
    ):
        await appliance.person.call(RegisterAgent(name="another"))
        heard = {await anext(stream), await anext(stream)}
    assert heard == {ToolsListChanged(), ResourceUpdated("stack://services")}


async def test_a_new_record_is_announced_to_who_watches_the_chain(appliance: Running) -> None:
    async with (
        asyncio.timeout(BOUND_SECONDS),
        client_of(appliance, await appliance.key()) as client,
        client.listen(resource_subscriptions=["stack://audit/head"]) as stream,
    ):
        await appliance.person.call(RegisterAgent(name="another"))
        assert await anext(stream) == ResourceUpdated("stack://audit/head")


async def bearer_of(appliance: Running, kind: str) -> str:
    if kind == "key":
        return await appliance.key()
    if kind == "passport":
        agent = await appliance.agent("helper")
        issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
        return issued.token.get_secret_value()
    async with appliance.http() as http:
        return str((await Login(appliance, http).tokens())["access_token"])


async def end(appliance: Running, kind: str) -> None:
    person = appliance.person
    if kind == "key":
        await person.call(RevokeKey(key_id=(await person.call(ListKeys())).items[0].id))
    elif kind == "passport":
        await person.call(RevokePassport(jti=(await person.call(ListActivePassports())).items[0].jti))
    elif kind == "consent":
        await person.call(RevokeConsent(consent_id=(await person.call(ListConsents())).items[0].id))
    else:
        appliance.system.advance(seconds=601)


@pytest.mark.parametrize("kind", ["key", "passport", "consent", "access token past its time"])
async def test_a_stream_ends_with_its_bearer(appliance: Running, kind: str) -> None:
    bearer = await bearer_of(appliance, kind)
    async with (
        asyncio.timeout(BOUND_SECONDS),
        client_of(appliance, bearer) as client,
        client.listen(prompts_list_changed=True) as stream,
    ):
        await end(appliance, kind)
        with pytest.raises(SubscriptionLost):
            await anext(stream)


async def test_a_bearer_has_so_many_streams_and_another_still_gets_one(appliance: Running) -> None:
    async with (
        asyncio.timeout(BOUND_SECONDS),
        client_of(appliance, await appliance.key()) as client,
        client_of(appliance, await appliance.key()) as other,
        AsyncExitStack() as opened,
    ):
        for _ in range(MAX_STREAMS_OF_BEARER):
            await opened.enter_async_context(client.listen(prompts_list_changed=True))
        with pytest.raises(MCPError, match="close one"):
            await opened.enter_async_context(client.listen(prompts_list_changed=True))
        await opened.enter_async_context(other.listen(prompts_list_changed=True))
