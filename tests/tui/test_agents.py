"""Tests of the few changes a person makes to agents and services."""

from typing import Any

import pytest

from stack_local.domain.agents import AgentStatus, Asks
from stack_local.wire.access import GrantAgentAccess, RevokeAgentAccess
from stack_local.wire.agents import RegisterAgent, UnblockAgent, UpdateAgent
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import BindConnectionHosts, DisconnectService, VerifyConnection
from tests.tui.driving import Driven, opened
from tests.tui.world import World, agent, connection, identifier


def world() -> World:
    made = World()
    made.agents = [agent(1, passport_blocked=True)]
    made.connections = [connection(1)]
    return made


async def at(driven: Driven, key: str, words: str) -> None:
    await driven.press(key)
    await driven.until_shown(words)


async def sent(driven: Driven, request: Any) -> Any:
    await driven.until(lambda: bool(driven.world.asked(request)))
    return driven.world.asked(request)[0]


async def test_a_new_agent_is_registered_by_its_name() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press("n", *"docs-bot", "enter")
        assert (await sent(driven, RegisterAgent)).name == "docs-bot"


async def test_a_bad_name_is_refused_before_it_is_sent() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press("n", *"Docs", "enter")
        await driven.until_shown("lower-case letters")
        assert not driven.world.asked(RegisterAgent)


async def test_a_key_is_minted_for_one_agent_and_shown_once() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press("k", "tab", "enter")
        await driven.until_shown("sk_abcd_the_whole_key")
        key = await sent(driven, CreateKey)
        assert (key.preset, key.agent_id) == ("agent", identifier("agt", 1))
        await driven.press("escape")
        assert "the_whole_key" not in driven.text


async def test_asking_for_every_call_is_set_at_once() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press("w", "up", "enter")
        assert (await sent(driven, UpdateAgent)).approvals is Asks.ALWAYS


async def test_asking_for_nothing_is_asked_again() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press("w", "down", "enter")
        await driven.until_shown("go out without asking anybody")
        assert not driven.world.asked(UpdateAgent)
        await driven.press("tab", "enter")
        assert (await sent(driven, UpdateAgent)).approvals is Asks.NEVER


@pytest.mark.parametrize(
    ("key", "request_type", "field", "value"),
    [("p", UpdateAgent, "status", AgentStatus.SUSPENDED), ("u", UnblockAgent, "agent_id", identifier("agt", 1))],
    ids=["suspend", "unblock"],
)
async def test_suspending_and_unblocking_ask_first(key: str, request_type: Any, field: str, value: Any) -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press(key, "enter")
        assert not driven.world.asked(request_type)
        await driven.press(key, "tab", "enter")
        assert getattr(await sent(driven, request_type), field) == value


async def test_a_connection_is_granted_from_a_list() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "release-bot")
        await driven.press("g")
        await driven.until_shown("What may release-bot use")
        await driven.press("enter")
        granted = await sent(driven, GrantAgentAccess)
        assert (granted.service_connection_id, granted.scopes) == (identifier("scon", 1), ["read", "write"])


async def test_hosts_are_bound_as_typed() -> None:
    async with opened(world()) as driven:
        await at(driven, "4", "api.github.com")
        await driven.press("h")
        driven.fill("#typed", "api.github.com, uploads.github.com:8443")
        await driven.press("enter")
        assert (await sent(driven, BindConnectionHosts)).hosts == ["api.github.com", "uploads.github.com:8443"]


async def test_disconnecting_needs_the_name_typed() -> None:
    async with opened(world()) as driven:
        await at(driven, "4", "api.github.com")
        await driven.press("D", "enter", "escape")
        assert not driven.world.asked(DisconnectService)
        await driven.press("D", *"github", "enter", "enter")
        assert (await sent(driven, DisconnectService)).connection_id == identifier("scon", 1)


async def test_verifying_tells_what_the_service_said() -> None:
    async with opened(world()) as driven:
        await at(driven, "4", "api.github.com")
        await driven.press("v")
        await sent(driven, VerifyConnection)
        await driven.until_shown("it works: 200")


async def test_what_an_agent_may_use_stands_below_it_and_can_be_taken_away() -> None:
    async with opened(world()) as driven:
        await at(driven, "5", "may use nothing")
        await driven.press("g", "enter")
        await driven.until_shown("may use github (")
        await driven.press("R")
        await driven.until_shown("Take everything away?")
        await driven.press("enter")
        assert not driven.world.asked(RevokeAgentAccess)
        await driven.press("R", "tab", "enter")
        await driven.until_shown("may use nothing")
        assert (await sent(driven, RevokeAgentAccess)).agent_id == identifier("agt", 1)
