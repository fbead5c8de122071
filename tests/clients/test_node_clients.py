"""Clients that run on Node.js, as they are published; `make clients-ci` installs them and names where they are."""

import pytest

from tests.clients.journey import keeps_a_login, lists_and_calls, reads
from tests.clients.node_clients import inspector, mcp_remote, script
from tests.clients.python_clients import Opener
from tests.clients.stage import Stage

CLIENTS = {
    "typescript-sdk-1": script("sdk1.cjs"),
    "typescript-sdk-2-newest-wire": script("sdk2.cjs", "auto"),
    "typescript-sdk-2-initialize": script("sdk2.cjs", "legacy"),
    "openai-agents": script("agents.cjs"),
    "inspector-newest-wire": inspector("modern"),
    "inspector-initialize": inspector("legacy"),
    "mcp-remote-newest-wire": mcp_remote("auto"),
    "mcp-remote-initialize": mcp_remote("legacy"),
}

pytestmark = pytest.mark.clients_ci

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
