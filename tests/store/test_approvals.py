"""Decisions as rows: said once, spent once, counted while they wait, and forgotten without their digests."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from stack_local.domain.approvals import Breadth, Status
from stack_local.domain.errors import NotFound
from stack_local.store import approvals
from stack_local.store.approvals import GOVERNANCE, INTENT, ApprovalRow
from stack_local.store.database import Database, Tx
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()
LATER = NOW + timedelta(minutes=15)


def row(name: str, **fields: Any) -> ApprovalRow:
    asked = ApprovalRow(
        id=f"apr_{name}",
        kind=INTENT,
        asked_by="passport:ppt_1",
        status=Status.PENDING,
        digest="digest",
        submitted_at=NOW,
        expires_at=NOW + timedelta(hours=24),
        sealed=b"\x00call",
        agent_id="agt_1",
        session_id="ses_1",
        chain=("agt_1", "agt_0"),
        call_key="github POST /repos",
    )
    return replace(asked, **fields)


async def kept(database: Database, *rows: ApprovalRow) -> None:
    for one in rows:
        await database.write(partial(approvals.insert, row=one))


async def read(database: Database, name: str) -> ApprovalRow:
    return await database.read(lambda tx: approvals.get(tx, f"apr_{name}"))


def approve(tx: Tx, name: str) -> None:
    approvals.decide(tx, f"apr_{name}", status=Status.APPROVED, by="person", at=NOW, notes=None, expires_at=LATER)


async def test_a_decision_is_read_as_it_was_asked_for(database: Database) -> None:
    await kept(database, row("1"))
    assert await read(database, "1") == row("1")
    with pytest.raises(NotFound):
        await read(database, "2")


async def test_a_persons_word_is_written_once(database: Database) -> None:
    await kept(database, row("1"))
    await database.write(lambda tx: approve(tx, "1"))
    await database.write(
        lambda tx: approvals.decide(
            tx, "apr_1", status=Status.REJECTED, by="another", at=LATER, notes="no", breadth=Breadth.USES, uses_left=9
        )
    )
    said = replace(row("1"), status=Status.APPROVED, decided_by="person", decided_at=NOW, expires_at=LATER)
    assert await read(database, "1") == said


async def test_of_two_that_would_take_the_one_use_one_gets_it(database: Database) -> None:
    def take(tx: Tx, operation_id: str) -> bool:
        if approvals.get(tx, "apr_1").status is not Status.APPROVED:
            return False
        approvals.set_use(tx, "apr_1", status=Status.RESERVED, uses_left=0, operation_id=operation_id)
        return True

    await kept(database, row("1"))
    await database.write(lambda tx: approve(tx, "1"))
    taken = await asyncio.gather(*(database.write(partial(take, operation_id=f"opn_{n}")) for n in range(5)))
    assert taken.count(True) == 1
    spent = await read(database, "1")
    assert (spent.status, spent.uses_left) == (Status.RESERVED, 0)
    assert spent.operation_id == f"opn_{taken.index(True)}"


async def test_only_what_waits_is_counted_and_for_whom(database: Database) -> None:
    await kept(database, row("1"), row("2", kind=GOVERNANCE), row("3", agent_id="agt_2", asked_by="key:key_1"))
    await kept(database, row("4"))
    await database.write(lambda tx: approve(tx, "4"))
    counts = await database.read(lambda tx: [approvals.count_pending(tx, who) for who in (None, "agt_1", "x")])
    assert counts == [3, 2, 0]
    assert await database.read(lambda tx: approvals.count_pending_of(tx, "key:key_1")) == 1


async def test_what_waits_is_listed_by_kind_oldest_first_and_in_pages(database: Database) -> None:
    await kept(database, *(row(str(n), submitted_at=NOW - timedelta(seconds=n)) for n in range(3)))
    await kept(database, row("other", kind=GOVERNANCE))
    pages = [await database.read(partial(approvals.list_pending, kind=INTENT, limit=2, offset=n)) for n in (0, 2)]
    assert [[one.id for one in page] for page in pages] == [["apr_2", "apr_1"], ["apr_0"]]


@pytest.mark.parametrize("change", [{"kind": GOVERNANCE}, {"asked_by": "x"}, {"session_id": None}, {"digest": "x"}])
async def test_only_an_equal_question_of_the_same_asker_is_a_twin(database: Database, change: dict[str, Any]) -> None:
    await kept(database, row("1"))
    equal = {"digest": "digest", "kind": INTENT, "asked_by": "passport:ppt_1", "session_id": "ses_1"}
    assert await database.read(lambda tx: approvals.find_pending_twin(tx, **equal)) == row("1")
    assert await database.read(lambda tx: approvals.find_pending_twin(tx, **{**equal, **change})) is None
    await database.write(lambda tx: approve(tx, "1"))
    assert await database.read(lambda tx: approvals.find_pending_twin(tx, **equal)) is None


async def test_a_call_replaced_twice_keeps_the_digest_the_agent_asked_with(database: Database) -> None:
    await kept(database, row("1"))
    for digest, before in (("second", "digest"), ("third", "second")):
        await database.write(
            partial(
                approvals.replace_call,
                approval_id="apr_1",
                digest=digest,
                sealed=digest.encode(),
                original_digest=before,
                call_key="other",
            )
        )
    changed = replace(row("1"), digest="third", sealed=b"third", original_digest="digest", call_key="other")
    assert await read(database, "1") == changed


async def test_the_end_of_a_session_ends_what_waits_in_it_and_nothing_else(database: Database) -> None:
    await kept(database, row("1"), row("2"), row("3", session_id="ses_2"))
    await database.write(lambda tx: approve(tx, "2"))
    ended = await database.write(lambda tx: approvals.end_pending(tx, session_id="ses_1"))
    assert [row.id for row in ended] == ["apr_1"]
    states = [(await read(database, name)).status for name in "123"]
    assert states == [Status.EXPIRED, Status.APPROVED, Status.PENDING]


async def test_overdue_is_what_could_still_be_used_and_is_past_its_time(database: Database) -> None:
    await kept(database, *(row(str(status), status=status, expires_at=NOW) for status in Status))
    await kept(database, row("in_time", expires_at=NOW + timedelta(milliseconds=1)))
    overdue = await database.read(lambda tx: approvals.list_overdue(tx, NOW))
    assert {one.id for one in overdue} == {"apr_pending", "apr_approved"}


async def test_shredding_forgets_the_bytes_of_what_is_over_and_keeps_its_digest(database: Database) -> None:
    await kept(database, *(row(str(status), status=status) for status in Status))
    assert await database.write(lambda tx: approvals.shred(tx, before=NOW)) == 0
    assert await database.write(lambda tx: approvals.shred(tx, before=LATER)) == 3
    rows = [await read(database, str(status)) for status in Status]
    assert {one.status for one in rows if one.sealed is None} == {Status.CONSUMED, Status.REJECTED, Status.EXPIRED}
    assert {one.digest for one in rows} == {"digest"}
