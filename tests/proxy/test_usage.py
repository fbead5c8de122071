"""Usage: counted by the minute and by the month, agent by agent, and read back from the vault after a restart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local.domain.secrets import Secret
from stack_local.domain.terms import Allowance, Period
from stack_local.proxy.usage import Usage, minute_of, month_after, month_of
from stack_local.store import proxy as store
from stack_local.store.database import Database
from stack_local.wire.access import GrantAgentAccess, SetAgentAllowance
from stack_local.wire.agents import ListAgents
from stack_local.wire.vault import UnlockVault
from tests.conftest import PASSPHRASE, Running, begin, decoded, served
from tests.proxy.test_pipeline import staged
from tests.simulators.failpoints import disk_error
from tests.simulators.upstream import Upstream
from tests.store.test_proxy import call

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
NOBODY = Allowance()
PAIR, SAME_AGENT, SAME_SERVICE = ("agt_1", "scon_1"), ("agt_1", "scon_2"), ("agt_2", "scon_1")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty vault database."""
    database = Database(tmp_path / "vault.db", "42" * 32, after_commit=lambda tx: None)
    yield database
    await asyncio.to_thread(database.close)


class Meter:
    """A usage and the vault it counts in, as the pipeline uses both."""

    def __init__(self, database: Database) -> None:
        self.usage = Usage()
        self._database = database
        self._count = 0

    async def make(self, now: datetime, *pairs: tuple[str, str]) -> None:
        """Let calls out."""
        for agent_id, connection_id in pairs or (PAIR,):
            self._count += 1
            row = call(str(self._count), at=now, agent_id=agent_id, connection_id=connection_id)

            def work(tx: Any, row: store.OperationRow = row) -> None:
                store.insert(tx, row)
                self.usage.add((row.agent_id, row.connection_id), now)

            await self._database.write(work)

    async def spent(
        self,
        now: datetime,
        *,
        agent: Allowance = NOBODY,
        grant: Allowance = NOBODY,
        pair: tuple[str, str] = PAIR,
        reading: bool = False,
    ) -> list[tuple[str, Period, int]]:
        """What is used up, asked by the writer or by a reader: whose, over what, and the seconds until it is not."""
        asked = self._database.read if reading else self._database.write
        found = await asked(lambda tx: self.usage.spent(tx, now, pair, agent=agent, grant=grant))
        return [(one.whose, one.period, one.retry_after_seconds) for one in found]


@pytest.fixture
def meter(database: Database) -> Meter:
    return Meter(database)


MONTHS: list[tuple[str, datetime, datetime]] = [
    ("within", NOW, datetime(2026, 12, 1, tzinfo=UTC)),
    ("the last of December", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ("the first of January", datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
    ("the last of a long January", datetime(2027, 1, 31, 9, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
    ("a leap day", datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("now", "after"), [case[1:] for case in MONTHS], ids=[case[0] for case in MONTHS])
def test_a_month_is_the_calendars_and_a_minute_the_clocks(now: datetime, after: datetime) -> None:
    assert month_after(now) == after
    assert month_of(now) <= now < after
    assert month_of(after) == after
    assert minute_of(now) <= now < minute_of(now) + timedelta(minutes=1)
    assert (month_of(now).day, minute_of(now).second) == (1, 0)


async def test_the_call_behind_the_last_allowed_one_is_too_many_until_the_minute_is_over(meter: Meter) -> None:
    two = Allowance(per_minute=2)
    await meter.make(NOW)
    assert await meter.spent(NOW, grant=two) == []
    await meter.make(NOW + timedelta(seconds=29))
    assert await meter.spent(NOW + timedelta(seconds=29), grant=two) == [("grant", Period.MINUTE, 1)]
    assert await meter.spent(NOW + timedelta(seconds=29, milliseconds=999), grant=two) == [("grant", Period.MINUTE, 1)]
    assert await meter.spent(NOW + timedelta(seconds=30), grant=two) == []
    await meter.make(NOW + timedelta(seconds=30))
    assert await meter.spent(NOW + timedelta(seconds=30), grant=two) == []


async def test_a_month_begins_anew_at_midnight_utc(meter: Meter) -> None:
    last = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    once = Allowance(per_month=1)
    await meter.make(last)
    assert await meter.spent(last, grant=once) == [("grant", Period.MONTH, 1)]
    assert await meter.spent(last + timedelta(seconds=1), grant=once) == []
    await meter.make(last + timedelta(seconds=1))
    assert await meter.spent(last + timedelta(seconds=1), grant=once) == [("grant", Period.MONTH, 31 * 24 * 3600)]


async def test_nothing_allowed_is_nothing_at_all(meter: Meter) -> None:
    assert await meter.spent(NOW, grant=Allowance(0, 0)) == [
        ("grant", Period.MONTH, 8 * 24 * 3600 + 11 * 3600 + 59 * 60 + 30),
        ("grant", Period.MINUTE, 30),
    ]


async def test_a_grant_counts_its_own_calls_and_an_agent_all_of_its_own(meter: Meter) -> None:
    await meter.make(NOW, PAIR, SAME_AGENT, SAME_SERVICE)
    for allowance, period in ((Allowance(per_minute=2), Period.MINUTE), (Allowance(per_month=2), Period.MONTH)):
        assert await meter.spent(NOW, grant=allowance) == []
        assert [found[:2] for found in await meter.spent(NOW, agent=allowance)] == [("agent", period)]
        assert await meter.spent(NOW, agent=allowance, pair=SAME_SERVICE) == []


async def test_what_lasts_longest_is_said_first(meter: Meter) -> None:
    await meter.make(NOW)
    found = await meter.spent(NOW, agent=Allowance(1, 1), grant=Allowance(1, None))
    assert [one[:2] for one in found] == [("agent", Period.MONTH), ("agent", Period.MINUTE), ("grant", Period.MINUTE)]


async def test_without_an_allowance_nothing_is_used_up_and_the_calls_still_count(meter: Meter) -> None:
    await meter.make(NOW, *[PAIR] * 5)
    assert await meter.spent(NOW) == []
    assert [one[1] for one in await meter.spent(NOW, grant=Allowance(5, 5))] == [Period.MONTH, Period.MINUTE]


async def test_a_fresh_start_reads_the_month_from_the_vault_and_begins_its_minute(
    meter: Meter, database: Database
) -> None:
    await meter.make(NOW - timedelta(days=30))
    await meter.make(NOW, *[PAIR] * 3)
    started = Meter(database)
    assert [one[1] for one in await started.spent(NOW, grant=Allowance(3, 3))] == [Period.MONTH]
    assert await started.spent(NOW, grant=Allowance(3, 4)) == []


async def test_a_clock_that_is_set_back_opens_no_month_a_second_time(meter: Meter) -> None:
    once, later = Allowance(per_month=1), NOW + timedelta(days=30)
    await meter.make(NOW)
    assert await meter.spent(later, grant=once) == []
    assert [one[1] for one in await meter.spent(NOW, grant=once)] == [Period.MONTH]


async def test_whoever_only_looks_takes_no_call_from_the_count(meter: Meter, database: Database) -> None:
    """A reader sees the vault as it was: what it counts must not stand for what the writer has let out since."""
    begun, looked = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def let_out(tx: Any) -> None:
        store.insert(tx, call("1", at=NOW))
        meter.usage.add(PAIR, NOW)
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(looked.wait(), loop).result(10)

    writing = asyncio.ensure_future(database.write(let_out))
    await begun.wait()
    assert await meter.spent(NOW, grant=Allowance(per_month=1), reading=True) == []
    looked.set()
    await writing
    for reading in (False, True):
        found = await meter.spent(NOW, grant=Allowance(per_month=1), reading=reading)
        assert [one[1] for one in found] == [Period.MONTH]


# through the door


async def read(http: httpx.AsyncClient, upstream: Upstream) -> httpx.Response:
    return await http.post("/v1/proxy/read", json={"service": "custom_demo", "url": f"{upstream.base_url}/things"})


async def test_over_rest_too_many_is_429_and_says_when_to_come_back(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    await appliance.person.call(SetAgentAllowance(agent_id=agent.id, calls_per_minute=2))
    appliance.system.advance(60 - appliance.system.now().second + 15)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        statuses = [(await read(http, upstream)).status_code for _ in range(2)]
        refused = await read(http, upstream)
        details = decoded(refused)["error"]["details"]
        appliance.system.advance(int(refused.headers["retry-after"]))
        statuses.append((await read(http, upstream)).status_code)
    assert statuses == [200, 200, 200]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "45")
    assert (details["rule"], details["field"], details["limit"]) == ("allowance", "service", 2)
    assert len(upstream.requests) == 3


async def test_a_call_whose_record_could_not_be_written_uses_nothing_up(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(tmp_path, upstream, monkeypatch) as stage:
        (agent,) = (await stage.running.person.call(ListAgents())).items
        await stage.running.person.call(SetAgentAllowance(agent_id=agent.id, calls_per_month=1))
        call = {"service": "custom_demo", "url": f"{upstream.base_url}/things"}
        for _ in range(2):
            stage.faults.once("decide.commit", disk_error)
            assert await stage.make(call) == (503, "AUDIT_UNAVAILABLE")
        assert await stage.make(call) == (200, None)
        assert await stage.make(call) == (429, "TOO_MANY_REQUESTS")


async def test_a_restart_gives_no_second_month(tmp_path: Path, upstream: Upstream) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        connection = await running.connect(upstream)
        agent = await running.agent("helper")
        grant = GrantAgentAccess(
            agent_id=agent.id, service_connection_id=connection.id, scopes=["read"], terms={"calls_per_month": 1}
        )
        await running.person.call(grant)
        key = await running.key(agent_id=agent.id)
        async with running.http(key) as http:
            assert (await read(http, upstream)).status_code == 200
    async with served(tmp_path / "home", tmp_path / "state", system=running.system) as again:
        session = await again.person.call(UnlockVault(passphrase=PASSPHRASE))
        again.person.hold_session(Secret(session.session.get_secret_value()))
        async with again.http(key) as http:
            refused = await read(http, upstream)
            ahead = int(refused.headers["retry-after"])
            assert (refused.status_code, ahead > 24 * 3600) == (429, True)
            again.system.advance(ahead)
            assert (await read(http, upstream)).status_code == 200
    assert len(upstream.requests) == 2
