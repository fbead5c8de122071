"""The log as it is kept: linked, insert-only, and read so that nobody sees too much or misses a record."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from stack_local.domain.audit import GENESIS, Outcome, Record, first_break
from stack_local.domain.errors import Broken
from stack_local.store import audit
from stack_local.store.audit import Head, Scribe, Visible
from stack_local.store.database import Database, Tx
from tests.simulators.clock import TestSystem

SYSTEM = TestSystem(seed="audit")
SCRIBE = Scribe(SYSTEM, "op_1")
ALL = Visible()


def wrote(tx: Tx, count: int = 1, *, agent_id: str | None = None, passport_jti: str | None = None) -> list[Record]:
    before = audit.head(tx).sequence
    for _ in range(count):
        SCRIBE.write(
            tx,
            trace_id="trace",
            actor="person",
            action="agent.register",
            outcome=Outcome.SUCCESS,
            agent_id=agent_id,
            passport_jti=passport_jti,
            detail={"name": "Zoë \u2028 \U0001f511", "count": 3, "is_new": True, "owner": None},
        )
    return list(audit.walk(tx, from_sequence=before + 1, limit=count))


def everything(tx: Tx) -> list[Record]:
    return list(audit.walk(tx, from_sequence=1, limit=10_000))


def numbers(records: list[Record]) -> list[int]:
    return [record.sequence for record in records]


async def test_an_empty_log_begins_at_the_genesis(database: Database) -> None:
    assert await database.read(audit.head) == Head(0, GENESIS)
    assert await database.read(lambda tx: [audit.hash_at(tx, n) for n in (0, 1)]) == [GENESIS, None]


async def test_each_record_is_linked_to_the_one_before_and_read_back_unchanged(database: Database) -> None:
    written = [record for _ in range(3) for record in await database.write(lambda tx: wrote(tx, 2))]
    kept = await database.read(everything)
    assert kept == written
    assert first_break(kept) is None
    assert await database.read(audit.head) == Head(6, kept[-1].entry_hash)
    assert await database.read(lambda tx: audit.hash_at(tx, 2)) == kept[2].prev_entry_hash


async def test_records_that_come_together_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(database.write(wrote) for _ in range(30)))
    kept = await database.read(everything)
    assert numbers(kept) == list(range(1, 31))
    assert first_break(kept) is None


async def test_a_record_changed_after_it_was_read_breaks_the_chain(database: Database) -> None:
    await database.write(lambda tx: wrote(tx, 3))
    first, second, third = await database.read(everything)
    broken = first_break([first, replace(second, actor="somebody else"), third])
    assert broken is not None
    assert broken.sequence == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else' WHERE sequence = 1",
        "UPDATE audit SET sequence = 9 WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 2",
    ],
)
async def test_the_log_is_insert_only_whoever_writes(database: Database, statement: str) -> None:
    written = await database.write(lambda tx: wrote(tx, 2))
    with pytest.raises(Broken):
        await database.write(lambda tx: tx.execute(statement))
    assert await database.read(everything) == written


async def test_a_page_holds_the_newest_first_and_a_followers_page_the_oldest_it_has_not_seen(
    database: Database,
) -> None:
    await database.write(lambda tx: wrote(tx, 7))
    newest = await database.read(lambda tx: audit.list_(tx, visible=ALL, limit=3))
    assert numbers(newest) == [7, 6, 5]
    seen, pages = 0, []
    for _ in range(3):
        page = await database.read(partial(audit.list_, visible=ALL, limit=3, after_sequence=seen))
        pages.append(numbers(page))
        seen = page[0].sequence
    assert pages == [[3, 2, 1], [6, 5, 4], [7]]


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (Visible(), [4, 3, 2, 1]),
        (Visible(agents=frozenset({"agt_1"})), [2, 1]),
        (Visible(agents=frozenset({"agt_1", "agt_2"})), [3, 2, 1]),
        (Visible(agents=frozenset()), []),
        (Visible(passport_jti="ppt_2"), [2]),
        (Visible(agents=frozenset({"agt_2"}), passport_jti="ppt_2"), []),
    ],
    ids=["all", "one agent's", "two agents'", "no agent's", "one passport's", "another agent's passport"],
)
async def test_a_reader_sees_what_is_its_own_whatever_it_asks_for(
    database: Database, visible: Visible, seen: list[int]
) -> None:
    for agent_id, jti in (("agt_1", "ppt_1"), ("agt_1", "ppt_2"), ("agt_2", "ppt_3"), (None, None)):
        await database.write(partial(wrote, agent_id=agent_id, passport_jti=jti))
    assert numbers(await database.read(lambda tx: audit.list_(tx, visible=visible, limit=10))) == seen
    asked = await database.read(lambda tx: audit.list_(tx, visible=visible, limit=10, agent_id="agt_2"))
    assert numbers(asked) == [number for number in seen if number == 3]


@pytest.mark.parametrize("page", [1, 2, 5, 100])
async def test_a_walk_gives_every_record_once_however_it_is_paged(database: Database, page: int) -> None:
    await database.write(lambda tx: wrote(tx, 7))
    part = await database.read(lambda tx: list(audit.walk(tx, from_sequence=2, limit=5, page=page)))
    assert numbers(part) == [2, 3, 4, 5, 6]
    to_the_end = await database.read(lambda tx: list(audit.walk(tx, from_sequence=6, limit=50, page=page)))
    assert numbers(to_the_end) == [6, 7]
