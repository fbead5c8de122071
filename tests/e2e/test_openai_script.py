"""The specification's OpenAI Agents SDK script, word for word but for the URL and the model class (issue 2, bar 3)."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agents import set_tracing_disabled

from stack_local.demo.agent import Mind
from stack_local.demo.errands import LOOK, SERVICE, Result
from stack_local.demo.openai_agent import ScriptedModel
from stack_local.demo.sample_upstream import Received, SampleUpstream
from stack_local.demo.transcript import Transcript
from stack_local.domain.secrets import Secret
from stack_local.system import RealSystem
from stack_local.wire.intents import ApproveIntent, ListIntents
from tests.conftest import TOKEN, Running, begin, served
from tests.simulators.leakscan import scan_bytes, scan_tree

HUMAN_SECONDS = 20
"""How long the person of bar 3 takes."""


async def script(url: str, model: ScriptedModel) -> str:
    """The script of `spec/openai-agents-sdk.txt`, section 3: its URL is an argument, `model=` is added."""
    from agents import Agent, Runner
    from agents.mcp import MCPServerStreamableHttp

    stack_token = os.environ["STACK_API_KEY"]

    async with MCPServerStreamableHttp(
        name="STACK",
        params={
            "url": url,
            "headers": {"Authorization": f"Bearer {stack_token}"},
            "timeout": 30,
        },
    ) as stack:
        agent = Agent(
            name="Assistant",
            instructions=(
                "You are a helpful assistant. Use STACK to access "
                "user-authorized services securely. Never store or "
                "echo raw credentials."
            ),
            mcp_servers=[stack],
            model=model,
        )

        result = await Runner.run(agent, "Send a message in #alerts: deploy completed.")
        return str(result.final_output)


@dataclass
class World:
    """An appliance on the machine's own clock, a connected service, and the script's model."""

    running: Running
    upstream: SampleUpstream
    mind: Mind
    looks: asyncio.Queue[Result]
    """Every look at the approval that found it pending."""

    async def approve(self) -> None:
        """The person says yes to what waits."""
        (waiting,) = (await self.running.person.call(ListIntents())).items
        await self.running.person.call(ApproveIntent(approval_id=waiting.id, digest=waiting.call.digest))

    async def run(self) -> str:
        """The script, to its end."""
        return await script(f"{self.running.base_url}/mcp", ScriptedModel(self.mind))


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    set_tracing_disabled(True)
    looks: asyncio.Queue[Result] = asyncio.Queue()
    mind = Mind(Transcript(), lambda result: looks.put_nowait(result) if _is_pending(result) else None)
    async with (
        SampleUpstream(Secret(TOKEN)).serve() as upstream,
        # Waiting is what is measured here: this appliance lives by the real clock.
        served(tmp_path / "home", tmp_path / "state", system=RealSystem()) as running,
    ):
        await begin(running)
        connection = await running.connect(upstream, SERVICE.removeprefix("custom_"))
        agent = await running.agent("assistant", connection)
        monkeypatch.setenv("STACK_API_KEY", await running.key(agent_id=agent.id))
        yield World(running, upstream, mind, looks)


def _is_pending(result: Result) -> bool:
    return result.tool == LOOK and result.tree.get("status") == "pending"


def _check(world: World, answer: str, tmp_path: Path) -> None:
    body = '{"channel":"#alerts","text":"deploy completed"}'
    assert world.upstream.received == [Received("POST", "/messages", body, is_authorized=True)]
    assert answer == "Done: the service answered 201."
    assert scan_bytes(TOKEN, world.mind.transcript.text.encode()) == []
    assert scan_tree(TOKEN, tmp_path) == []


async def test_the_script_sends_its_message_after_a_yes_at_its_second_look(world: World, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group, asyncio.timeout(60):
        running = group.create_task(world.run())
        for _ in range(2):
            await world.looks.get()
        await world.approve()
        answer = await running
    _check(world, answer, tmp_path)


@pytest.mark.soak
async def test_the_script_is_done_within_its_defaults_when_the_person_takes_twenty_seconds(
    world: World, tmp_path: Path
) -> None:
    async with asyncio.TaskGroup() as group, asyncio.timeout(60):
        running = group.create_task(world.run())
        await asyncio.sleep(HUMAN_SECONDS)
        assert not running.done()
        await world.approve()
        answer = await running
    _check(world, answer, tmp_path)
