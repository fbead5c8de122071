"""Operations: an outcome is written once, what has none is found, and old bytes are forgotten while rows stay."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from stack_local.domain.detection import PastCall
from stack_local.domain.errors import NotFound
from stack_local.store import proxy
from stack_local.store.database import Database, Tx
from stack_local.store.proxy import OperationRow
from stack_local.system import milliseconds
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()


def call(name: str, *, at: datetime = NOW, agent_id: str = "agt_1", digest: str = "same") -> OperationRow:
    return OperationRow(
        id=f"opn_{name}",
        agent_id=agent_id,
        passport_jti="ppt_1",
        asked_by="passport:ppt_1",
        connection_id="scon_1",
        approval_id=None,
        digest=digest,
        is_write=True,
        trace_id="trace",
        subject="POST api.example/things",
        state=proxy.DISPATCHING,
        created_at=at,
        sealed_call=b"\x00call",
    )


async def kept(database: Database, *rows: OperationRow) -> None:
    for row in rows:
        await database.write(partial(proxy.insert, row=row))


async def test_a_call_is_read_as_it_was_kept(database: Database) -> None:
    await kept(database, call("1"))
    assert await database.read(lambda tx: proxy.get(tx, "opn_1")) == call("1")


async def test_a_call_that_is_not_there_is_said_to_be_missing(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.read(lambda tx: proxy.get(tx, "opn_1"))


async def test_an_outcome_is_written_once_and_the_first_one_stands(database: Database) -> None:
    await kept(database, call("1"))
    later = NOW + timedelta(seconds=2)
    await database.write(
        lambda tx: proxy.finish(tx, "opn_1", state=proxy.RECEIVED, at=later, sealed_response=b"answer")
    )
    await database.write(
        lambda tx: proxy.finish(tx, "opn_1", state=proxy.UNKNOWN, at=NOW + timedelta(hours=1), error_code="CRASHED")
    )
    finished = replace(call("1"), state=proxy.RECEIVED, finished_at=later, sealed_response=b"answer")
    assert await database.read(lambda tx: proxy.get(tx, "opn_1")) == finished


async def test_a_call_that_was_never_let_out_has_no_outcome(database: Database) -> None:
    await database.write(lambda tx: proxy.finish(tx, "opn_1", state=proxy.FAILED, at=NOW))
    with pytest.raises(NotFound):
        await database.read(lambda tx: proxy.get(tx, "opn_1"))


async def test_calls_that_end_together_each_keep_their_own_outcome(database: Database) -> None:
    await kept(database, *(call(str(n)) for n in range(40)))

    def finish_all(tx: Tx) -> None:
        for n in range(40):
            state = proxy.RECEIVED if n % 2 else proxy.FAILED
            proxy.finish(tx, f"opn_{n}", state=state, at=NOW, sealed_response=b"%d" % n, error_message=str(n))

    await database.write(finish_all)
    rows = await database.read(lambda tx: [proxy.get(tx, f"opn_{n}") for n in range(40)])
    assert [(row.sealed_response, row.error_message) for row in rows] == [(b"%d" % n, str(n)) for n in range(40)]
    assert [row.state for row in rows] == [proxy.FAILED, proxy.RECEIVED] * 20


async def test_what_has_no_outcome_is_listed_oldest_first(database: Database) -> None:
    await kept(database, call("2", at=NOW + timedelta(seconds=1)), call("1"), call("3"))
    await database.write(lambda tx: proxy.finish(tx, "opn_3", state=proxy.FAILED, at=NOW))
    waiting = await database.read(proxy.list_dispatching)
    assert [row.id for row in waiting] == ["opn_1", "opn_2"]


async def test_shredding_forgets_old_bytes_each_kind_by_its_own_time_and_keeps_the_rows(database: Database) -> None:
    days = {"old": 40, "middle": 10, "new": 0}
    await kept(database, *(call(name, at=NOW - timedelta(days=age)) for name, age in days.items()))
    for name in days:
        await database.write(
            partial(proxy.finish, operation_id=f"opn_{name}", state=proxy.RECEIVED, at=NOW, sealed_response=b"answer")
        )
    limits = {"calls_before": NOW - timedelta(days=30), "responses_before": NOW - timedelta(days=1)}
    assert await database.write(lambda tx: proxy.shred(tx, **limits)) == 3
    rows = {name: await database.read(partial(proxy.get, operation_id=f"opn_{name}")) for name in days}
    assert {name for name, row in rows.items() if row.sealed_call is not None} == {"middle", "new"}
    assert {name for name, row in rows.items() if row.sealed_response is not None} == {"new"}
    assert {(row.state, row.digest) for row in rows.values()} == {(proxy.RECEIVED, "same")}
    assert await database.write(lambda tx: proxy.shred(tx, **limits)) == 0


async def test_the_past_of_a_call_is_its_agents_newest_and_the_last_of_its_digest(database: Database) -> None:
    times = [NOW + timedelta(seconds=n) for n in range(3)]
    await kept(database, *(call(str(n), at=at, digest=f"d{n}") for n, at in enumerate(times)))
    await kept(database, call("other", at=NOW + timedelta(hours=1), agent_id="agt_2", digest="d0"))
    recent = await database.read(lambda tx: proxy.recent(tx, "agt_1", limit=2))
    assert recent == (PastCall("d2", milliseconds(times[2])), PastCall("d1", milliseconds(times[1])))
    assert await database.read(lambda tx: proxy.last_identical(tx, "d0")) == NOW + timedelta(hours=1)
    assert await database.read(lambda tx: proxy.last_identical(tx, "never")) is None
