"""Claude Code, the Claude Agent SDK, Codex and opencode: each set up, logged in and asked for one turn."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.clients.model import Model
from tests.clients.node_clients import SCRIPTS
from tests.clients.programs import Ended, environment, node, packages, run
from tests.clients.stage import Stage

WORDS = "read the things"
TOOL = "stack_proxy_read"
ALLOWED = (TOOL, "stack_list_services", "stack_proxy_request")
"""What a person has told Claude Code not to ask about: the appliance asks where it must."""


class Program(Protocol):
    """A program that holds an agent, in a home of its own."""

    async def configure(self, bearer: str | None) -> None:
        """Name the server in its settings."""

    async def log_in(self) -> None:
        """Have it log in, as its own command does."""

    async def turn(self) -> str:
        """One whole turn; what the model said at its end."""


@dataclass
class Home:
    """What every program is given: a folder, a server and a model."""

    stage: Stage
    model: Model
    chosen: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.stage.folder / "person"

    def write(self, name: str, text: str) -> None:
        """One of its settings files."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def run(self, *arguments: str, has_terminal: bool = False) -> Ended:
        """Run to the end, and well."""
        env = environment(self.folder, **self.chosen)
        ended = await run(self.stage, *arguments, env=env, has_terminal=has_terminal)
        assert ended.status == 0, f"{arguments}: {ended.out}\n{ended.err}"
        return ended


class ClaudeCode:
    """`claude`. Its log-in wants a terminal."""

    def __init__(self, stage: Stage, model: Model) -> None:
        self._program = str(packages() / "@anthropic-ai/claude-code/cli-wrapper.cjs")
        self.home = Home(stage, model, claude_settings(model))

    async def configure(self, bearer: str | None) -> None:
        header = ("--header", f"Authorization: Bearer {bearer}") if bearer else ()
        await self._run("mcp", "add", "--transport", "http", "stack", self.home.stage.url, *header)
        expected = "Connected" if bearer else "Needs authentication"
        assert expected in (await self._run("mcp", "list")).out

    async def log_in(self) -> None:
        await self.home.run(node(), self._program, "mcp", "login", "stack", has_terminal=True)
        assert "Connected" in (await self._run("mcp", "list")).out

    async def turn(self) -> str:
        allowed = ("--allowedTools", ",".join(f"mcp__stack__{tool}" for tool in ALLOWED))
        ended = await self._run("-p", WORDS, *allowed, "--output-format", "json")
        return str(json.loads(ended.out)["result"])

    async def _run(self, *arguments: str) -> Ended:
        return await self.home.run(node(), self._program, *arguments)


def claude_settings(model: Model) -> dict[str, str]:
    """How Claude Code finds the model, and nothing else."""
    return {
        "ANTHROPIC_BASE_URL": model.base_url,
        "ANTHROPIC_API_KEY": "of-nobody",
        "ANTHROPIC_MODEL": "stand-in",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # All tools at once, as for a server that is named in the prompt.
        "ENABLE_TOOL_SEARCH": "false",
    }


class ClaudeAgentSdk:
    """`@anthropic-ai/claude-agent-sdk`: our own few lines around it. It has no log-in but Claude Code's."""

    def __init__(self, stage: Stage, model: Model) -> None:
        self._claude = ClaudeCode(stage, model)
        self._home = self._claude.home

    async def configure(self, bearer: str | None) -> None:
        if bearer is None:
            await self._claude.configure(None)
        else:
            self._home.chosen["STACK_API_KEY"] = bearer

    async def log_in(self) -> None:
        await self._claude.log_in()

    async def turn(self) -> str:
        ended = await self._home.run(node(), str(SCRIPTS / "agent_sdk.cjs"), self._home.stage.url, TOOL, WORDS)
        return str(json.loads(ended.out)["result"])


class Codex:
    """`codex`. Adding a server that asks for a log-in begins it."""

    def __init__(self, stage: Stage, model: Model) -> None:
        self._program = str(packages() / "@openai/codex/bin/codex.js")
        self._home = Home(stage, model, {"MODEL_KEY": "of-nobody"})
        self._home.write(
            ".codex/config.toml",
            'model = "stand-in"\n'
            'model_provider = "stand-in"\n'
            'mcp_oauth_credentials_store = "file"\n'
            "[model_providers.stand-in]\n"
            'name = "stand-in"\n'
            f'base_url = "{model.base_url}/v1"\n'
            'wire_api = "responses"\n'
            'env_key = "MODEL_KEY"\n',
        )

    async def configure(self, bearer: str | None) -> None:
        if bearer is None:
            return
        self._home.chosen["STACK_API_KEY"] = bearer
        await self._add("--bearer-token-env-var", "STACK_API_KEY")
        assert await self._authentication() == "bearer_token"

    async def log_in(self) -> None:
        await self._add()
        assert await self._authentication() == "o_auth"

    async def turn(self) -> str:
        # Else a turn on a busy machine may begin before the server is connected, and without its tools.
        waiting = ("-c", "mcp_servers.stack.required=true")
        ended = await self._run("exec", *waiting, "--skip-git-repo-check", "--json", WORDS)
        events = [json.loads(line) for line in ended.out.splitlines() if line.startswith("{")]
        said = [event["item"] for event in events if event["type"] == "item.completed"]
        return str([item["text"] for item in said if item["type"] == "agent_message"][-1])

    async def _add(self, *more: str) -> None:
        await self._run("mcp", "add", "stack", "--url", self._home.stage.url, *more)

    async def _authentication(self) -> str:
        (server,) = json.loads((await self._run("mcp", "list", "--json")).out)
        return str(server["auth_status"])

    async def _run(self, *arguments: str) -> Ended:
        return await self._home.run(node(), self._program, *arguments)


class Opencode:
    """`opencode`. It registers anew for each log-in, and listens on a port of its own."""

    def __init__(self, stage: Stage, model: Model) -> None:
        self._program = str(packages() / "opencode-linux-x64/bin/opencode")
        quiet = ("OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_DEFAULT_PLUGINS")
        self._home = Home(stage, model, dict.fromkeys(quiet, "1"))

    async def configure(self, bearer: str | None) -> None:
        access = {"oauth": False, "headers": {"Authorization": f"Bearer {bearer}"}} if bearer else {}
        server = {"type": "remote", "url": self._home.stage.url, **access}
        self._home.write(".config/opencode/opencode.json", json.dumps({**self._settings(), "mcp": {"stack": server}}))
        assert ("connected" if bearer else "needs authentication") in (await self._run("mcp", "list")).out

    def _settings(self) -> dict[str, Any]:
        # A name it knows, so that it asks nobody what the model can do.
        name = "claude-sonnet-4-5"
        model = {"name": "stand-in", "tool_call": True, "limit": {"context": 100_000, "output": 4_000}}
        where = {"baseURL": f"{self._home.model.base_url}/v1", "apiKey": "of-nobody"}
        provider = {"anthropic": {"options": where, "models": {name: model}}}
        models = {"model": f"anthropic/{name}", "small_model": f"anthropic/{name}", "provider": provider}
        return {**models, "permission": {"*": "allow"}, "autoupdate": False, "share": "disabled"}

    async def log_in(self) -> None:
        await self._run("mcp", "auth", "stack")
        assert "connected" in (await self._run("mcp", "list")).out

    async def turn(self) -> str:
        return (await self._run("run", WORDS)).out.split()[-1]

    async def _run(self, *arguments: str) -> Ended:
        return await self._home.run(self._program, *arguments)
