"""`session code`: a client is let in by a code that is typed into its page."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from stack_local.domain.consents import WRONG_CODES
from stack_local.surfaces.cli.root import build
from stack_local.wire.access import GetAgentPermissions
from stack_local.wire.consents import (
    ConsentCode,
    ConsentRequests,
    CreateConsentCode,
    ListConsentRequests,
    ListConsents,
)
from stack_local.wire.services import Connections, ListConnections
from tests.conftest import PASSPHRASE, Running, decoded
from tests.contract.surfaces import LiveLaunch
from tests.oauth.flow import Login, answer_of
from tests.simulators.upstream import Upstream
from tests.surfaces.test_cli_launch import FakeLaunch
from tests.surfaces.test_cli_launch import run as launched
from tests.tui.world import NOW, consent_request


@pytest.fixture
async def login(appliance: Running) -> AsyncIterator[Login]:
    """A log-in whose page waits."""
    async with appliance.http() as http:
        made = Login(appliance, http)
        await made.register()
        await made.open()
        await made.press("ask")
        yield made


async def run(running: Running, folder: Path, *line: str) -> Result:
    """The command, without a terminal."""
    passphrase = folder / "passphrase"
    passphrase.touch(0o600)
    passphrase.write_text(PASSPHRASE)
    command = build(LiveLaunch(running.places.admin_socket), is_terminal=lambda: False)
    asked = ["session", "code", *line, "--passphrase-file", str(passphrase)]
    return await asyncio.to_thread(CliRunner().invoke, command, asked)


def tag_of(login: Login) -> str:
    return login.page.split('class="tag">')[1][:4]


async def test_a_code_lets_the_client_in_with_what_was_allowed(
    appliance: Running, login: Login, upstream: Upstream, tmp_path: Path
) -> None:
    connection = await appliance.connect(upstream)
    told = await run(appliance, tmp_path, tag_of(login), "--allow", "custom_demo=read", "--yes", "--json")
    assert told.exit_code == 0, told.output
    response = await login.press("code", code=json.loads(told.stdout)["code"].lower())
    assert response.status_code == 303
    tokens = await login.token(code=answer_of(await login.look())["code"])
    assert tokens.status_code == 200
    consent = (await appliance.person.call(ListConsents())).items[0]
    grants = (await appliance.person.call(GetAgentPermissions(agent_id=consent.agent_id))).items
    assert [(grant.service_connection_id, grant.scopes) for grant in grants] == [(connection.id, ["read"])]


@pytest.mark.parametrize(("typed", "is_let_in"), [("k7qx\n", True), ("\n", False), ("WRONG\n", False)])
def test_at_a_terminal_the_tag_is_typed_once_more_after_who_asks_was_shown(
    tmp_path: Path, typed: str, is_let_in: bool
) -> None:
    launch = FakeLaunch(tmp_path)
    launch.appliance.answer(ListConsentRequests, lambda _: ConsentRequests(items=[consent_request(1)]))
    launch.appliance.answer(ListConnections, lambda _: Connections(items=[]))
    launch.appliance.answer(CreateConsentCode, lambda asked: code_for(asked.request_id))
    told = launched(launch, "session", "code", "k7qx", terminal=True, stdin=typed)
    assert "Claude Code" in told.stderr
    assert "localhost:51234 (any program of this machine may listen there)" in " ".join(told.stderr.split())
    assert (told.exit_code == 0, bool(launch.asked(CreateConsentCode))) == (is_let_in, is_let_in)


def code_for(request_id: str) -> ConsentCode:
    return ConsentCode(code=SecretStr("BCDF2345"), request_id=request_id, expires_at=NOW)


async def test_five_wrong_codes_end_the_log_in_and_the_right_one_comes_too_late(
    appliance: Running, login: Login, tmp_path: Path
) -> None:
    told = await run(appliance, tmp_path, tag_of(login), "--yes", "--json")
    statuses = [(await login.press("code", code="BBBBBBBB")).status_code for _ in range(WRONG_CODES)]
    assert statuses == [200] * (WRONG_CODES - 1) + [403]
    late = await login.press("code", code=json.loads(told.stdout)["code"])
    assert late.status_code == 403
    assert answer_of(await login.look())["error"] == "access_denied"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["ZZZZ", "--yes"], "no log-in with this tag waits"),
        (["{tag}", "--yes", "--allow", "nothing=read"], "nothing is not one connection"),
        (["{tag}", "--yes", "--allow", "custom_demo=write"], "SERVICE=read or SERVICE=ask"),
        (["{tag}"], "asks at a terminal"),
    ],
)
async def test_what_cannot_be_is_refused_and_lets_nobody_in(
    appliance: Running, login: Login, tmp_path: Path, line: list[str], words: str
) -> None:
    told = await run(appliance, tmp_path, *(part.format(tag=tag_of(login)) for part in line))
    assert told.exit_code != 0
    assert words in told.stderr
    assert (await appliance.person.call(ListConsents())).items == []


async def test_a_code_that_is_never_typed_leaves_no_consent_behind(
    appliance: Running, login: Login, tmp_path: Path
) -> None:
    await run(appliance, tmp_path, tag_of(login), "--yes", "--json")
    appliance.system.advance(seconds=601)
    await appliance.appliance.authorization_server().sweep()
    assert (await appliance.person.call(ListConsents())).items == []
    response = await login.token(code="whatever")
    assert decoded(response)["error"] == "invalid_grant"
