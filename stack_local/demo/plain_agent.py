"""An agent on the bare MCP client: for a build without the OpenAI SDK, and for its self-test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from stack_local import __version__
from stack_local.demo.agent import Mind
from stack_local.demo.errands import CallTool, Result, Said, Turn
from stack_local.domain.errors import Unavailable

MAX_STEPS = 10
"""Steps for one question: the same bound as the OpenAI SDK's."""

TIMEOUT_SECONDS = 5.0
"""For one tool call: the same as the OpenAI SDK's."""


class PlainAgent:
    """One conversation: the mind says what to call, the client calls it."""

    kind = f"MCP client of stack_local {__version__}"

    def __init__(self, client: Client, mind: Mind) -> None:
        self._client = client
        self._mind = mind
        self._turns: list[Turn] = []

    async def ask(self, words: str) -> str:
        self._turns.append(Said(words))
        self._mind.transcript.note("user", words)
        for _ in range(MAX_STEPS):
            step = self._mind.next(self._turns)
            self._mind.transcript.note("output", repr(step))
            if not isinstance(step, CallTool):
                return step.words
            self._turns.append(await self._call(step))
        raise Unavailable("the agent broke off: too many steps")

    async def _call(self, step: CallTool) -> Result:
        try:
            answer = await self._client.call_tool(step.tool, step.arguments, read_timeout_seconds=TIMEOUT_SECONDS)
        except MCPError as error:
            raise Unavailable(f"the agent broke off: {type(error).__name__}") from error
        self._mind.transcript.note("answer", answer.model_dump(mode="json"))
        return Result(step.tool, "\n".join(part.text for part in answer.content if isinstance(part, TextContent)))


@asynccontextmanager
async def open_agent(url: str, bearer: str, mind: Mind) -> AsyncIterator[PlainAgent]:
    """An agent whose only server is the appliance."""
    headers = {"Authorization": f"Bearer {bearer}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        mind.transcript.note("tools", (await client.list_tools()).model_dump(mode="json"))
        yield PlainAgent(client, mind)
