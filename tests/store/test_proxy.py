"""Operations: an outcome is written once, what has none is found, and old bytes are forgotten while rows stay."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from stack_local.domain.detection import PastCall
from stack_local.domain.errors import NotFound, Unavailable
from stack_local.store import proxy
from stack_local.store.database import Database, Tx
from stack_local.store.proxy import OperationRow, Receipt
from stack_local.system import milliseconds
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()


def call(name: str, *, at: datetime = NOW, agent_id: str = "agt_1", digest: str = "same", **more: Any) -> OperationRow:
    row = OperationRow(
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
    return replace(row, **more)


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


CHOSEN = "the-same-errand-of-today-0001"


async def finished(database: Database, name: str, state: str, **outcome: Any) -> None:
    await database.write(lambda tx: proxy.finish(tx, f"opn_{name}", state=state, at=NOW, **outcome))


async def by_request(database: Database, agent_id: str = "agt_1") -> str | None:
    row = await database.read(lambda tx: proxy.find_by_request(tx, agent_id, CHOSEN))
    return None if row is None else row.id


@pytest.mark.parametrize(
    ("state", "holds"),
    [(proxy.DISPATCHING, True), (proxy.RECEIVED, True), (proxy.UNKNOWN, True), (proxy.FAILED, False)],
)
async def test_an_operation_id_is_taken_until_it_is_certain_that_nothing_was_sent(
    database: Database, state: str, holds: bool
) -> None:
    await kept(database, call("1", request_id=CHOSEN))
    if state != proxy.DISPATCHING:
        await finished(database, "1", state)
    assert await by_request(database) == ("opn_1" if holds else None)
    if not holds:
        await kept(database, call("2", request_id=CHOSEN))
        assert await by_request(database) == "opn_2"


async def test_an_operation_id_is_its_agents_own(database: Database) -> None:
    later = NOW + timedelta(seconds=1)
    await kept(database, call("1", request_id=CHOSEN), call("2", agent_id="agt_2", at=later, request_id=CHOSEN))
    assert [await by_request(database, agent) for agent in ("agt_1", "agt_2", "agt_3")] == ["opn_1", "opn_2", None]

    def chosen(tx: Tx, agents: frozenset[str] | None) -> str | None:
        row = proxy.find_chosen(tx, CHOSEN, agents=agents)
        return None if row is None else row.id

    seen = [frozenset({"agt_1"}), frozenset({"agt_1", "agt_2"}), frozenset({"agt_3"}), frozenset[str](), None]
    found = [await database.read(partial(chosen, agents=agents)) for agents in seen]
    assert found == ["opn_1", "opn_2", None, None, "opn_2"]


async def test_one_agent_cannot_be_let_out_twice_under_one_operation_id(database: Database) -> None:
    await kept(database, call("1", request_id=CHOSEN))
    with pytest.raises(Unavailable):
        await kept(database, call("2", request_id=CHOSEN))
    await kept(database, call("3"), call("4"))


async def test_what_the_service_said_of_a_call_is_kept_with_its_outcome(database: Database) -> None:
    await kept(database, call("1"))
    await finished(database, "1", proxy.RECEIVED, receipt=Receipt(201, "req_7", "obj_9"))
    row = await database.read(lambda tx: proxy.get(tx, "opn_1"))
    assert (row.provider_status, row.provider_request_id, row.provider_object_id) == (201, "req_7", "obj_9")


async def test_what_nobody_knows_the_outcome_of_waits_oldest_first_until_it_is_settled(database: Database) -> None:
    times = {name: NOW + timedelta(seconds=n) for n, name in enumerate(("old", "new", "read", "sent", "open"))}
    await kept(database, *(call(name, at=at, is_write=name != "read") for name, at in times.items()))
    for name in ("new", "old", "read"):
        await finished(database, name, proxy.UNKNOWN)
    await finished(database, "sent", proxy.RECEIVED)

    async def waiting(limit: int = 10) -> list[str]:
        return [row.id for row in await database.read(lambda tx: proxy.list_unsettled(tx, limit=limit))]

    assert await waiting() == ["opn_old", "opn_new"]
    assert await waiting(1) == ["opn_old"]
    await database.write(lambda tx: proxy.settle(tx, "opn_old", by="session:1: happened"))
    assert await waiting() == ["opn_new"]
    assert (await database.read(lambda tx: proxy.get(tx, "opn_old"))).settled_by == "session:1: happened"


async def test_calls_are_counted_from_a_moment_on_by_agent_and_connection(database: Database) -> None:
    await kept(
        database,
        call("before", at=NOW - timedelta(milliseconds=1)),
        call("1"),
        call("2", at=NOW + timedelta(days=3)),
        call("other service", connection_id="scon_2"),
        call("other agent", agent_id="agt_2"),
    )
    counted = await database.read(lambda tx: proxy.count_since(tx, NOW))
    assert counted == {("agt_1", "scon_1"): 2, ("agt_1", "scon_2"): 1, ("agt_2", "scon_1"): 1}


async def test_an_agents_calls_on_one_connection_are_listed_newest_first(database: Database) -> None:
    await kept(database, *(call(str(n), at=NOW + timedelta(seconds=n)) for n in range(3)))
    await kept(database, call("x", agent_id="agt_2"), call("y", connection_id="scon_2"))
    rows = await database.read(lambda tx: proxy.list_of(tx, "agt_1", "scon_1", limit=2))
    assert [row.id for row in rows] == ["opn_2", "opn_1"]
