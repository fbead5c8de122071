"""The Python SDK, FastMCP and the OpenAI Agents SDK as they are published: with a key, and by a log-in of their own."""

import pytest

from stack_local.domain.consents import ACCESS_SECONDS
from tests.clients.journey import keeps_a_login, lists_and_calls, reads
from tests.clients.python_clients import Opener, fast_mcp, forget_the_time, openai_agents, sdk
from tests.clients.skips import SKIPS
from tests.clients.stage import Stage

CLIENTS = {
    "python-sdk-newest-wire": sdk("auto"),
    "python-sdk-initialize": sdk("legacy"),
    "fastmcp": fast_mcp,
    "openai-agents": openai_agents,
}

pytestmark = pytest.mark.filterwarnings("ignore:Using in-memory token storage:UserWarning")

each = pytest.mark.parametrize("opener", CLIENTS.values(), ids=CLIENTS)


@each
async def test_with_a_key_a_client_lists_calls_and_outlives_a_restart(stage: Stage, opener: Opener) -> None:
    async with opener(stage, await stage.key()) as client:
        await lists_and_calls(stage, client)
        await stage.restart()
        await reads(stage, client)


@each
async def test_a_person_is_asked_once_and_the_client_goes_on_alone(stage: Stage, opener: Opener) -> None:
    async with opener(stage, None) as client:
        await keeps_a_login(stage, client)


@each
async def test_a_client_that_comes_back_needs_no_person(stage: Stage, opener: Opener) -> None:
    async with opener(stage, None) as client:
        await reads(stage, client)
    await stage.restart()
    async with opener(stage, None) as client:
        await reads(stage, client)
    assert len(stage.opened) == 1


@each
async def test_a_client_that_comes_back_after_its_token_ended_needs_no_person(stage: Stage, opener: Opener) -> None:
    if opener is not fast_mcp:
        pytest.skip(SKIPS["the Python SDK's stored log-in, past its token"])
    async with opener(stage, None) as client:
        await reads(stage, client)
    stage.running.system.advance(ACCESS_SECONDS + 1)
    await forget_the_time(stage)
    async with opener(stage, None) as client:
        await reads(stage, client)
    assert len(stage.opened) == 1
