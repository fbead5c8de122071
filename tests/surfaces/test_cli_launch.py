"""What `stack-local` starts, and the simulated launch that the other tests of the command run over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from stack_local.domain.errors import Conflict, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli import DoctorLine, build
from stack_local.wire.vault import (
    Created,
    CreateSession,
    EndSession,
    GetHealth,
    Health,
    OperatorSession,
    UnlockVault,
    VaultState,
)
from tests.simulators.client import FakeClient

PASSPHRASE = "correct horse battery staple"
SESSION = "ses-token-of-the-simulated-appliance"
RECOVERY_CODE = "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ-0000"
OPERATOR = "op_0123456789ABCDEFGHIJKL"
LATER = datetime(2030, 1, 1, tzinfo=UTC)


class FakeLaunch:
    """One appliance that is what its fields say; it notes what it was asked to start."""

    def __init__(self, directory: Path, *, state: str = "unlocked", is_live: bool = True, vault: bool = True) -> None:
        self.directory = directory
        self.state = state
        self.is_live = is_live
        self.vault = vault
        self.appliance = FakeClient()
        self.appliance.answer(GetHealth, lambda _: Health(ok=True, state=self.state, version="0"))
        self.appliance.answer(CreateSession, self._open)
        self.appliance.answer(UnlockVault, self._open)
        self.appliance.answer(EndSession, lambda _: VaultState(state=self.state))
        self.homes: list[str | None] = []
        self.started: list[tuple[str, dict]] = []
        self.passphrases: list[Secret | None] = []
        self.lines = [DoctorLine("ok", "the vault opens")]

    def _open(self, request: CreateSession | UnlockVault) -> OperatorSession:
        self.state = "unlocked"
        return OperatorSession(session=SecretStr(SESSION), expires_at=LATER)

    def asked(self, kind: type) -> list:
        """The requests of one class that arrived."""
        return [request for request in self.appliance.asked if isinstance(request, kind)]

    def home(self, option: str | None) -> Path:
        self.homes.append(option)
        return Path(option) if option else self.directory

    def has_vault(self, home: Path) -> bool:
        return self.vault

    def running_socket(self, home: Path) -> Path | None:
        return home / "admin.sock" if self.is_live else None

    def create(self, home: Path, passphrase: Secret) -> Created:
        if self.vault:
            raise Conflict("there is a vault already", code="VAULT_EXISTS")
        self.vault, self.state = True, "sealed"
        self.passphrases.append(passphrase)
        return Created(operator_id=OPERATOR, recovery_code=SecretStr(RECOVERY_CODE), home=str(home))

    @asynccontextmanager
    async def client(self, home: Path, passphrase: Secret | None) -> AsyncIterator[FakeClient]:
        if not self.is_live and passphrase is None:
            raise Unavailable("no appliance answers", code="NOT_RUNNING", hint="start it with `stack-local`")
        self.passphrases.append(passphrase)
        yield self.appliance

    def serve(self, home: Path, **asked: object) -> int:
        self.started.append(("serve", {"home": home, **asked}))
        return 0

    def terminal(self, home: Path, **asked: object) -> int:
        self.started.append(("terminal", {"home": home, **asked}))
        return 0

    def demo(self, *, yes: bool) -> int:
        self.started.append(("demo", {"yes": yes}))
        return 0

    def self_test(self) -> int:
        return 1

    def doctor(self, home: Path) -> list[DoctorLine]:
        return self.lines


def command(launch: FakeLaunch, *, terminal: bool = False) -> click.Group:
    """The command over a simulated launch."""
    return build(launch, is_terminal=lambda: terminal)


def run(
    launch: FakeLaunch, *args: str, terminal: bool = False, stdin: str | bytes = "", session: str | None = SESSION
) -> Result:
    """One command line; authenticated by STACK_LOCAL_SESSION unless `session` is None."""
    environment = {"STACK_LOCAL_SESSION": session}
    return CliRunner(env=environment).invoke(
        command(launch, terminal=terminal), list(args), input=stdin, catch_exceptions=False
    )


@pytest.fixture
def launch(tmp_path: Path) -> FakeLaunch:
    return FakeLaunch(tmp_path)


@pytest.fixture
def passphrase_file(tmp_path: Path) -> str:
    file = tmp_path / "passphrase"
    file.touch(0o600)
    file.write_text(f"{PASSPHRASE}\n")
    return str(file)


def test_alone_at_a_terminal_it_starts_the_screen(launch):
    assert run(launch, terminal=True).exit_code == 0
    assert launch.started == [("terminal", {"home": launch.directory, "attach": None, "host": None, "port": None})]


def test_alone_without_a_terminal_it_serves(launch):
    assert run(launch).exit_code == 0
    assert [kind for kind, _ in launch.started] == ["serve"]


def test_alone_without_a_terminal_and_a_vault_it_points_to_init(tmp_path):
    launch = FakeLaunch(tmp_path, vault=False)
    told = run(launch)
    assert told.exit_code == 6
    assert "stack-local init" in told.stderr
    assert launch.started == []


def test_serve_hands_over_what_was_given(launch, passphrase_file, tmp_path):
    ready = tmp_path / "ready.json"
    given = ["--host", "127.0.0.2", "--port", "0", "--passphrase-file", passphrase_file, "--ready-file", str(ready)]
    assert run(launch, "serve", *given).exit_code == 0
    ((_, asked),) = launch.started
    assert asked == {
        "home": launch.directory,
        "host": "127.0.0.2",
        "port": 0,
        "passphrase": Secret(PASSPHRASE),
        "ready_file": ready,
    }


def test_serve_asks_for_no_passphrase_and_starts_sealed(launch):
    assert run(launch, "serve", terminal=True).exit_code == 0
    assert launch.started[0][1]["passphrase"] is None


def test_a_port_that_cannot_be_is_a_usage_error(launch):
    assert run(launch, "serve", "--port", "65536").exit_code == 2
    assert launch.started == []


def test_the_screen_attaches_to_the_socket_that_is_named(launch, tmp_path):
    assert run(launch, "tui", "--attach", str(tmp_path / "other.sock"), terminal=True).exit_code == 0
    assert launch.started[0][1]["attach"] == tmp_path / "other.sock"


def test_the_screen_is_refused_without_a_terminal(launch):
    told = run(launch, "tui")
    assert told.exit_code == 2
    assert "serve" in told.stderr
    assert launch.started == []


def test_the_demo_runs_without_questions_when_told_so(launch):
    assert run(launch, "demo", "--yes").exit_code == 0
    assert launch.started == [("demo", {"yes": True})]


def test_a_failed_self_test_is_the_exit_status(launch):
    assert run(launch, "self-test").exit_code == 1


@pytest.mark.parametrize(
    "line",
    [("--home", "/there", "doctor"), ("doctor", "--home", "/there"), ("vault", "--home", "/there", "get-health")],
    ids=["before the command", "after the command", "on an area"],
)
def test_the_home_may_be_named_anywhere(launch, line):
    run(launch, *line)
    assert "/there" in launch.homes


def test_doctor_says_what_is_well(launch):
    told = run(launch, "doctor")
    assert (told.exit_code, told.stdout) == (0, "ok    the vault opens\n")


def test_doctor_fails_when_a_line_fails(launch):
    launch.lines = [DoctorLine("warn", "agents may run as you", hint="use another user"), DoctorLine("fail", "no disk")]
    told = run(launch, "doctor")
    assert told.exit_code == 1
    assert told.stdout.splitlines() == ["warn  agents may run as you", "      hint: use another user", "fail  no disk"]
