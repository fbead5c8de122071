"""The Python SDK, FastMCP and the OpenAI Agents SDK as they are published: with a key, and by a log-in of their own."""

import pytest

from tests.clients.journey import keeps_a_login, lists_and_calls, reads
from tests.clients.python_clients import Opener, fast_mcp, openai_agents, sdk
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
