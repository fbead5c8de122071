"""`connect`: it prints by default, writes and undoes when told, and works whether or not an appliance runs."""

import json
import os

import pytest
from click.testing import CliRunner

from stack_local.surfaces.cli.clients import CLIENTS
from stack_local.wire.vault import ApplianceStatus, GetStatus
from tests.surfaces.test_cli_launch import FakeLaunch, command

WITH_FILES = [client for client in CLIENTS if client != "openai-agents"]

STATUS = ApplianceStatus(
    state="sealed",
    version="0",
    base_url="http://127.0.0.1:9000",
    operator_id=None,
    pending=0,
    waiting_clients=0,
    live_passports=0,
    chain_sequence=0,
    chain_head="0" * 64,
    changes=0,
    approvals_advisory=False,
    alarm=None,
)


@pytest.fixture
def home(tmp_path):
    made = tmp_path / "user"
    made.mkdir()
    return made


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path / "appliance", is_live=False)


def run(launch, home, *args):
    moved = dict.fromkeys(("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"))
    runner = CliRunner(env={"HOME": str(home), "STACK_LOCAL_SESSION": None} | moved)
    return runner.invoke(command(launch), ["connect", *args], catch_exceptions=False)


def files_of(home):
    return {os.path.relpath(os.path.join(folder, name), home) for folder, _, names in os.walk(home) for name in names}


@pytest.mark.parametrize("client", CLIENTS)
def test_it_prints_and_writes_nothing(launch, home, client):
    told = run(launch, home, client)
    assert told.exit_code == 0
    assert "http://127.0.0.1:7822/mcp" in told.stdout
    assert files_of(home) == set()
    assert launch.appliance.asked == []


@pytest.mark.parametrize("client", WITH_FILES)
def test_it_writes_what_it_printed_once_and_takes_it_out_again(launch, home, client):
    printed = run(launch, home, client).stdout
    assert run(launch, home, client, "--write").exit_code == 0
    written = files_of(home)
    assert written
    assert all((home / name).read_text().rstrip() in printed for name in written)
    again = json.loads(run(launch, home, client, "--write", "--json").stdout)
    assert again["changed"] is False
    assert run(launch, home, client, "--undo").exit_code == 0
    assert files_of(home) == set()


def test_in_json_it_says_which_files_changed_and_where_the_backup_is(launch, home):
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{}")
    told = json.loads(run(launch, home, "claude", "--write", "--json").stdout)
    assert told["changed"] is True
    assert told["files"] == [
        {"path": str(home / ".claude.json"), "changed": True, "backup": None},
        {"path": str(settings), "changed": True, "backup": f"{settings}.before-stack-local"},
    ]
    assert "claude mcp login stack" in told["text"]


def test_the_short_list_replaces_the_long_one(launch, home):
    run(launch, home, "cursor", "--write")
    assert run(launch, home, "cursor", "--write", "--core").exit_code == 0
    written = json.loads((home / ".cursor" / "mcp.json").read_text())
    assert written == {"mcpServers": {"stack": {"url": "http://127.0.0.1:7822/mcp/core"}}}


def test_a_project_is_set_up_in_its_folder(launch, home, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    assert run(launch, home, "vscode", "--project", str(project), "--write").exit_code == 0
    assert (files_of(home), files_of(project)) == (set(), {".vscode/mcp.json"})


def test_without_the_rule_no_rule_is_written(launch, home):
    run(launch, home, "claude", "--write", "--no-allow-rule")
    assert files_of(home) == {".claude.json"}


def test_a_process_that_runs_says_its_address(launch, home):
    launch.is_live = True
    launch.appliance.answer(GetStatus, lambda _: STATUS)
    assert "http://127.0.0.1:9000/mcp" in run(launch, home, "codex").stdout


def test_without_a_process_the_settings_say_the_address(launch, home):
    launch.directory.mkdir()
    (launch.directory / "settings.toml").write_text('host = "::1"\nport = 7900\n')
    assert "http://[::1]:7900/mcp" in run(launch, home, "codex").stdout


def test_no_home_is_made_for_it(launch, home):
    assert run(launch, home, "claude", "--write").exit_code == 0
    assert not launch.directory.exists()


def test_a_port_that_nobody_knows_yet_is_refused(launch, home):
    launch.directory.mkdir()
    (launch.directory / "settings.toml").write_text("port = 0\n")
    told = run(launch, home, "codex", "--write")
    assert told.exit_code == 7
    assert files_of(home) == set()
    assert run(launch, home, "codex", "--write", "--url", "http://127.0.0.1:7901/").exit_code == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:7822",
        "https://127.0.0.1:7822",
        "http://127.0.0.1",
        "http://127.0.0.1:7822/mcp",
        "http://127.0.0.1:7822@example.com",
        "http://example.com:7822",
        'http://127.0.0.1:7822"\n',
    ],
)
def test_only_the_address_of_an_appliance_is_taken(launch, home, url):
    told = run(launch, home, "claude", "--write", "--url", url, "--json")
    assert told.exit_code == 7
    assert json.loads(told.stdout)["error"]["details"]["field"] == "url"
    assert files_of(home) == set()


def test_a_file_that_cannot_be_edited_is_named_and_the_lines_are_printed(launch, home):
    path = home / ".config" / "opencode" / "opencode.jsonc"
    path.parent.mkdir(parents=True)
    path.write_text("{\n  // mine\n}\n")
    told = run(launch, home, "opencode", "--write")
    assert (told.exit_code, told.stdout) == (7, "")
    assert str(path) in told.stderr
    assert '"type": "remote"' in told.stderr
    assert files_of(home) == {".config/opencode/opencode.jsonc"}


def test_where_one_file_is_refused_none_is_written(launch, home):
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("// mine\n{}")
    assert run(launch, home, "claude", "--write").exit_code == 7
    assert files_of(home) == {".claude/settings.json"}


def test_an_entry_of_somebody_else_is_kept_unless_told(launch, home):
    path = home / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {"stack": {"command": "theirs"}}}')
    assert run(launch, home, "cursor", "--write").exit_code == 3
    assert "theirs" in path.read_text()
    assert run(launch, home, "cursor", "--write", "--replace").exit_code == 0
    assert "theirs" not in path.read_text()


def test_what_has_no_file_is_not_written(launch, home):
    assert run(launch, home, "openai-agents", "--write").exit_code == 7


@pytest.mark.parametrize(
    "args", [("claude", "--write", "--undo"), ("emacs",), (), ("claude", "--project", "/nowhere")], ids=str
)
def test_a_wrong_line_is_a_usage_error(launch, home, args):
    assert run(launch, home, *args).exit_code == 2
