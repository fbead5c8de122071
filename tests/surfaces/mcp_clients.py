"""Real MCP clients of a running appliance, as the tests of the protocol need them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.conftest import Running


@asynccontextmanager
async def client_of(running: Running, bearer: str, **chosen: Any) -> AsyncIterator[Client]:
    """A client of the newest wire; `chosen` are its callbacks."""
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        transport = streamable_http_client(f"{running.base_url}/mcp", http_client=http)
        async with Client(transport, **chosen) as client:
            yield client


async def agent_key(running: Running, *connections: Any) -> str:
    """A key that stands for one agent with these connections."""
    agent = await running.agent("helper", *connections)
    return await running.key(agent_id=agent.id)
