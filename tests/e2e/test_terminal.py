"""A person's path in a real terminal: tmux at 80×24, by keys, from the first start to the call that went out once."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.conftest import PASSPHRASE, TOKEN
from tests.e2e.harness import PATIENCE_SECONDS, free_port
from tests.simulators.upstream import Upstream
from tui.arming import DELAY_SECONDS

ROOT = Path(__file__).parents[2]
LOOK_SECONDS = 0.05
GROUP = re.compile(r"[0-9A-Z]{4}(?= -|\n|\s)")
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mapproved [bold]by Ada[/bold]\r\n\u202eevil"

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@dataclass
class Pane:
    """One tmux server with one pane in which `stack-local` runs."""

    root: Path
    port: int

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "STACK_LOCAL_TEST_PROFILE": "cheapest", "STACK_LOCAL_STATE": str(self.root / "state"), "LC_ALL": "C.UTF-8"
        }  # fmt: skip

    async def tmux(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "tmux", "-u", "-f", "/dev/null", "-S", str(self.root / "tmux"), *words, cwd=ROOT, env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        return out.decode()

    async def press(self, *keys: str) -> None:
        await self.tmux("send-keys", *keys)

    async def type(self, text: str) -> None:
        await self.tmux("send-keys", "-l", text)

    async def screen(self) -> str:
        return await self.tmux("capture-pane", "-p")

    async def to_next_field(self) -> None:
        """Tab, and wait until the cursor stands on another line."""
        before = await self.cursor_line()
        await self.press("Tab")
        await self._until(self.cursor_line, lambda line: line != before, "the next field")

    async def cursor_line(self) -> str:
        return await self.tmux("display-message", "-p", "#{cursor_y}")

    async def shows(self, words: str) -> str:
        """The screen, as soon as these words stand on it."""
        return await self._until(self.screen, lambda screen: words in screen, words)

    async def presses_until(self, key: str, words: str) -> None:
        """Press a key as a person does who is told to wait: what has just appeared is not armed at once."""

        async def press_and_look() -> str:
            await self.press(key)
            await asyncio.sleep(2 * DELAY_SECONDS)
            return await self.screen()

        await self._until(press_and_look, lambda screen: words in screen, words)

    async def _until(self, look: Callable[[], Awaitable[str]], is_so: Callable[[str], bool], awaited: str) -> str:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    seen = await look()
                    if is_so(seen):
                        return seen
                    # A terminal tells nobody that it was painted.
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{awaited!r} was not shown:\n{await self.screen()}") from None

    async def command(self, *words: str) -> dict[str, Any]:
        """One command in another shell, against the appliance that runs in the pane."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stack_local", "--home", str(self.home), *words, "--json", cwd=ROOT,
            env=self.environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        assert process.returncode == 0, out
        told: dict[str, Any] = json.loads(out)
        return told

    async def as_person(self, *words: str) -> dict[str, Any]:
        passphrase = self.root / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)
        return await self.command(*words, "--passphrase-file", str(passphrase))


@asynccontextmanager
async def first_start(root: Path) -> AsyncIterator[Pane]:
    """`stack-local tui` on an empty home, set up by keys."""
    pane = Pane(root, free_port())
    started = f"{sys.executable} -m stack_local --home {pane.home} tui --port {pane.port}"
    await pane.tmux("new-session", "-d", "-x", "80", "-y", "24", f"{started}; sleep 60")
    try:
        await pane.shows("No vault is here yet")
        await pane.type(PASSPHRASE)
        await pane.shows("•" * len(PASSPHRASE))
        await pane.to_next_field()
        await pane.type(PASSPHRASE)
        await pane.press("Enter")
        screen = await pane.shows("Type group")
        asked = int(screen.partition("Type group ")[2].split()[0])
        await pane.type(GROUP.findall(screen.partition("Your recovery code")[2])[asked - 1])
        await pane.press("Enter")
        await pane.shows("Nothing waits")
        yield pane
    finally:
        await pane.tmux("kill-server")


async def agent_key(pane: Pane, upstream: Upstream) -> str:
    """A connected service, an agent that may use it, and the key of the agent."""
    secret = pane.root / "secret"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN)
    connect = ["services", "connect-custom", "--name", "demo", "--hosts", upstream.host_port]
    connection = await pane.as_person(*connect, "--credential-file", str(secret))
    agent = await pane.as_person("agents", "register", "--name", "helper")
    grant = ["access", "grant-agent", "--agent-id", agent["id"], "--service-connection-id", connection["id"]]
    await pane.as_person(*grant, "--scopes", "read", "--scopes", "write")
    key = await pane.as_person("keys", "create", "--preset", "agent", "--agent", agent["id"])
    return str(key["api_key"])


@asynccontextmanager
async def mcp_client(pane: Pane, key: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{pane.port}/mcp", http_client=http)
        async with Client(transport) as client:
            yield client


async def told(client: Client, tool: str, **arguments: Any) -> tuple[bool, dict[str, Any]]:
    """Whether the tool call was refused, and what it said."""
    result = await client.call_tool(tool, arguments)
    text = result.content[0].text  # type: ignore[union-attr]  # a text block
    return bool(result.is_error), json.loads(text.partition("\n")[2] if result.is_error else text)


async def test_a_yes_typed_at_the_terminal_lets_exactly_that_call_out_once(tmp_path: Path, upstream: Upstream) -> None:
    async with first_start(tmp_path) as pane, mcp_client(pane, await agent_key(pane, upstream)) as client:
        call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things"}
        claim = {"target": call, "parameters": {"body": {"amount": 12}}, "reason": "the customer asked"}
        _, submitted = await told(client, "stack_submit_intent", intent=claim)
        approval = submitted["approval_id"]
        screen = await pane.shows('{"amount":12}')
        assert "the customer asked" in screen
        assert "POST" in screen
        assert "helper" in screen
        assert "1 pending" in screen

        await pane.presses_until("a", "Approve once")
        await pane.presses_until("Enter", "0 pending")

        changed = await told(client, "stack_proxy_request", **call, body={"amount": 120}, approval_id=approval)
        once = await told(client, "stack_proxy_request", **call, body={"amount": 12}, approval_id=approval)
        again = await told(client, "stack_proxy_request", **call, body={"amount": 12}, approval_id=approval)

        refused, why = changed
        assert refused
        assert why["error"]["details"]["gate_reason"] == "call_mismatch"
        assert why["error"]["details"]["field"] == "body.amount"
        assert (once[0], again[0]) == (False, False)
        assert again[1]["operation_id"] == once[1]["operation_id"]
        assert [request.method for request in upstream.requests] == ["POST"]

        await pane.press("2")
        await pane.shows("credential.proxy")
        assert TOKEN not in await pane.tmux("capture-pane", "-p", "-e", "-S", "-")


async def test_nothing_an_agent_wrote_draws_on_the_terminal(tmp_path: Path, upstream: Upstream) -> None:
    async with first_start(tmp_path) as pane, mcp_client(pane, await agent_key(pane, upstream)) as client:
        call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things"}
        claim = {"target": call, "parameters": {"body": {"note": HOSTILE}}, "reason": HOSTILE}
        refused, _ = await told(client, "stack_submit_intent", intent=claim)
        assert not refused
        screen = await pane.shows("Ada[/bold]")
        assert "<U+202E>evil" in screen
        assert "[1 Approvals (1)]" in screen.partition("\n")[0]
        assert "\u202e" not in screen
        assert "owned" not in await pane.tmux("display-message", "-p", "#{pane_title}")
