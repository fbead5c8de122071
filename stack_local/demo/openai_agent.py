"""The agent of the OpenAI Agents SDK, wired as its page in the specification says; only address and model differ.

The SDK is a development dependency: this module is imported by whoever has found out that it is there.
"""

import importlib.metadata
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Never

from agents import Agent, AgentsException, ModelResponse, Runner, TResponseInputItem, Usage, set_tracing_disabled
from agents.mcp import MCPServerStreamableHttp
from agents.models.interface import Model
from mcp import MCPError
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from stack_local.demo.agent import Mind
from stack_local.demo.errands import CallTool, Result, Said, Say, Step, Turn
from stack_local.domain.errors import Unavailable

INSTRUCTIONS = (
    "You are a helpful assistant. Use STACK to access "
    "user-authorized services securely. Never store or "
    "echo raw credentials."
)
"""Word for word those of the specification's script."""


class ScriptedModel(Model):
    """Stands in for a hosted model: what it says follows from what it has seen."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self._calls = 0

    # The SDK's own signature: it hands over more than this model reads, positionally and by name.
    async def get_response(
        self, system_instructions: str | None, input: str | list[TResponseInputItem], *others: Any, **named: Any
    ) -> ModelResponse:
        """One turn of the model."""
        transcript = self._mind.transcript
        transcript.note("instructions", system_instructions)
        for item in [input] if isinstance(input, str) else input:
            transcript.note("input", item)
        for other in (*others, named):
            transcript.note("settings and tools", other)
        step = self._mind.next(turns_of(input))
        transcript.note("output", repr(step))
        self._calls += 1
        return ModelResponse(output=[_output(step, f"call_{self._calls}")], usage=Usage(), response_id=None)

    def stream_response(self, *others: Any, **named: Any) -> Never:
        """Not used by `Runner.run`."""
        raise NotImplementedError("the demo does not stream")


def turns_of(items: str | list[TResponseInputItem]) -> list[Turn]:
    """The conversation in the SDK's items, as the errands read it."""
    if isinstance(items, str):
        return [Said(items)]
    tools: dict[str, str] = {}
    turns: list[Turn] = []
    for raw_item in items:
        item: dict[str, Any] = dict(raw_item)
        if item.get("role") == "user":
            turns.append(Said(_text(item["content"])))
        elif item.get("type") == "function_call":
            tools[item["call_id"]] = item["name"]
        elif item.get("type") == "function_call_output":
            turns.append(Result(tools[item["call_id"]], _text(item["output"])))
    return turns


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, dict) else content
    return "\n".join(str(part["text"]) for part in parts)


def _output(step: Step, call_id: str) -> ResponseFunctionToolCall | ResponseOutputMessage:
    if isinstance(step, CallTool):
        return ResponseFunctionToolCall(
            type="function_call", call_id=call_id, name=step.tool, arguments=json.dumps(step.arguments)
        )
    assert isinstance(step, Say)
    text = ResponseOutputText(type="output_text", text=step.words, annotations=[])
    return ResponseOutputMessage(id=call_id, type="message", role="assistant", status="completed", content=[text])


class OpenAiAgent:
    """One conversation with one agent of the SDK."""

    def __init__(self, agent: "Agent[Any]", mind: Mind) -> None:
        self._agent = agent
        self._mind = mind
        self._history: list[TResponseInputItem] = []

    @property
    def kind(self) -> str:
        return f"OpenAI Agents SDK {importlib.metadata.version('openai-agents')}"

    async def ask(self, words: str) -> str:
        message: TResponseInputItem = {"role": "user", "content": words}
        try:
            result = await Runner.run(self._agent, [*self._history, message])
        except (AgentsException, MCPError) as error:
            raise Unavailable(f"the agent broke off: {type(error).__name__}") from error
        self._history = result.to_input_list()
        for item in self._history:
            self._mind.transcript.note("history", item)
        return str(result.final_output)


@asynccontextmanager
async def open_agent(url: str, bearer: str, mind: Mind) -> AsyncIterator[OpenAiAgent]:
    """An agent whose only server is the appliance."""
    set_tracing_disabled(True)
    async with MCPServerStreamableHttp(
        name="STACK",
        params={
            "url": url,
            "headers": {"Authorization": f"Bearer {bearer}"},
            "timeout": 30,
        },
    ) as stack:
        agent: Agent[Any] = Agent(
            name="Assistant", instructions=INSTRUCTIONS, mcp_servers=[stack], model=ScriptedModel(mind)
        )
        yield OpenAiAgent(agent, mind)
