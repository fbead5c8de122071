"""Five vendors' own SDKs, unmodified: given a base URL and a key of ours, they do their work, and never hold the
credential.

Each runs in a process of its own with the lines of docs/base-url.md, so that its memory can be searched.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import pytest

from stack_local.domain.agents import Asks
from stack_local.wire.passports import DeclaredIntent, IssuePassport
from stack_local.wire.services import InjectionSpec
from tests.clients.vendor_program import FILE
from tests.clients.vendors import VENDORS, Vendor
from tests.conftest import Running
from tests.e2e.harness import PATIENCE_SECONDS, ROOT
from tests.simulators.leakscan import scan_bytes, scan_process
from tests.simulators.upstream_exchange import Received
from tests.surfaces.below import Program, program

PAGE = ROOT / "docs" / "base-url.md"
TITLES = {"openai": "OpenAI", "anthropic": "Anthropic", "stripe": "Stripe", "slack": "Slack", "github": "GitHub"}

INJECTIONS = {
    "openai": InjectionSpec(),
    "anthropic": InjectionSpec(style="header", name="x-api-key", more={"anthropic-version": "2023-06-01"}),
    "stripe": InjectionSpec(),
    "slack": InjectionSpec(),
    "github": InjectionSpec(style="template", template="token {value}"),
}

RESULTS: dict[str, dict[str, Any]] = {
    "openai": {"read": "Hello", "other": ["file-1", len(FILE), "batch.jsonl", "batch"], "write": "Hello"},
    "anthropic": {"read": "Hello", "other": "Hello", "write": "Hello"},
    "stripe": {"read": ["ch_1", "ch_2"], "other": ["re_1", 1200, "succeeded"], "write": ["re_1", 1200, "succeeded"]},
    "slack": {"read": ["general"], "other": "1.000100", "write": "1.000100"},
    "github": {"read": ["issue 1", "issue 2"], "other": [7, "The door is stuck"], "write": [7, "The door is stuck"]},
}
"""What each step of each vendor's program says in the end."""

ARRIVES = {"openai": FILE, "stripe": b"idempotency-key: refund-of-ch_1\n", "slack": b'"text": "Hello"'}
"""What of the second step arrives as it was sent."""

STREAMED = frozenset({"openai", "anthropic"})

REFUSED = {
    "openai": "openai.PermissionDeniedError",
    "anthropic": "anthropic.PermissionDeniedError",
    "stripe": "stripe.PermissionError",
    "slack": "slack_sdk.SlackApiError",
    "github": "github.GithubException",
}
"""The vendor's own error for a 403."""

each = pytest.mark.parametrize("name", VENDORS)


def lines_of(name: str, base_url: str) -> str:
    """What the page says for a vendor, with our address in place of the one that is printed."""
    block = re.search(rf"^## {TITLES[name]}\n+```python\n(.*?)```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    printed = f"http://127.0.0.1:7822/p/{name}"
    assert block[1].count(printed) == 1
    assert len(block[1].split("\n\n", 1)[-1].splitlines()) <= 3
    return block[1].replace(printed, base_url)


@dataclass
class Told:
    """A vendor's program, step by step."""

    process: asyncio.subprocess.Process
    heard: bytes = b""
    """All it said, and all that was logged."""
    errors: bytearray = field(default_factory=bytearray)

    async def tell(self, **line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        await self.process.stdin.drain()

    async def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_SECONDS)
        assert line, self.errors.decode()
        self.heard += line
        said: dict[str, Any] = json.loads(line)
        return said

    async def does(self, step: str, key: str) -> dict[str, Any]:
        await self.tell(do=step, key=key)
        return await self.hear()

    async def keep_errors(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(65536):
            self.errors += data


@asynccontextmanager
async def told(name: str, base_url: str) -> AsyncIterator[Told]:
    """The program, with nothing of ours in its environment and no way to any other machine."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.clients.vendor_program", name,
        cwd=ROOT, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | nowhere,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    one = Told(process)
    async with asyncio.TaskGroup() as group:
        group.create_task(one.keep_errors())
        try:
            await one.tell(lines=lines_of(name, base_url))
            yield one
        finally:
            process.kill()
            await process.wait()


@dataclass
class Stage:
    """A vendor, a program of an agent that nobody asks about, and another of one that must ask."""

    vendor: Vendor
    free: Program
    asking: Program
    told: Told


@asynccontextmanager
async def staged(running: Running, name: str) -> AsyncIterator[Stage]:
    header, routes = VENDORS[name]
    async with Vendor(f"vendor-secret-{token_hex(16)}", header, routes) as vendor:
        credential, injection = vendor.credential, INJECTIONS[name]
        free = await program(running, vendor.host_port, name, token=credential, injection=injection)
        agent = await running.agent(f"{name}-asking", free.connection, approvals=Asks.WRITES)
        issued = await running.person.call(IssuePassport(agent_id=agent.id, intent=DeclaredIntent(summary="work")))
        asking = Program(running, agent, free.connection, issued.token.get_secret_value(), issued.jti)
        async with told(name, free.base_url) as one:
            yield Stage(vendor, free, asking, one)


@each
async def test_a_vendors_sdk_works_with_a_base_url_and_a_key_and_never_holds_the_credential(
    name: str, appliance: Running
) -> None:
    async with staged(appliance, name) as stage:
        await stage.told.tell(do="read", key=stage.free.bearer)
        if name in STREAMED:
            # The first words are there before the vendor sends the next.
            assert await stage.told.hear() == {"first": "Hel"}
            stage.vendor.gate.set()
        assert await stage.told.hear() == {"result": RESULTS[name]["read"]}
        assert await stage.told.does("other", stage.free.bearer) == {"result": RESULTS[name]["other"]}
        assert ARRIVES.get(name, b"") in as_bytes(stage.vendor.requests[-1])
        await asks_once(name, stage)
        await holds_no_credential(stage)


def as_bytes(request: Received) -> bytes:
    return "".join(f"{name.lower()}: {value}\n" for name, value in request.headers).encode() + request.body


async def asks_once(name: str, stage: Stage) -> None:
    """A write of an agent that must ask is the vendor's own error, then succeeds, and is asked for anew."""
    before, key = stage.vendor.effects, stage.asking.bearer
    refused = await stage.told.does("write", key)
    assert (refused["raised"], refused["gate_reason"]) == (REFUSED[name], "approval_required")
    assert stage.vendor.effects == before
    await stage.asking.approve(refused["approval_id"])
    assert await stage.told.does("write", key) == {"result": RESULTS[name]["write"]}
    assert stage.vendor.effects == before + 1
    again = await stage.told.does("write", key)
    assert (again["gate_reason"], again["approval_id"] != refused["approval_id"]) == ("approval_required", True)
    assert stage.vendor.effects == before + 1
    outcomes = [entry.outcome for entry in await stage.asking.settled() if (entry.subject or "").startswith("POST")]
    assert outcomes == ["blocked", "pending", "success", "blocked"]


async def holds_no_credential(stage: Stage) -> None:
    """Neither in what it said and logged, nor anywhere in its memory; and the vendor saw nothing of ours."""
    credential, one = stage.vendor.credential, stage.told
    assert scan_bytes(credential, one.heard + bytes(one.errors)) == []
    searched = scan_process(credential, one.process.pid)
    assert "mem" in searched.readable or sys.platform != "linux", searched
    assert searched.found == ()
    if "mem" in searched.readable:
        # The search finds what is there.
        assert scan_process(stage.free.bearer, one.process.pid).found
    seen = repr(stage.vendor.requests)
    assert [key in seen for key in (stage.free.bearer, stage.asking.bearer)] == [False, False]
    assert "x-stack-" not in seen.lower()
