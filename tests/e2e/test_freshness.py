"""A vault that is older than its anchor, or whose files were tampered with: noticed, read-only, and said."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import StackError, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import Agent, ListAgents, RegisterAgent
from stack_local.wire.audit import ListAudit, VerifyAuditChain
from stack_local.wire.passports import IssuedPassport, IssuePassport, ListActivePassports, RevokePassport
from stack_local.wire.services import Connection
from stack_local.wire.vault import GetStatus, UnlockVault
from tests.conftest import PASSPHRASE, Running, begin, decoded, served
from tests.simulators.clock import TestSystem
from tests.simulators.upstream import Upstream

INTENT = {"summary": "freshness test"}
DATABASE = ("vault.db", "vault.db-wal", "vault.db-shm")


@dataclass
class Home:
    """One home through its restarts."""

    root: Path
    upstream: Upstream
    system: TestSystem
    agent: Agent
    key: str
    connection: Connection
    older: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def anchor(self) -> Path:
        return next((self.root / "state").glob("*.anchor"))

    @property
    def read(self) -> dict[str, Any]:
        return {"service": "custom_demo", "url": f"{self.upstream.base_url}/things"}

    @asynccontextmanager
    async def reopened(self) -> AsyncIterator[Running]:
        """Start again and unlock."""
        async with served(self.home, self.root / "state", system=self.system) as running:
            session = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
            running.person.hold_session(Secret(session.session.get_secret_value()))
            yield running

    async def code(self, running: Running) -> tuple[int, str | None]:
        """Status and code of the agent's read."""
        async with running.http(self.key) as http:
            answer = await http.post("/v1/proxy", json=self.read)
        return answer.status_code, decoded(answer).get("error", {}).get("code")

    def keep(self) -> None:
        """Copy the database aside."""
        self.older.mkdir()
        for name in DATABASE:
            if (self.home / name).exists():
                shutil.copy2(self.home / name, self.older / name)

    def put_back(self) -> None:
        """Put the copy in the place of what is there."""
        for name in DATABASE:
            (self.home / name).unlink(missing_ok=True)
        shutil.copytree(self.older, self.home, dirs_exist_ok=True)


@pytest.fixture
async def home(tmp_path: Path, upstream: Upstream) -> Home:
    """A stopped home: an older copy of its vault was kept, then a passport was revoked."""
    system = TestSystem()
    async with served(tmp_path / "home", tmp_path / "state", system=system) as running:
        await begin(running)
        connection = await running.connect(upstream)
        agent = await running.agent("helper", connection)
        key = await running.key(agent_id=agent.id)
    built = Home(tmp_path, upstream, system, agent, key, connection, tmp_path / "older")
    built.keep()
    async with built.reopened() as running:
        assert await built.code(running) == (200, None)
        issued = await running.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
        await running.person.call(RevokePassport(jti=issued.jti))
    upstream.requests.clear()
    return built


async def test_a_home_that_nobody_touched_opens_without_an_alarm(home: Home) -> None:
    async with home.reopened() as running:
        assert (await running.person.call(GetStatus())).alarm is None
        assert await home.code(running) == (200, None)


def _cut_the_anchor(home: Home) -> None:
    home.anchor.write_bytes(home.anchor.read_bytes()[:20])


def _raise_the_anchor(home: Home) -> None:
    home.anchor.write_bytes(home.anchor.read_bytes().replace(b'"sequence":', b'"sequence":1'))


TAMPERINGS: dict[str, Callable[[Home], None]] = {
    "an older vault put back": lambda home: home.put_back(),
    "the anchor deleted": lambda home: home.anchor.unlink(),
    "the anchor cut": _cut_the_anchor,
    "the anchor edited": _raise_the_anchor,
    "the anchor emptied": lambda home: home.anchor.write_bytes(b""),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_it_opens_read_only_with_an_alarm(name: str, home: Home) -> None:
    TAMPERINGS[name](home)
    async with home.reopened() as running:
        status = await running.person.call(GetStatus())
        assert status.alarm is not None
        assert await home.code(running) == (503, "UNAVAILABLE")
        assert home.upstream.requests == []
        assert (await running.person.call(ListAgents())).items[0].id == home.agent.id
        assert (await running.person.call(ListAudit())).entries
        assert (await running.person.call(VerifyAuditChain())).ok


async def _register(running: Running, home: Home) -> object:
    return await running.person.call(RegisterAgent(name="another"))


async def _grant(running: Running, home: Home) -> object:
    asked = GrantAgentAccess(agent_id=home.agent.id, service_connection_id=home.connection.id, scopes=["read"])
    return await running.person.call(asked)


async def _issue(running: Running, home: Home) -> IssuedPassport:
    return await running.person.call(IssuePassport(agent_id=home.agent.id, intent=INTENT))


@pytest.mark.parametrize("change", [_register, _grant, _issue])
async def test_nothing_is_changed_in_a_vault_that_is_older_than_its_anchor(change: Any, home: Home) -> None:
    home.put_back()
    async with home.reopened() as running:
        with pytest.raises(StackError) as refused:
            await change(running, home)
        assert isinstance(refused.value, Unavailable)
        assert "hint" in refused.value.details


async def test_the_alarm_stays_through_a_restart(home: Home) -> None:
    home.put_back()
    for _ in range(2):
        async with home.reopened() as running:
            assert (await running.person.call(GetStatus())).alarm is not None
            assert await home.code(running) == (503, "UNAVAILABLE")


async def test_a_write_ahead_log_that_was_deleted_is_noticed(tmp_path: Path, upstream: Upstream) -> None:
    """What a kill leaves is in the log alone; the copy is taken while the process runs, as after a kill."""
    system = TestSystem()
    async with served(tmp_path / "home", tmp_path / "state", system=system) as running:
        await begin(running)
        agent = await running.agent("helper")
        issued = await running.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
        await running.person.call(RevokePassport(jti=issued.jti))
        shutil.copytree(tmp_path / "home", tmp_path / "killed", ignore=shutil.ignore_patterns("*.sock"))
        anchor = next((tmp_path / "state").glob("*.anchor")).read_bytes()
    shutil.rmtree(tmp_path / "home")
    shutil.copytree(tmp_path / "killed", tmp_path / "home")
    next((tmp_path / "state").glob("*.anchor")).write_bytes(anchor)
    (tmp_path / "home" / "vault.db-wal").unlink()
    async with served(tmp_path / "home", tmp_path / "state", system=system) as running:
        assert await _noticed(running) in ("VAULT_DAMAGED", "alarm")


async def _noticed(running: Running) -> str | None:
    """How a damaged or older vault makes itself known at unlocking."""
    try:
        await running.person.call(UnlockVault(passphrase=PASSPHRASE))
    except Unavailable as refused:
        return refused.code
    return "alarm" if (await running.person.call(GetStatus())).alarm else None


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 400])
async def test_a_database_that_is_none_is_refused_and_the_process_serves_on(content: bytes, home: Home) -> None:
    for name in DATABASE:
        (home.home / name).unlink(missing_ok=True)
    (home.home / "vault.db").write_bytes(content)
    async with served(home.home, home.root / "state", system=home.system) as running:
        for _ in range(2):
            with pytest.raises(Unavailable) as refused:
                await running.person.call(UnlockVault(passphrase=PASSPHRASE))
            assert refused.value.code == "VAULT_DAMAGED"
            assert "hint" in refused.value.details
        assert (await running.person.call(GetStatus())).state == "sealed"


@pytest.mark.parametrize("page", [1, 2, 5])
async def test_a_flipped_bit_in_the_database_is_a_clear_refusal(page: int, home: Home) -> None:
    """Each page carries its own authentication code: whatever needs the page is refused, and not as our defect."""
    database = home.home / "vault.db"
    content = bytearray(database.read_bytes())
    content[page * 4096 + 100] ^= 1
    database.write_bytes(content)
    async with served(home.home, home.root / "state", system=home.system) as running:
        codes = await _codes_of_looking_around(home, running)
    assert codes
    assert not codes & {"BROKEN", "NOT_RUNNING"}


async def _codes_of_looking_around(home: Home, running: Running) -> set[str]:
    """The codes of every refusal on the way from unlocking to the agent's call."""
    try:
        session = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
    except StackError as refused:
        return {refused.code}
    running.person.hold_session(Secret(session.session.get_secret_value()))
    codes = {(await home.code(running))[1]}
    for look in (VerifyAuditChain(), ListAgents(), ListAudit(limit=100), ListActivePassports()):
        try:
            await running.person.call(look)
        except StackError as refused:
            codes.add(refused.code)
    return {code for code in codes if code is not None}
