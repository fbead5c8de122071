"""The programs of docs/examples, by the commands of their README.md, between an agent, an appliance and a service."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from stack_local.wire.agents import Agent
from stack_local.wire.audit import VerifyAuditChain
from stack_local.wire.intents import ApproveIntent, GetIntentApproval
from stack_local.wire.passports import IssuedPassport, IssuePassport, RevokePassport
from tests.conftest import TOKEN, Running, begin, served
from tests.e2e.harness import PATIENCE_SECONDS, ROOT, settled_log
from tests.simulators.leakscan import scan_bytes, scan_process
from tests.simulators.upstream import Upstream

STACK, TRACKER = "http://127.0.0.1:7822", "https://tracker.example.com/issues"
"""The addresses that the README prints; ours take their place."""

ISSUE = {"title": "the door is stuck", "text": "since Monday"}
APPROVAL = re.compile(r"apr_[0-9A-Za-z]{22}")


@dataclass
class Team:
    """A team with a tracker behind STACK, and an agent that may use it."""

    running: Running
    upstream: Upstream
    agent: Agent
    passport: IssuedPassport
    path: str = "/things"
    heard: list[str] = field(default_factory=list)
    """All that agents were told, and all that the team's own programs printed."""

    async def started(self, command: str, **environment: str) -> asyncio.subprocess.Process:
        """The block of the README that ends with this command."""
        page = (ROOT / "docs" / "examples" / "README.md").read_text()
        (block,) = [b for b in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL) if b.endswith(f"\n{command}\n")]
        for printed, ours in ((STACK, self.running.base_url), (TRACKER, f"{self.upstream.base_url}{self.path}")):
            assert printed in block
            block = block.replace(printed, ours)
        paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return await asyncio.create_subprocess_exec(
            "/bin/sh", "-euc", block, cwd=ROOT, env=os.environ | {"PATH": paths} | environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    async def approve(self, approval_id: str) -> None:
        """The person says yes."""
        pending = await self.running.person.call(GetIntentApproval(approval_id=approval_id))
        assert pending.call is not None
        await self.running.person.call(ApproveIntent(approval_id=approval_id, digest=pending.call.digest))

    async def records(self) -> list[tuple[str | None, str]]:
        """Agent and outcome of each call in the audit log, whose chain holds."""
        assert (await self.running.person.call(VerifyAuditChain())).ok
        entries = await settled_log(self.running.person)
        return [(entry.agent_id, entry.outcome) for entry in entries if entry.action == "credential.proxy"]

    def check_secrets(self) -> None:
        """The credential went to the tracker alone, and a passport is in nothing that was printed."""
        assert {request.header("authorization") for request in self.upstream.requests} <= {f"Bearer {TOKEN}"}
        assert scan_bytes(TOKEN, "\n".join(self.heard).encode()) == []
        assert scan_bytes(self.passport.token.get_secret_value(), "\n".join(self.heard).encode()) == []


@dataclass
class Caller:
    """An agent's MCP client of the team's server."""

    team: Team
    client: Client

    async def call(self, tool: str, **arguments: str) -> Any:
        """What the tool answered."""
        result = await self.client.call_tool(tool, arguments)
        self.team.heard.append(result.model_dump_json())
        assert not result.is_error, result.content
        return result.structured_content

    async def refused(self, tool: str, **arguments: str) -> str:
        """In which words it was refused."""
        result = await self.client.call_tool(tool, arguments)
        self.team.heard.append(result.model_dump_json())
        assert result.is_error, result.structured_content
        return str(result.content[0].text)


@dataclass(frozen=True, slots=True)
class ToolServer:
    """The team's server, as a process."""

    team: Team
    pid: int
    url: str

    @asynccontextmanager
    async def caller(self, *, has_passport: bool = True, mode: str = "auto") -> AsyncIterator[Caller]:
        headers = {"X-Passport-Token": self.team.passport.token.get_secret_value()} if has_passport else {}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield Caller(self.team, client)


@asynccontextmanager
async def tool_server(team: Team) -> AsyncIterator[ToolServer]:
    """The thin server on a free port."""
    process = await team.started("uvicorn --app-dir docs/examples thin_mcp_server:app", UVICORN_PORT="0")
    assert process.stdout is not None
    printed = ""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (at := re.search(r"running on (http://[\d.:]+)", printed)) is None:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
        pid = re.search(r"server process \[(\d+)\]", printed)
        assert pid is not None
        yield ToolServer(team, int(pid[1]), f"{at[1]}/mcp")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        rest, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        team.heard.append(printed + rest.decode())


@pytest.fixture
async def team(tmp_path: Path, upstream: Upstream, request: pytest.FixtureRequest) -> AsyncIterator[Team]:
    wait_seconds = getattr(request, "param", 4)
    async with served(tmp_path / "home", tmp_path / "state", tool_wait_seconds=wait_seconds) as running:
        await begin(running)
        agent = await running.agent("helper", await running.connect(upstream, "tracker"))
        passport = await running.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "go through issues"}))
        yield Team(running, upstream, agent, passport)
        upstream.gate.set()


async def test_a_tool_of_the_thin_server_reads_with_a_credential_that_only_stack_has(team: Team) -> None:
    async with tool_server(team) as server:
        for mode in ("auto", "legacy"):
            async with server.caller(mode=mode) as caller:
                assert {tool.name for tool in (await caller.client.list_tools()).tools} == {"list_issues", "open_issue"}
                assert await caller.call("list_issues") == {"result": []}
        assert scan_process(TOKEN, server.pid).found == ()
    assert [request.authorized for request in team.upstream.requests] == [True, True]
    assert await team.records() == [(team.agent.id, "pending"), (team.agent.id, "success")] * 2
    team.check_secrets()


async def test_a_write_through_the_thin_server_goes_out_once_after_a_yes(team: Team) -> None:
    async with tool_server(team) as server, server.caller() as caller:
        held = await caller.refused("open_issue", **ISSUE)
        approval_id = APPROVAL.findall(held)[0]
        assert "approval_required" in held
        assert held.endswith(f"call again with the same arguments and approval_id={approval_id}")
        assert "approval_pending" in await caller.refused("open_issue", **ISSUE, approval_id=approval_id)
        assert team.upstream.requests == []
        await team.approve(approval_id)
        for _ in range(2):
            opened = await caller.call("open_issue", **ISSUE, approval_id=approval_id)
            assert opened == {"id": 1, "title": ISSUE["title"]}
        spent = await caller.refused("open_issue", title="another", text="", approval_id=approval_id)
        assert spent.endswith("call again without approval_id; that asks a person anew")
    assert team.upstream.effects == 1
    outcomes = ["blocked", "blocked", "pending", "success", "blocked"]
    assert await team.records() == [(team.agent.id, outcome) for outcome in outcomes]
    team.check_secrets()


async def test_the_thin_server_can_do_nothing_once_the_passport_is_revoked_or_without_one(team: Team) -> None:
    async with tool_server(team) as server:
        async with server.caller() as caller:
            await caller.call("list_issues")
            await team.running.person.call(RevokePassport(jti=team.passport.jti))
            for held in (await caller.refused("list_issues"), await caller.refused("open_issue", **ISSUE)):
                assert held.endswith(
                    "[PASSPORT_REVOKED] the passport is revoked. Next: stop; a person ended this access"
                )
        async with server.caller(has_passport=False) as stranger:
            assert "X-Passport-Token" in await stranger.refused("list_issues")
    assert len(team.upstream.requests) == 1
    team.check_secrets()


@pytest.mark.parametrize(
    ("team", "path", "words"),
    [
        pytest.param(4, "/status?code=503", 'the tracker answered 503: {"status": 503}', id="the tracker fails"),
        pytest.param(2, "/slow", "is under way. Next: do not repeat it", id="the tracker is slow"),
    ],
    indirect=["team"],
)
async def test_the_thin_server_says_what_the_tracker_did(team: Team, path: str, words: str) -> None:
    team.path = path
    async with tool_server(team) as server, server.caller() as caller:
        assert words in await caller.refused("list_issues")
    team.check_secrets()


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
async def test_curl_reads_over_rest_with_a_key(team: Team) -> None:
    await _reads(team, "sh docs/examples/rest_call.sh", await team.running.key(agent_id=team.agent.id))


async def test_httpx_reads_over_rest_with_a_passport(team: Team) -> None:
    await _reads(team, "python docs/examples/rest_call.py", team.passport.token.get_secret_value())


async def _reads(team: Team, command: str, bearer: str) -> None:
    process = await team.started(command, STACK_API_KEY=bearer)
    printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    team.heard.append(printed.decode())
    assert process.returncode == 0, printed
    assert json.loads(printed)["body"] == []
    assert await team.records() == [(team.agent.id, "pending"), (team.agent.id, "success")]
    team.check_secrets()


async def test_httpx_writes_over_rest_after_a_yes(team: Team) -> None:
    key = await team.running.key(agent_id=team.agent.id)
    process = await team.started('python docs/examples/rest_call.py "the door is stuck"', STACK_API_KEY=key)
    assert process.stdout is not None
    waiting = await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)
    await team.approve(APPROVAL.findall(waiting.decode())[0])
    printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, printed
    assert json.loads(printed)["body"] == {"id": 1, "title": "the door is stuck"}
    assert team.upstream.effects == 1
