"""Who asks: the session of the environment, or a passphrase for this command alone; never a secret in argv."""

import json
import os
import threading

import pytest

from stack_local.domain.errors import Unauthorized
from stack_local.surfaces.cli.secret_files import MAX_SECRET_BYTES
from stack_local.wire.agents import Agents, ListAgents
from stack_local.wire.vault import CreateSession, EndSession, LockVault, UnlockVault, VaultState
from tests.surfaces.test_cli_launch import PASSPHRASE, SESSION, FakeLaunch, run


@pytest.fixture
def launch(tmp_path):
    launch = FakeLaunch(tmp_path)
    launch.appliance.answer(ListAgents, lambda _: Agents(items=[]))
    return launch


def secret_file(directory, content: bytes, mode: int = 0o600) -> str:
    file = directory / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    return str(file)


@pytest.fixture
def passphrase_file(tmp_path):
    return secret_file(tmp_path, f"{PASSPHRASE}\n".encode())


def list_agents(launch, *flags, **shell):
    return run(launch, "agents", "list", *flags, **shell)


def test_a_session_in_the_environment_is_used_as_it_is(launch):
    assert list_agents(launch).exit_code == 0
    assert launch.appliance.session.reveal() == SESSION
    assert launch.asked(CreateSession) == launch.asked(EndSession) == []
    assert launch.passphrases == [None]


def test_a_passphrase_file_begins_a_session_for_this_command(launch, passphrase_file):
    assert list_agents(launch, "--passphrase-file", passphrase_file, session=None).exit_code == 0
    (request,) = launch.asked(CreateSession)
    assert request.passphrase.get_secret_value() == PASSPHRASE
    assert launch.appliance.session.reveal() == SESSION
    assert isinstance(launch.appliance.asked[-1], EndSession)


def test_a_session_begun_for_a_command_ends_with_it_also_when_it_fails(launch, passphrase_file):
    def refuse(_request):
        raise Unauthorized("no")

    launch.appliance.answer(ListAgents, refuse)
    assert list_agents(launch, "--passphrase-file", passphrase_file, session=None).exit_code != 0
    assert isinstance(launch.appliance.asked[-1], EndSession)


def test_the_command_line_goes_before_the_environment(launch, passphrase_file):
    list_agents(launch, "--passphrase-file", passphrase_file, session="an old one")
    assert launch.appliance.session.reveal() == SESSION


def test_a_passphrase_is_asked_for_at_a_terminal_and_not_echoed(launch):
    told = list_agents(launch, "--json", session=None, terminal=True, stdin=f"{PASSPHRASE}\n")
    assert json.loads(told.stdout) == {"items": []}
    assert launch.asked(CreateSession)[0].passphrase.get_secret_value() == PASSPHRASE
    assert PASSPHRASE not in told.output


@pytest.mark.parametrize("session", [None, ""], ids=["unset", "empty"])
def test_in_a_pipe_without_a_session_it_is_4_with_a_hint(launch, session):
    told = list_agents(launch, session=session, stdin=f"{PASSPHRASE}\n")
    assert told.exit_code == 4
    assert "STACK_LOCAL_SESSION" in told.stderr
    assert "--passphrase-file" in told.stderr
    assert launch.appliance.asked == []


def test_a_wrong_passphrase_is_4(launch, passphrase_file):
    def refuse(_request):
        raise Unauthorized("the passphrase does not open this vault", code="WRONG_PASSPHRASE")

    launch.appliance.answer(CreateSession, refuse)
    assert list_agents(launch, "--passphrase-file", passphrase_file, session=None).exit_code == 4
    assert launch.asked(ListAgents) == []


def test_while_locked_a_passphrase_begins_a_session_and_unlocks_nothing(launch, passphrase_file):
    launch.state = "locked"
    assert list_agents(launch, "--passphrase-file", passphrase_file, session=None).exit_code == 0
    assert len(launch.asked(CreateSession)) == 1
    assert launch.asked(UnlockVault) == []


def test_a_sealed_vault_is_not_unlocked_by_the_way(launch, passphrase_file):
    launch.state = "sealed"
    told = list_agents(launch, "--passphrase-file", passphrase_file, session=None)
    assert told.exit_code == 8
    assert "stack-local unlock" in told.stderr
    assert launch.asked(UnlockVault) == launch.asked(CreateSession) == []


@pytest.mark.parametrize("state", ["locked", "sealed", "unlocked"])
def test_with_no_process_the_vault_is_opened_in_this_one(launch, passphrase_file, state):
    launch.is_live, launch.state = False, state
    assert list_agents(launch, "--passphrase-file", passphrase_file, session=None).exit_code == 0
    assert launch.passphrases[0].reveal() == PASSPHRASE
    assert launch.appliance.session.reveal() == SESSION


def test_with_no_process_a_session_is_worth_nothing(launch):
    launch.is_live = False
    told = list_agents(launch)
    assert told.exit_code == 9
    assert "NOT_RUNNING" in list_agents(launch, "--json").stdout


def test_without_a_vault_it_points_to_init(launch, passphrase_file):
    launch.state = "empty"
    told = list_agents(launch, "--passphrase-file", passphrase_file, session=None)
    assert told.exit_code == 6
    assert "stack-local init" in told.stderr


CONTENTS = [
    ("no newline", b"a b", "a b"),
    ("one newline", b"a b\n", "a b"),
    ("one of the other kind", b"a b\r\n", "a b"),
    ("two newlines", b"a b\n\n", "a b\n"),
    ("blanks", b" a b \n", " a b "),
    ("another alphabet", "päss".encode(), "päss"),
]


@pytest.mark.parametrize(("content", "passphrase"), [case[1:] for case in CONTENTS], ids=[case[0] for case in CONTENTS])
def test_one_trailing_newline_is_not_the_passphrases(launch, tmp_path, content, passphrase):
    list_agents(launch, "--passphrase-file", secret_file(tmp_path, content), session=None)
    assert launch.asked(CreateSession)[0].passphrase.get_secret_value() == passphrase


BAD_CONTENTS = [b"", b"\n", b"\xff\xfe", b"x" * (MAX_SECRET_BYTES + 1), b"x" * 5000]


@pytest.mark.parametrize("content", BAD_CONTENTS, ids=["empty", "newline", "not UTF-8", "endless", "too long"])
def test_what_can_be_no_passphrase_is_7(launch, tmp_path, content):
    told = list_agents(launch, "--passphrase-file", secret_file(tmp_path, content), session=None)
    assert told.exit_code == 7
    assert launch.asked(CreateSession) == []
    assert "xxxx" not in told.output


def test_a_file_that_is_not_there_or_a_directory_is_7(launch, tmp_path):
    for place in (tmp_path / "nothing", tmp_path):
        assert list_agents(launch, "--passphrase-file", str(place), session=None).exit_code == 7


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_warned_of(launch, tmp_path, mode, warns):
    told = list_agents(
        launch, "--json", "--passphrase-file", secret_file(tmp_path, PASSPHRASE.encode(), mode), session=None
    )
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {"items": []}
    assert ("chmod 600" in told.stderr) is warns


def test_a_passphrase_comes_from_stdin(launch):
    assert list_agents(launch, "--passphrase-file", "-", session=None, stdin=f"{PASSPHRASE}\n").exit_code == 0
    assert launch.asked(CreateSession)[0].passphrase.get_secret_value() == PASSPHRASE


def test_a_passphrase_comes_from_a_pipe_without_a_warning(launch, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    writer = threading.Thread(target=lambda: pipe.write_text(PASSPHRASE))
    writer.start()
    told = list_agents(launch, "--passphrase-file", str(pipe), session=None)
    writer.join(10)
    assert (told.exit_code, told.stderr) == (0, "")


def test_a_session_is_made_for_scripts(launch, passphrase_file):
    told = run(launch, "session", "create", "--passphrase-file", passphrase_file, "--json", session=None)
    assert json.loads(told.stdout)["session"] == SESSION


def test_a_session_without_a_passphrase_in_a_pipe_is_4(launch):
    assert run(launch, "session", "create", session=None).exit_code == 4


def test_lock_is_a_command_of_its_own_and_of_its_area(launch):
    launch.appliance.answer(LockVault, lambda _: VaultState(state="locked"))
    for line in (["lock"], ["vault", "lock"]):
        assert json.loads(run(launch, *line, "--json").stdout) == {"state": "locked"}
