"""`import`: a secret goes from where it is into the vault; no line that is printed holds it."""

import os
from datetime import UTC, datetime

import pytest

from stack_local.wire.connecting import ConnectService, ServiceConnecting
from stack_local.wire.services import Connection, InjectionSpec
from tests.surfaces.test_cli_launch import FakeLaunch, run

SECRET = "ghp_" + "a1" * 18


def connected(asked):
    connection = Connection(
        id="scon_" + "0" * 22,
        provider=asked.service_id,
        name="GitHub",
        description=None,
        account=asked.account,
        status="connected",
        hosts=["api.github.com:443"],
        injection=InjectionSpec(),
        scopes=["read", "write"],
        asks_everything=False,
        verification="never",
        verified_at=None,
        version=1,
        credential_version=1,
        connected_by="session",
        connected_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    return ServiceConnecting(
        id=connection.id,
        provider=asked.service_id,
        status="connected",
        connection=connection,
        attempt_id=None,
        authorization_url=None,
    )


@pytest.fixture
def launch(tmp_path):
    launch = FakeLaunch(tmp_path)
    launch.appliance.answer(ConnectService, connected)
    return launch


@pytest.fixture
def env_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text(f"# keys\nOTHER=1\nexport GITHUB_TOKEN='{SECRET}'\n")
    file.chmod(0o600)
    return str(file)


def test_one_variable_of_the_file_is_connected_and_never_shown(launch, env_file):
    told = run(launch, "import", "env", env_file, "GITHUB_TOKEN", "--service", "github", "--account", "me")
    assert told.exit_code == 0
    asked = launch.asked(ConnectService)[0]
    assert (asked.service_id, asked.account) == ("github", "me")
    assert asked.credential.get_secret_value() == SECRET
    assert SECRET not in told.output
    assert "take it out" in told.stderr


def test_a_variable_that_is_not_there_is_6_and_says_which_are(launch, env_file):
    told = run(launch, "import", "env", env_file, "GITLAB_TOKEN", "--service", "gitlab")
    assert told.exit_code == 6
    assert "GITHUB_TOKEN" in told.output
    assert SECRET not in told.output
    assert launch.appliance.asked == []


def test_a_file_that_is_no_env_file_is_7(launch, tmp_path):
    file = tmp_path / "x"
    file.write_text("this is no line of such a file =\n=\n")
    assert run(launch, "import", "env", str(file), "A", "--service", "github").exit_code == 7


def test_the_token_of_githubs_command_is_connected(launch, tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(f'#!/bin/sh\n[ "$1 $2" = "auth token" ] && printf "%s\\n" "{SECRET}"\n')
    (tools / "gh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    told = run(launch, "import", "gh")
    assert told.exit_code == 0
    assert launch.asked(ConnectService)[0].credential.get_secret_value() == SECRET
    assert SECRET not in told.output


def test_without_githubs_command_it_says_so(launch, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    told = run(launch, "import", "gh")
    assert told.exit_code == 9
    assert "gh" in told.stderr
