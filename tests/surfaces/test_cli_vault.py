"""`init` and `unlock`: a vault is made once, and its recovery code goes to a terminal or a new file alone."""

import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.keys import CreateKey
from stack_local.wire.vault import Created, CreateVault, EndSession, UnlockVault
from tests.surfaces.test_cli_derived import created_key
from tests.surfaces.test_cli_launch import OPERATOR, PASSPHRASE, RECOVERY_CODE, SESSION, FakeLaunch, run


@pytest.fixture
def launch(tmp_path):
    launch = FakeLaunch(tmp_path / "home", is_live=False, vault=False, state="empty")
    launch.appliance.answer(CreateKey, created_key)
    return launch


@pytest.fixture
def passphrase_file(tmp_path):
    file = tmp_path / "passphrase"
    file.touch(0o600)
    file.write_text(PASSPHRASE)
    return str(file)


@pytest.fixture
def recovery_file(tmp_path):
    return tmp_path / "recovery"


def init(launch, passphrase_file, recovery_file, *flags, **shell):
    line = ["init", "--passphrase-file", passphrase_file, "--recovery-file", str(recovery_file), *flags]
    return run(launch, *line, session=None, **shell)


@pytest.mark.parametrize("line", [["init"], ["vault", "create"]], ids=["by its name", "in its area"])
def test_init_answers_with_the_operator_a_key_and_the_home(launch, passphrase_file, recovery_file, line):
    files = ["--passphrase-file", passphrase_file, "--recovery-file", str(recovery_file)]
    told = run(launch, *line, *files, "--json", session=None)
    assert (told.exit_code, told.stderr) == (0, "")
    assert json.loads(told.stdout) == {"operator_id": OPERATOR, "api_key": "stk_abcdef", "home": str(launch.directory)}


def test_the_first_key_is_an_agents(launch, passphrase_file, recovery_file):
    init(launch, passphrase_file, recovery_file)
    assert launch.asked(CreateKey) == [CreateKey(preset="agent")]
    assert launch.appliance.session.reveal() == SESSION


def test_the_recovery_code_is_in_a_private_file_and_nowhere_else(launch, passphrase_file, recovery_file):
    told = init(launch, passphrase_file, recovery_file)
    assert recovery_file.read_text() == f"{RECOVERY_CODE}\n"
    assert stat.S_IMODE(recovery_file.stat().st_mode) == 0o600
    assert RECOVERY_CODE not in told.output


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["for a person", "as JSON"])
def test_at_a_terminal_the_recovery_code_is_shown_beside_the_answer(launch, passphrase_file, flags):
    told = run(launch, "init", "--passphrase-file", passphrase_file, *flags, terminal=True, session=None)
    assert told.exit_code == 0
    assert RECOVERY_CODE in told.stderr
    assert RECOVERY_CODE not in told.stdout


def test_without_a_place_for_the_recovery_code_nothing_is_made(launch, passphrase_file):
    told = run(launch, "init", "--passphrase-file", passphrase_file, session=None)
    assert told.exit_code == 7
    assert "--recovery-file" in told.stderr
    assert launch.vault is False


def test_an_existing_recovery_file_is_kept_and_nothing_is_made(launch, passphrase_file, recovery_file):
    recovery_file.write_text("the code of another vault")
    told = init(launch, passphrase_file, recovery_file)
    assert told.exit_code == 3
    assert recovery_file.read_text() == "the code of another vault"
    assert launch.vault is False


def test_a_link_is_no_recovery_file(launch, passphrase_file, recovery_file, tmp_path):
    recovery_file.symlink_to(tmp_path / "elsewhere")
    assert init(launch, passphrase_file, recovery_file).exit_code == 3
    assert launch.vault is False


def test_a_recovery_file_that_cannot_be_made_stops_it(launch, passphrase_file, tmp_path):
    assert init(launch, passphrase_file, tmp_path / "no" / "such" / "directory").exit_code == 7
    assert launch.vault is False


def test_an_existing_vault_is_3_and_leaves_nothing_behind(launch, passphrase_file, recovery_file):
    launch.vault = True
    told = init(launch, passphrase_file, recovery_file, "--json")
    assert told.exit_code == 3
    assert json.loads(told.stdout)["error"]["code"] == "VAULT_EXISTS"
    assert not recovery_file.exists()


def test_a_refused_passphrase_leaves_no_recovery_file(launch, passphrase_file, recovery_file):
    def refuse(_home: Path, _passphrase: object) -> Created:
        raise InvalidRequest("the passphrase needs at least 12 characters", field="passphrase")

    launch.create = refuse
    assert init(launch, passphrase_file, recovery_file).exit_code == 7
    assert not recovery_file.exists()


def test_a_new_passphrase_is_asked_for_twice(launch, recovery_file):
    line = ["init", "--recovery-file", str(recovery_file)]
    typed = f"{PASSPHRASE}\nanother one\n{PASSPHRASE}\n{PASSPHRASE}\n"
    told = run(launch, *line, terminal=True, session=None, stdin=typed)
    assert told.exit_code == 0
    assert launch.passphrases[0].reveal() == PASSPHRASE
    assert PASSPHRASE not in told.output


def test_without_a_passphrase_in_a_pipe_it_is_4_and_nothing_is_made(launch, recovery_file):
    told = run(launch, "init", "--recovery-file", str(recovery_file), session=None, stdin=f"{PASSPHRASE}\n")
    assert told.exit_code == 4
    assert not recovery_file.exists()
    assert launch.vault is False


def test_a_live_process_without_a_vault_makes_it_itself(launch, passphrase_file, recovery_file):
    launch.is_live = True

    def make(request: CreateVault) -> Created:
        launch.state = "locked"
        return Created(operator_id=OPERATOR, recovery_code=SecretStr(RECOVERY_CODE), home="/home/of/it")

    launch.appliance.answer(CreateVault, make)
    told = init(launch, passphrase_file, recovery_file, "--json")
    assert json.loads(told.stdout)["home"] == "/home/of/it"
    assert recovery_file.read_text() == f"{RECOVERY_CODE}\n"
    assert launch.asked(CreateVault)[0].passphrase.get_secret_value() == PASSPHRASE


@pytest.mark.parametrize(
    ("option", "field"), [("--passphrase-file", "passphrase"), ("--recovery-code-file", "recovery_code")]
)
def test_unlock_opens_the_live_vault_and_shows_no_session(tmp_path, passphrase_file, option, field):
    launch = FakeLaunch(tmp_path, state="locked")
    told = run(launch, "unlock", option, passphrase_file, "--json", session=None)
    assert json.loads(told.stdout) == {"state": "unlocked"}
    assert SESSION not in told.output
    assert len(launch.asked(EndSession)) == 1
    (request,) = launch.asked(UnlockVault)
    assert getattr(request, field).get_secret_value() == PASSPHRASE


def test_unlock_asks_at_a_terminal(tmp_path):
    launch = FakeLaunch(tmp_path, state="locked")
    assert run(launch, "unlock", terminal=True, stdin=f"{PASSPHRASE}\n").exit_code == 0
    assert launch.asked(UnlockVault)[0].passphrase.get_secret_value() == PASSPHRASE


def test_unlock_in_a_pipe_without_a_file_is_4(tmp_path):
    launch = FakeLaunch(tmp_path, state="locked")
    assert run(launch, "unlock", stdin=f"{PASSPHRASE}\n").exit_code == 4
    assert launch.asked(UnlockVault) == []


def test_unlock_without_a_process_is_9(tmp_path, passphrase_file):
    launch = FakeLaunch(tmp_path, is_live=False)
    assert run(launch, "unlock", "--passphrase-file", passphrase_file).exit_code == 9
