"""The vault's file, for real: one writer with group commit, readers, durability, and what is refused."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.domain.audit import Layer, Outcome, first_break
from stack_local.domain.errors import Broken, NotFound, StackError, Unavailable
from stack_local.store import audit, meta
from stack_local.store.database import (
    BULK_ROWS,
    MAX_BATCH,
    Bulk,
    Database,
    Tx,
    remembered,
)
from tests.simulators.clock import TestSystem

KEY = "0123456789abcdef" * 4
BOUND_SECONDS = 30
ROOT = Path(__file__).parents[2]


def opened(path: Path, *, key: str = KEY, after_commit: Callable[[Tx], None] = lambda tx: None) -> Database:
    return Database(path, key, after_commit=after_commit)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty vault database."""
    database = opened(tmp_path / "vault.db")
    yield database
    await asyncio.to_thread(database.close)


def put(name: str, value: str = "yes") -> Callable[[Tx], None]:
    return lambda tx: meta.put(tx, name, value)


async def names(database: Database) -> list[str]:
    return await database.read(lambda tx: [row["name"] for row in tx.all("SELECT name FROM meta ORDER BY name")])


def raising(error: BaseException, *, after: Callable[[Tx], object] = lambda tx: None) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        after(tx)
        raise error

    return work


async def held(database: Database) -> Callable[[], None]:
    """Hold the writer up, so that what comes next is one batch; what it returns lets it go on."""
    entered, released = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        entered.set()
        released.wait(BOUND_SECONDS)

    database.submit(wait)
    await asyncio.to_thread(entered.wait, BOUND_SECONDS)
    return released.set


async def test_a_unit_that_raises_is_undone_alone(database: Database) -> None:
    release = await held(database)
    units = [
        database.submit(put("first")),
        database.submit(raising(NotFound("no such thing"), after=put("undone"))),
        database.submit(raising(ValueError("a defect"), after=put("undone too"))),
        database.submit(lambda tx: tx.execute("INSERT INTO meta (name, value) VALUES ('first', 'twice')")),
        database.submit(put("last")),
    ]
    release()
    answers = await asyncio.gather(*units, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), NotFound, ValueError, Broken, type(None)]
    assert await names(database) == ["first", "last"]


async def test_a_part_that_raises_is_undone_alone(database: Database) -> None:
    def work(tx: Tx) -> None:
        meta.put(tx, "outer", "yes")
        with suppress(NotFound), tx.savepoint():
            meta.put(tx, "inner", "yes")
            raise NotFound("no such thing")
        with tx.savepoint():
            meta.put(tx, "second", "yes")

    await database.write(work)
    assert await names(database) == ["outer", "second"]


PAGE = Bulk("INSERT INTO meta (name, value) VALUES", 2)


async def test_logged_rows_are_there_for_whoever_reads_and_after_the_commit(database: Database) -> None:
    def work(tx: Tx) -> list[str]:
        for n in range(BULK_ROWS + 3):
            tx.log(PAGE, f"{n:03}", "yes")
        return [row["name"] for row in tx.all("SELECT name FROM meta ORDER BY name")]

    seen = await database.write(work)
    assert seen == [f"{n:03}" for n in range(BULK_ROWS + 3)] == await names(database)


async def test_logged_rows_of_a_part_that_raises_go_with_it_and_no_others(database: Database) -> None:
    def work(tx: Tx) -> None:
        tx.log(PAGE, "before", "yes")
        with suppress(NotFound), tx.savepoint():
            tx.log(PAGE, "unread", "yes")
            raise NotFound("no such thing")
        with suppress(NotFound), tx.savepoint():
            tx.log(PAGE, "read", "yes")
            assert tx.find("SELECT name FROM meta WHERE name = 'read'") is not None
            tx.log(PAGE, "read and not", "yes")
            with tx.savepoint("inner"):
                tx.log(PAGE, "inner", "yes")
            raise NotFound("no such thing")
        tx.log(PAGE, "after", "yes")

    release = await held(database)
    units = [database.submit(lambda tx: tx.log(PAGE, "first", "yes")), database.submit(work)]
    units += [database.submit(raising(NotFound("no such thing"), after=lambda tx: tx.log(PAGE, "undone", "yes")))]
    release()
    await asyncio.gather(*units, return_exceptions=True)
    assert await names(database) == ["after", "before", "first"]


@pytest.mark.parametrize(
    "refused", [("there", "twice"), ("half a character", "\ud800"), ("too large", 2**64)], ids=repr
)
async def test_a_row_of_the_log_that_is_refused_takes_the_batch_along_and_blames_no_other(
    database: Database, refused: tuple[object, ...]
) -> None:
    await database.write(put("there"))
    release = await held(database)
    units = [database.submit(lambda tx: tx.log(PAGE, *refused)), database.submit(put("innocent"))]
    release()
    answers = await asyncio.gather(*units, return_exceptions=True)
    assert [getattr(answer, "code", None) for answer in answers] == ["AUDIT_UNAVAILABLE"] * 2
    await database.write(put("later"))
    assert await names(database) == ["later", "there"]


@remembered
def value_of(tx: Tx, name: str) -> str | None:
    row = tx.find("SELECT value FROM meta WHERE name = :name", name=name)
    return None if row is None else str(row["value"])


async def test_what_the_writer_remembers_is_forgotten_by_any_write_and_by_any_undoing(database: Database) -> None:
    def seen(tx: Tx) -> str | None:
        return value_of(tx, "door")

    def undone(tx: Tx) -> str | None:
        with suppress(NotFound), tx.savepoint():
            meta.put(tx, "door", "undone")
            assert seen(tx) == "undone"
            raise NotFound("no such thing")
        return seen(tx)

    assert await database.write(seen) is None
    await database.write(lambda tx: meta.put(tx, "door", "open"))
    assert await database.write(seen) == "open"
    assert await database.write(undone) == "open"
    with pytest.raises(NotFound):
        await database.write(raising(NotFound("no such thing"), after=lambda tx: meta.put(tx, "door", "shut")))
    assert await database.write(seen) == "open"


async def test_a_batch_that_fails_leaves_nothing_remembered(database: Database) -> None:
    def lost(tx: Tx) -> None:
        meta.put(tx, "door", "lost")
        assert value_of(tx, "door") == "lost"
        tx.execute("ROLLBACK")

    with pytest.raises(Unavailable):
        await database.write(lost)
    assert await database.write(lambda tx: value_of(tx, "door")) is None


async def test_the_writer_asks_the_file_once_and_a_reader_each_time(database: Database) -> None:
    asked: list[str] = []

    def ask(tx: Tx) -> str:
        return tx.remembered("key", lambda: asked.append("asked") or "answer")

    assert [await database.write(ask) for _ in range(3)] == ["answer"] * 3
    assert len(asked) == 1
    assert [await database.read(ask) for _ in range(3)] == ["answer"] * 3
    assert len(asked) == 4


@pytest.mark.parametrize("error", [None, ValueError("after it ended")], ids=["quietly", "loudly"])
async def test_a_unit_that_ends_the_transaction_fails_the_batch_and_the_writer_goes_on(
    database: Database, error: Exception | None
) -> None:
    def work(tx: Tx) -> None:
        tx.execute("ROLLBACK")
        if error is not None:
            raise error

    release = await held(database)
    units = [database.submit(put("lost")), database.submit(work), database.submit(put("lost too"))]
    release()
    answers = await asyncio.gather(*units, return_exceptions=True)
    assert [getattr(answer, "code", None) for answer in answers] == ["AUDIT_UNAVAILABLE"] * 3
    await database.write(put("later"))
    assert await names(database) == ["later"]


async def test_writes_that_come_together_are_committed_together(tmp_path: Path) -> None:
    commits: list[int] = []
    database = opened(tmp_path / "vault.db", after_commit=lambda tx: commits.append(1))
    release = await held(database)
    units = [database.submit(lambda tx, n=n: (meta.put(tx, f"{n:04}", "yes"), n)[1]) for n in range(MAX_BATCH + 44)]
    release()
    assert await asyncio.gather(*units) == list(range(MAX_BATCH + 44))
    assert len(commits) == 3
    assert len(await names(database)) == MAX_BATCH + 44
    await asyncio.to_thread(database.close)


async def test_what_is_queued_is_finished_before_the_database_closes(tmp_path: Path) -> None:
    database = opened(tmp_path / "vault.db")
    release = await held(database)
    units = [database.submit(put(f"{n:03}")) for n in range(300)]
    release()
    await asyncio.to_thread(database.close)
    await asyncio.gather(*units)
    again = opened(tmp_path / "vault.db")
    assert len(await names(again)) == 300
    await asyncio.to_thread(again.close)


async def test_a_caller_that_hangs_up_does_not_undo_its_write(database: Database) -> None:
    release = await held(database)
    writing = asyncio.ensure_future(database.write(put("kept")))
    await asyncio.sleep(0)
    writing.cancel()
    release()
    await database.write(put("next"))
    assert await names(database) == ["kept", "next"]


def test_a_loop_that_is_gone_does_not_stop_the_writer(tmp_path: Path) -> None:
    database = opened(tmp_path / "vault.db")

    async def leave() -> Callable[[], None]:
        release = await held(database)
        database.submit(put("left behind"))
        return release

    asyncio.run(leave())()
    asyncio.run(asyncio.wait_for(database.write(put("later")), BOUND_SECONDS))
    assert asyncio.run(names(database)) == ["later", "left behind"]
    database.close()


@pytest.mark.parametrize(
    "error",
    [OSError("no space"), sqlcipher.OperationalError("busy"), Unavailable("no anchor")],
    ids=lambda e: type(e).__name__,
)
async def test_what_must_hold_after_a_commit_is_answered_as_failed_and_the_writer_goes_on(
    tmp_path: Path, error: Exception
) -> None:
    failures = [error]

    def after_commit(tx: Tx) -> None:
        if tx.anchors and failures:
            raise failures.pop()

    def revoke(tx: Tx) -> None:
        meta.put(tx, "revoked", "yes")
        tx.anchors = True

    database = opened(tmp_path / "vault.db", after_commit=after_commit)
    async with asyncio.timeout(BOUND_SECONDS / 10):
        with pytest.raises(Unavailable) as refused:
            await database.write(revoke)
        await database.write(revoke)
    assert refused.value.code in ("AUDIT_UNAVAILABLE", "UNAVAILABLE")
    assert await names(database) == ["revoked"]
    await asyncio.to_thread(database.close)


async def test_a_commit_that_changes_access_is_counted(database: Database) -> None:
    def grant(tx: Tx) -> None:
        tx.touches_access = True

    before = database.access_generation
    await database.write(put("nothing of the kind"))
    assert database.access_generation == before
    await database.write(grant)
    assert database.access_generation == before + 1


async def test_what_was_acknowledged_is_there_after_opening_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "vault.db")
    await first.write(put("kept"))
    await asyncio.to_thread(first.close)
    second = opened(tmp_path / "vault.db")
    assert await names(second) == ["kept"]
    await asyncio.to_thread(second.close)


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    killed = child("killed", tmp_path / "vault.db")
    assert killed.returncode == -9
    database = opened(tmp_path / "vault.db")
    assert await names(database) == ["acknowledged"]
    await asyncio.to_thread(database.close)


def child(name: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"tests.store.{name}", str(path), KEY]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)


async def test_a_full_disk_refuses_the_write_and_passes(tmp_path: Path) -> None:
    full = child("disk_full", tmp_path / "vault.db")
    assert full.stderr == ""
    assert full.stdout.split() == ["AUDIT_UNAVAILABLE", "AUDIT_UNAVAILABLE", "after", "before"]
    database = opened(tmp_path / "vault.db")
    assert await names(database) == ["after", "before"]
    assert (await database.read(lambda tx: tx.find("PRAGMA integrity_check")))[0] == "ok"
    await asyncio.to_thread(database.close)


async def test_a_reader_cannot_write_and_goes_on_reading(database: Database) -> None:
    await database.write(put("there"))
    for _ in range(2):
        with pytest.raises((StackError, sqlcipher.OperationalError)):
            await database.read(put("not there"))
    assert await names(database) == ["there"]


async def test_a_reading_function_sees_one_moment(database: Database) -> None:
    looking, written = threading.Event(), threading.Event()

    def look_twice(tx: Tx) -> list[int]:
        seen = [len(tx.all("SELECT name FROM meta"))]
        looking.set()
        written.wait(BOUND_SECONDS)
        return [*seen, len(tx.all("SELECT name FROM meta"))]

    reading = asyncio.ensure_future(database.read(look_twice))
    await asyncio.to_thread(looking.wait, BOUND_SECONDS)
    await database.write(put("meanwhile"))
    written.set()
    assert await reading == [0, 0]
    assert await names(database) == ["meanwhile"]


async def test_a_reading_function_that_raises_leaves_its_reader_good(database: Database) -> None:
    for _ in range(5):
        with pytest.raises(NotFound):
            await database.read(raising(NotFound("no such thing")))
    assert await names(database) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "UPDATE audit SET sequence = sequence + 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 2",
        "UPDATE OR IGNORE audit SET actor = 'nobody'",
    ],
)
async def test_the_audit_log_is_insert_only_whoever_writes(database: Database, statement: str) -> None:
    scribe = audit.Scribe(TestSystem(), "op_one")

    def write(tx: Tx) -> None:
        scribe.write(tx, trace_id="t", actor="system", action="a", outcome=Outcome.SUCCESS, layer=Layer.VAULT)

    for _ in range(3):
        await database.write(write)
    with pytest.raises(Broken):
        await database.write(lambda tx: tx.execute(statement))
    records = await database.read(lambda tx: list(audit.walk(tx, from_sequence=1, limit=10)))
    assert len(records) == 3
    assert first_break(records) is None


async def test_replacing_a_record_is_refused_too(database: Database) -> None:
    scribe = audit.Scribe(TestSystem(), "op_one")
    await database.write(
        lambda tx: scribe.write(tx, trace_id="t", actor="system", action="a", outcome=Outcome.SUCCESS) and None
    )
    with pytest.raises(Broken):
        await database.write(
            lambda tx: tx.execute("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 1")
        )
    with pytest.raises(Broken):
        await database.write(lambda tx: tx.execute("UPDATE OR REPLACE audit SET sequence = 1"))
