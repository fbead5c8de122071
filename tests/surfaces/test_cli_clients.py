"""What each client is told: in which files, with which entries, and never with a secret."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces.cli.clients import CLIENTS, KEY_VARIABLE, MCP_REMOTE, READ_TOOL, Place
from stack_local.surfaces.cli.config_entries import put
from stack_local.surfaces.cli.config_text import render
from stack_local.wire.catalogue import CATALOGUE
from stack_local.wire.proxy import ProxyRead

URL = "http://127.0.0.1:7822/mcp"
HOME = Path("/home/me")
PROJECT = Path("/home/me/project")

SERVER = {"type": "http", "url": URL}
CODEX = {"mcp_servers": {"stack": {"url": URL, "tools": {"stack_proxy_read": {"approval_mode": "approve"}}}}}
OPENCODE = {"mcp": {"stack": {"type": "remote", "url": URL}}, "permission": {"stack_stack_proxy_read": "allow"}}
BRIDGE = {"mcpServers": {"stack": {"command": "npx", "args": ["-y", MCP_REMOTE, URL]}}}
ALLOW = {"permissions": {"allow": ["mcp__stack__stack_proxy_read"]}}
ALLOWLIST = {"mcpAllowlist": ["stack:stack_proxy_read"]}

FOR_THE_USER = {
    "claude": {".claude.json": {"mcpServers": {"stack": SERVER}}, ".claude/settings.json": ALLOW},
    "cursor": {".cursor/mcp.json": {"mcpServers": {"stack": {"url": URL}}}, ".cursor/permissions.json": ALLOWLIST},
    "vscode": {".config/Code/User/mcp.json": {"servers": {"stack": SERVER}}},
    "codex": {".codex/config.toml": CODEX},
    "opencode": {".config/opencode/opencode.json": OPENCODE},
    "claude-desktop": {".config/Claude/claude_desktop_config.json": BRIDGE},
    "openai-agents": {},
}

FOR_A_PROJECT = {
    "claude": {".mcp.json": {"mcpServers": {"stack": SERVER}}, ".claude/settings.json": ALLOW},
    "cursor": {".cursor/mcp.json": {"mcpServers": {"stack": {"url": URL}}}, ".cursor/permissions.json": ALLOWLIST},
    "vscode": {".vscode/mcp.json": {"servers": {"stack": SERVER}}},
    "codex": {".codex/config.toml": CODEX},
    "opencode": {"opencode.json": OPENCODE},
}

MOVED = [
    ("claude", {"CLAUDE_CONFIG_DIR": "/c"}, "linux", ["/c/.claude.json", "/c/settings.json"]),
    ("codex", {"CODEX_HOME": "/c"}, "linux", ["/c/config.toml"]),
    ("opencode", {"XDG_CONFIG_HOME": "/c"}, "linux", ["/c/opencode/opencode.json"]),
    ("vscode", {"XDG_CONFIG_HOME": "/c"}, "linux", ["/c/Code/User/mcp.json"]),
    ("vscode", {}, "darwin", ["/home/me/Library/Application Support/Code/User/mcp.json"]),
    (
        "claude-desktop",
        {"XDG_CONFIG_HOME": "/c"},
        "darwin",
        ["/home/me/Library/Application Support/Claude/claude_desktop_config.json"],
    ),
]


def place(**fields):
    return Place(**{"url": URL, "home": HOME, "environment": {}, "platform": "linux"} | fields)


def said(setup):
    return {str(file.path): put({}, file.entries) for file in setup.files}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_its_entries_in_the_files_of_the_user(client):
    assert said(CLIENTS[client](place())) == {f"{HOME}/{name}": tree for name, tree in FOR_THE_USER[client].items()}


@pytest.mark.parametrize("client", FOR_A_PROJECT)
def test_a_client_gets_its_entries_in_the_files_of_a_project(client):
    found = said(CLIENTS[client](place(project=PROJECT, environment={"CLAUDE_CONFIG_DIR": "/c", "CODEX_HOME": "/c"})))
    assert found == {f"{PROJECT}/{name}": tree for name, tree in FOR_A_PROJECT[client].items()}


@pytest.mark.parametrize(("client", "environment", "platform", "paths"), MOVED)
def test_a_client_that_was_moved_is_found(client, environment, platform, paths):
    assert list(said(CLIENTS[client](place(environment=environment, platform=platform)))) == paths


def test_opencode_is_set_up_in_the_one_file_that_is_there(tmp_path):
    (tmp_path / "opencode.jsonc").touch()
    assert list(said(CLIENTS["opencode"](place(project=tmp_path)))) == [str(tmp_path / "opencode.jsonc")]
    (tmp_path / "opencode.json").touch()
    assert list(said(CLIENTS["opencode"](place(project=tmp_path)))) == [str(tmp_path / "opencode.json")]


def test_claude_desktop_knows_no_project():
    with pytest.raises(InvalidRequest) as refused:
        CLIENTS["claude-desktop"](place(project=PROJECT))
    assert refused.value.details["field"] == "project"


@pytest.mark.parametrize("client", CLIENTS)
def test_the_rule_for_reads_can_be_left_out(client):
    assert READ_TOOL not in str(said(CLIENTS[client](place(allows_reads=False))))


def test_the_rule_names_a_tool_that_only_reads():
    operation = CATALOGUE[ProxyRead]
    assert (operation.tool, operation.is_read_only) == (READ_TOOL, True)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_key_is_referred_to_and_never_written(client):
    setup = CLIENTS[client](place())
    assert "Authorization" not in str(said(setup))
    for header in re.findall(r"Bearer ([^'\"`]+)", f"{setup.with_key}\n{setup.keyed}\n{setup.program or ''}"):
        assert header[0] in "${…"


@pytest.mark.parametrize("client", ["claude", "cursor", "codex", "opencode", "openai-agents"])
def test_a_client_that_reads_its_environment_is_given_the_variable(client):
    setup = CLIENTS[client](place())
    assert KEY_VARIABLE in f"{setup.keyed}{setup.program}"


@pytest.mark.parametrize("client", CLIENTS)
def test_every_text_is_for_the_address_that_was_asked_for(client):
    setup = CLIENTS[client](place(url="http://127.0.0.1:9000/mcp/core"))
    shown = f"{said(setup)}{setup.program}"
    assert "http://127.0.0.1:9000/mcp/core" in shown
    assert "7822" not in f"{shown}{setup.command}{setup.with_key}{setup.keyed}"


def test_every_client_has_its_command_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
    assert set(re.findall(r"^stack-local connect ([a-z-]+)", page, flags=re.MULTILINE)) == set(CLIENTS)


def test_what_codex_is_given_is_toml():
    (file,) = CLIENTS["codex"](place()).files
    text = render("", put({}, file.entries), file.form, file.entries[0].keys)
    assert tomllib.loads(text) == CODEX


def test_the_program_for_the_agents_sdk_is_python():
    program = CLIENTS["openai-agents"](place()).program
    assert max(map(len, program.splitlines())) <= 120
    assert ast.parse(program)
