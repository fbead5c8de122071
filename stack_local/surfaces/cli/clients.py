"""What each client wants in order to reach the appliance: which files it reads, its login, its rule for reads."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces.cli.config_entries import Entry
from stack_local.surfaces.cli.config_files import ConfigFile

SERVER = "stack"
"""What clients call the appliance; Claude Code puts `mcp__stack__` before the name of a tool."""

READ_TOOL = "stack_proxy_read"
"""The one tool that needs no question at the client: it only reads, and the appliance decides on it anyway."""

KEY_VARIABLE = "STACK_API_KEY"
"""Where a client finds a key or a passport that a person exported; it never stands in a file of ours."""

EXPORT = f"export it as {KEY_VARIABLE}"

MCP_REMOTE = "mcp-remote@0.15.1"
"""The bridge for Claude Desktop, at the version that was tried."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client runs, and how it is to be set up."""

    url: str
    """The MCP endpoint."""
    home: Path
    environment: Mapping[str, str]
    platform: str
    project: Path | None = None
    """Set up for this folder alone, in the files that lie in it."""
    allows_reads: bool = True
    """Whether the client's own rule for `stack_proxy_read` is part of it."""

    def directory(self, variable: str, default: str) -> Path:
        """A folder that the client lets a variable move."""
        chosen = self.environment.get(variable)
        return Path(chosen) if chosen else self.home / default

    @property
    def applications(self) -> Path:
        """Where programs with a window keep what is the user's."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.directory("XDG_CONFIG_HOME", ".config")


@dataclass(frozen=True, slots=True)
class Setup:
    """What one client wants."""

    title: str
    files: tuple[ConfigFile, ...]
    login: str | None
    """How a person logs in, once the files are there; None where the client cannot."""
    with_key: str
    """What to do in place of the login, with a key or a passport; `keyed` goes with it."""
    keyed: str = ""
    notes: tuple[str, ...] = ()
    command: str | None = None
    """The client's own command that does the same."""
    program: str | None = None
    """What to write in a program, where there is no file."""


def claude(place: Place) -> Setup:
    """Claude Code."""
    moved = place.environment.get("CLAUDE_CONFIG_DIR")
    servers = place.project / ".mcp.json" if place.project else Path(moved or place.home) / ".claude.json"
    settings = (place.project or place.home) / ".claude" if place.project or not moved else Path(moved)
    entry: JsonValue = {"type": "http", "url": place.url}
    rule = Entry(("permissions", "allow"), f"mcp__{SERVER}__{READ_TOOL}", is_item=True)
    scope = "project" if place.project else "user"
    command = f"claude mcp add --transport http --scope {scope} {SERVER} {place.url}"
    return Setup(
        "Claude Code",
        _files(
            place, ConfigFile(servers, (_server("mcpServers", entry),)), ConfigFile(settings / "settings.json", (rule,))
        ),
        login=f"start `claude`, type /mcp, choose {SERVER} and log in (or: claude mcp login {SERVER})",
        with_key=f"{EXPORT}, and in place of the entry above",
        keyed=f"{command} --header 'Authorization: Bearer ${{{KEY_VARIABLE}}}'",
        notes=(
            ("Claude Code asks once whether it may use a server of a project's .mcp.json.",)
            if place.project
            else ("A running Claude Code writes this file too: end it first, or use its own command.",)
        ),
        command=command,
    )


def cursor(place: Place) -> Setup:
    """Cursor."""
    folder = (place.project or place.home) / ".cursor"
    header: JsonValue = {"Authorization": f"Bearer ${{env:{KEY_VARIABLE}}}"}
    rule = Entry(("mcpAllowlist",), f"{SERVER}:{READ_TOOL}", is_item=True)
    return Setup(
        "Cursor",
        _files(
            place,
            ConfigFile(folder / "mcp.json", (_server("mcpServers", {"url": place.url}),)),
            ConfigFile(folder / "permissions.json", (rule,)),
        ),
        login=f"open Cursor's settings, MCP, and press Connect beside {SERVER}",
        with_key=f"{EXPORT} where Cursor is started from, and make the entry",
        keyed=_json({"url": place.url, "headers": header}),
        notes=(
            "An mcpAllowlist in permissions.json takes the place of the list in Cursor's settings.",
            "If you keep yours there, give --no-allow-rule.",
            "Cursor chooses worse among more than about 40 tools: --core gives it the short list.",
        ),
    )


def vscode(place: Place) -> Setup:
    """VS Code."""
    folder = place.project / ".vscode" if place.project else place.applications / "Code" / "User"
    entry: dict[str, JsonValue] = {"type": "http", "url": place.url}
    asked: JsonValue = {
        "id": "stack-key",
        "type": "promptString",
        "description": "Key of stack_local",
        "password": True,
    }
    keyed: JsonValue = {**entry, "headers": {"Authorization": "Bearer ${input:stack-key}"}}
    return Setup(
        "VS Code",
        (ConfigFile(folder / "mcp.json", (_server("servers", entry),)),),
        login=f"run `MCP: List Servers`, choose {SERVER} and start it; VS Code opens the browser",
        with_key="let VS Code ask for it once and keep it, by this in place of the above",
        keyed=_json({"inputs": [asked], "servers": {SERVER: keyed}}),
        notes=(
            f"VS Code asks nothing before {READ_TOOL}, as the tool says that it only reads: there is no rule to write.",
            "VS Code sends at most 128 tools with a request: --core gives it the short list.",
        ),
    )


def codex(place: Place) -> Setup:
    """Codex."""
    folder = place.project / ".codex" if place.project else place.directory("CODEX_HOME", ".codex")
    plain: JsonValue = {"url": place.url}
    ruled: JsonValue = {"url": place.url, "tools": {READ_TOOL: {"approval_mode": "approve"}}}
    entry = Entry(
        ("mcp_servers", SERVER),
        ruled if place.allows_reads else plain,
        also_ours=(plain, ruled),
    )
    command = f"codex mcp add {SERVER} --url {place.url}"
    return Setup(
        "Codex",
        (ConfigFile(folder / "config.toml", (entry,), form="toml"),),
        login=f"codex mcp login {SERVER}",
        with_key=f"{EXPORT}, and add to the table [mcp_servers.{SERVER}]",
        keyed=f'bearer_token_env_var = "{KEY_VARIABLE}"',
        notes=("Codex reads a project's .codex/config.toml only where it trusts the project.",)
        if place.project
        else (),
        command=command,
    )


def opencode(place: Place) -> Setup:
    """opencode."""
    folder = place.project or place.directory("XDG_CONFIG_HOME", ".config") / "opencode"
    commented = folder / "opencode.jsonc"
    plain = folder / "opencode.json"
    path = commented if commented.exists() and not plain.exists() else plain
    header: JsonValue = {"Authorization": f"Bearer {{env:{KEY_VARIABLE}}}"}
    rule = Entry(("permission", f"{SERVER}_{READ_TOOL}"), "allow")
    server = _server("mcp", {"type": "remote", "url": place.url})
    return Setup(
        "opencode",
        (ConfigFile(path, (server, rule) if place.allows_reads else (server,)),),
        login=f"opencode mcp auth {SERVER}",
        with_key=f"{EXPORT}, and make the entry",
        keyed=_json({"type": "remote", "url": place.url, "oauth": False, "headers": header}),
    )


def claude_desktop(place: Place) -> Setup:
    """Claude Desktop, by a bridge.

    Raises:
        InvalidRequest: it is asked for one project.
    """
    if place.project is not None:
        raise InvalidRequest("Claude Desktop has no file for a project", field="project", hint="leave --project out")
    bridge: JsonValue = ["-y", MCP_REMOTE, place.url]
    keyed: JsonValue = ["-y", MCP_REMOTE, place.url, "--header-file", "FILE"]
    return Setup(
        "Claude Desktop",
        (
            ConfigFile(
                place.applications / "Claude" / "claude_desktop_config.json",
                (_server("mcpServers", {"command": "npx", "args": bridge}),),
            ),
        ),
        login="restart Claude Desktop; the bridge opens the browser",
        with_key="put the line `Authorization: Bearer …` into a FILE that only you can read, and make the entry",
        keyed=_json({"command": "npx", "args": keyed}),
        notes=(
            "npx needs Node.js, and fetches the bridge from npm when it first runs.",
            "A connector added in the settings is called from the vendor's cloud and cannot reach this machine.",
            f"There is no file for a rule: choose to allow {READ_TOOL} always when it is first asked for.",
        ),
    )


def openai_agents(place: Place) -> Setup:
    """The OpenAI Agents SDK."""
    return Setup(
        "OpenAI Agents SDK",
        (),
        login=None,
        with_key=f"{EXPORT} before the program starts",
        notes=(f"The SDK asks nobody before a tool unless the program says so: there is no rule for {READ_TOOL}.",),
        program=AGENTS_PROGRAM.format(url=place.url, variable=KEY_VARIABLE),
    )


AGENTS_PROGRAM = """\
import asyncio
import os

from agents import Agent, Runner
from agents.mcp import MCPServerStreamableHttp


async def main() -> None:
    async with MCPServerStreamableHttp(
        name="stack",
        params={{
            "url": "{url}",
            "headers": {{"Authorization": f"Bearer {{os.environ['{variable}']}}"}},
        }},
        cache_tools_list=True,
    ) as stack:
        agent = Agent(name="Assistant", mcp_servers=[stack], instructions="Use stack to reach services.")
        result = await Runner.run(agent, "Which services can you reach?")
        print(result.final_output)


asyncio.run(main())
"""

CLIENTS: dict[str, Callable[[Place], Setup]] = {
    "claude": claude,
    "cursor": cursor,
    "vscode": vscode,
    "codex": codex,
    "opencode": opencode,
    "claude-desktop": claude_desktop,
    "openai-agents": openai_agents,
}
"""By the name on the command line."""


def _server(key: str, value: JsonValue) -> Entry:
    return Entry((key, SERVER), value)


def _files(place: Place, servers: ConfigFile, rules: ConfigFile) -> tuple[ConfigFile, ...]:
    return (servers, rules) if place.allows_reads else (servers,)


def _json(value: JsonValue) -> str:
    return json.dumps(value, indent=2)
