"""`auth`: the command logs itself in by a code that a person types, keeps it in a private file, and logs out."""

import asyncio
import json
import re
import stat
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stack_local.domain.consents import REFRESH_IDLE_DAYS, REQUEST_MINUTES
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli.root import build
from stack_local.wire.consents import EnterDeviceCode, GiveConsent, ListConsents, RefuseConsent, RevokeConsent
from stack_local.wire.vault import CreateSession
from tests.conftest import PASSPHRASE, Running, decoded
from tests.contract.surfaces import LiveLaunch
from tests.oauth.flow import accepts
from tests.surfaces.test_cli_launch import FakeLaunch
from tests.surfaces.test_cli_launch import run as launched

MEMBERS = {"client_id", "refresh_token", "issued_at", "refresh_expires_at", "scope"}
"""Of the product's own file."""

Decide = Callable[[Running, str], Awaitable[object]]


async def give(running: Running, request_id: str) -> object:
    return await running.person.call(GiveConsent(request_id=request_id))


async def refuse(running: Running, request_id: str) -> object:
    return await running.person.call(RefuseConsent(request_id=request_id))


async def leave(running: Running, request_id: str) -> object:
    return None


async def take_back(running: Running, request_id: str) -> object:
    consent = await running.person.call(GiveConsent(request_id=request_id))
    return await running.person.call(RevokeConsent(consent_id=consent.id))


@dataclass
class Command:
    """The command line of one user, whose waiting takes no time; a person decides in the second pause."""

    running: Running
    folder: Path
    decide: Decide = give
    pauses: list[float] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / ".stack" / "credentials.json"

    def kept(self) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(self.file.read_text())
        return tree

    async def run(self, *line: str) -> Result:
        loop = asyncio.get_running_loop()

        async def pause(seconds: float) -> None:
            # The command has a loop of its own, in another thread; the person lives in the appliance's.
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._pass(seconds), loop))

        launch = LiveLaunch(self.running.places.admin_socket)
        command = build(launch, is_terminal=lambda: False, system=self.running.system, pause=pause)
        runner = CliRunner(env={"HOME": str(self.folder), "STACK_LOCAL_SESSION": None})
        told = await asyncio.to_thread(runner.invoke, command, ["auth", *line])
        assert "sk_refresh_" not in told.output
        return told

    async def _pass(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.running.system.advance(seconds)
        if len(self.pauses) == 2:
            waiting = await self.running.person.call(EnterDeviceCode(user_code=shown_code()))
            await self.decide(self.running, waiting.id)


def shown_code() -> str:
    """What the person reads: the runner has put a stream of its own in the place of stderr."""
    sys.stderr.flush()
    found = re.search(r"^code +([A-Z0-9]{4}-[A-Z0-9]{4})$", sys.stderr.buffer.getvalue().decode(), flags=re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def command(appliance: Running, tmp_path: Path) -> Command:
    folder = tmp_path / "user"
    folder.mkdir()
    return Command(appliance, folder)


async def tokens_of(running: Running, refresh_token: str) -> Any:
    form = {"grant_type": "refresh_token", "client_id": "stack-cli", "refresh_token": refresh_token}
    async with running.http() as http:
        return await http.post("/oauth/token", data=form)


async def test_a_log_in_is_kept_in_a_private_file_of_the_products_form(appliance: Running, command: Command) -> None:
    told = await command.run("login", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["client_id"] == "stack-cli"
    kept = command.kept()
    assert set(kept) == MEMBERS
    assert stat.S_IMODE(command.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(command.file.parent.stat().st_mode) == 0o700
    tokens = decoded(await tokens_of(appliance, kept["refresh_token"]))
    assert await accepts(appliance, tokens["access_token"])
    assert kept["scope"] == tokens["scope"]


async def test_it_asks_at_the_interval_until_somebody_has_decided(command: Command) -> None:
    assert (await command.run("login")).exit_code == 0
    assert command.pauses == [2, 2]


async def test_it_says_where_the_code_is_typed(command: Command) -> None:
    said = " ".join((await command.run("login")).stderr.split())
    assert "screen 6, Clients, key c" in said
    assert "stack-local consents enter-device-code" in said


async def test_it_asks_for_the_scopes_that_are_named(command: Command) -> None:
    assert (await command.run("login", "--scope", "audit:read")).exit_code == 0
    assert command.kept()["scope"] == "audit:read"


@pytest.mark.parametrize(
    ("decide", "status", "code"),
    [(refuse, 5, "LOG_IN_REFUSED"), (leave, 4, "LOG_IN_EXPIRED"), (take_back, 4, "LOG_IN_OVER")],
    ids=["refused", "nobody decides", "given and taken back"],
)
async def test_a_log_in_that_comes_to_nothing_says_why_and_keeps_nothing(
    command: Command, decide: Decide, status: int, code: str
) -> None:
    command.decide = decide
    told = await command.run("login", "--json")
    assert (told.exit_code, json.loads(told.stdout)["error"]["code"]) == (status, code)
    assert not command.file.exists()
    assert sum(command.pauses) <= REQUEST_MINUTES * 60


async def test_a_scope_that_is_not_the_agents_is_refused_before_anybody_is_asked(command: Command) -> None:
    told = await command.run("login", "--scope", "clients:decide")
    assert (told.exit_code, command.pauses) == (7, [])


async def test_a_second_log_in_is_refused_while_the_first_is_good(command: Command) -> None:
    await command.run("login")
    first = command.file.read_bytes()
    told = await command.run("login")
    assert (told.exit_code, command.file.read_bytes()) == (3, first)


async def begin_again(running: Running) -> None:
    """The person's session is over too."""
    running.person.hold_session(None)
    session = await running.person.call(CreateSession(passphrase=PASSPHRASE))
    running.person.hold_session(Secret(session.session.get_secret_value()))


async def test_a_log_in_that_is_over_makes_room_for_the_next(appliance: Running, command: Command) -> None:
    await command.run("login")
    appliance.system.advance(REFRESH_IDLE_DAYS * 86_400)
    assert (await command.run("status")).exit_code == 4
    await begin_again(appliance)
    command.pauses.clear()
    first = command.kept()
    assert (await command.run("login")).exit_code == 0
    assert command.kept()["refresh_token"] != first["refresh_token"]


async def test_status_says_who_for_what_and_until_when_without_asking_anybody(command: Command) -> None:
    await command.run("login")
    kept = command.kept()
    told = json.loads((await command.run("status", "--json", "--url", "http://127.0.0.1:9")).stdout)
    assert told["logged_in"] is True
    assert (told["client_id"], told["scope"], told["works"]) == ("stack-cli", kept["scope"], None)
    assert told["refresh_expires_at"][:19] == kept["refresh_expires_at"][:19]
    assert command.kept() == kept


async def test_a_check_uses_the_refresh_token_and_keeps_the_next(appliance: Running, command: Command) -> None:
    await command.run("login")
    first = command.kept()
    appliance.system.advance(86_400)
    told = await command.run("status", "--check", "--json")
    assert json.loads(told.stdout)["works"] is True
    second = command.kept()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_expires_at"] > first["refresh_expires_at"]
    assert stat.S_IMODE(command.file.stat().st_mode) == 0o600
    assert (await tokens_of(appliance, second["refresh_token"])).status_code == 200


async def test_a_check_of_a_revoked_log_in_says_so_and_keeps_the_file(appliance: Running, command: Command) -> None:
    await command.run("login")
    (consent,) = (await appliance.person.call(ListConsents())).items
    await appliance.person.call(RevokeConsent(consent_id=consent.id))
    told = await command.run("status", "--check", "--json")
    assert (told.exit_code, json.loads(told.stdout)["error"]["code"]) == (4, "LOG_IN_OVER")
    assert command.file.exists()


async def test_a_log_in_ends_no_later_than_its_consent(appliance: Running, command: Command) -> None:
    await command.run("login")
    (consent,) = (await appliance.person.call(ListConsents())).items
    for _ in range(6):
        appliance.system.advance(29 * 86_400)
        assert (await command.run("status", "--check")).exit_code == 0
    assert command.kept()["refresh_expires_at"][:19] == consent.ends_at.isoformat()[:19]


async def test_log_out_revokes_and_removes_the_file(appliance: Running, command: Command) -> None:
    await command.run("login")
    kept = command.kept()
    told = await command.run("logout", "--json")
    assert (told.exit_code, json.loads(told.stdout)["revoked"]) == (0, True)
    assert not command.file.exists()
    assert (await appliance.person.call(ListConsents())).items == []
    assert (await tokens_of(appliance, kept["refresh_token"])).status_code == 400
    assert (await command.run("logout")).exit_code == 6


async def test_log_out_removes_the_file_also_when_nobody_answers_and_says_so(command: Command) -> None:
    await command.run("login")
    told = await command.run("logout", "--json", "--url", "http://127.0.0.1:9")
    assert told.exit_code == 0
    said = json.loads(told.stdout)
    assert (said["revoked"], said["why"]) == (False, "no appliance answers")
    assert "not revoked" in told.stderr
    assert not command.file.exists()


async def test_the_appliance_may_be_named(appliance: Running, command: Command) -> None:
    assert (await command.run("login", "--url", appliance.base_url)).exit_code == 0


async def test_the_file_may_be_named(command: Command, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "login.json"
    assert (await command.run("login", "--file", str(place))).exit_code == 0
    assert (place.exists(), command.file.exists()) == (True, False)
    assert (await command.run("status", "--file", str(place))).exit_code == 0


@pytest.mark.parametrize("line", [["login"], ["status", "--check"]], ids=" ".join)
def test_no_port_is_guessed_where_no_appliance_runs(tmp_path: Path, line: list[str]) -> None:
    """Somebody else may listen on the port of the settings."""
    place = tmp_path / "login.json"
    if line[0] == "status":
        place.write_text(json.dumps(LOG_IN))
    launch = FakeLaunch(tmp_path, is_live=False)
    told = launched(launch, "auth", *line, "--file", str(place))
    assert (told.exit_code, "no appliance runs" in told.stderr) == (9, True)


LOG_IN = {
    "client_id": "stack-cli",
    "refresh_token": "sk_refresh_x",
    "issued_at": "2026-01-01T00:00:00Z",
    "refresh_expires_at": "2999-01-01T00:00:00Z",
    "scope": "proxy:read",
}


@pytest.mark.parametrize("url", ["http://example.com:7822", "https://127.0.0.1:7822", "http://localhost:7822"])
async def test_only_an_address_of_this_machine_is_asked(command: Command, url: str) -> None:
    assert (await command.run("login", "--url", url)).exit_code == 7


@pytest.mark.parametrize("line", [["status"], ["logout"]], ids=" ".join)
async def test_without_a_log_in_there_is_nothing_to_show_or_end(command: Command, line: list[str]) -> None:
    told = await command.run(*line, "--json")
    assert (told.exit_code, json.loads(told.stdout)["error"]["code"]) == (6, "NOT_LOGGED_IN")
