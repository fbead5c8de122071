"""Opening the vault's file: under its own key alone, private, run as we say, at the newest schema."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from stack_local.domain.errors import Broken, StackError, Unavailable
from stack_local.store import audit, meta, proxy
from stack_local.store.database import Database, Tx
from stack_local.store.opening import CACHE_KIBIBYTES, OLDEST_SQLITE, sqlite_version
from tests.simulators.leakscan import scan_tree

KEY = "0123456789abcdef" * 4


def opened(path: Path, key: str = KEY) -> Database:
    return Database(path, key, after_commit=lambda tx: None)


def refusal(path: Path, key: str = KEY) -> StackError:
    with pytest.raises(StackError) as refused:
        opened(path, key)
    return refused.value


async def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    await asyncio.to_thread(opened(tmp_path / "vault.db").close)
    before = (tmp_path / "vault.db").read_bytes()
    refused = refusal(tmp_path / "vault.db", KEY[::-1])
    assert (type(refused), refused.code) == (Unavailable, "VAULT_DAMAGED")
    assert KEY[::-1] not in repr(vars(refused))
    assert (tmp_path / "vault.db").read_bytes() == before


@pytest.mark.parametrize("key", ["", "passphrase", KEY[:-1], KEY + "0", KEY.upper(), KEY[:-1] + "g", "x'" + KEY + "'"])
def test_what_is_not_a_raw_key_is_not_taken_for_a_passphrase(tmp_path: Path, key: str) -> None:
    assert type(refusal(tmp_path / "vault.db", key)) is Broken
    assert not (tmp_path / "vault.db").exists()


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(4080), b"x" * 8192], ids=["plain", "noise"])
def test_a_file_that_is_not_ours_is_not_opened(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vault.db").write_bytes(content)
    assert refusal(tmp_path / "vault.db").code == "VAULT_DAMAGED"


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_the_files_are_private_and_show_nothing_of_what_they_hold(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        database = opened(tmp_path / "vault.db")
        await database.write(lambda tx: meta.put(tx, "remember-this-name", "remember-this-value"))
        files = modes(tmp_path)
        found = scan_tree("remember-this-name", tmp_path) + scan_tree("remember-this-value", tmp_path)
    finally:
        os.umask(old)
    await asyncio.to_thread(database.close)
    assert files == dict.fromkeys(["vault.db", "vault.db-shm", "vault.db-wal"], 0o600)
    assert found + scan_tree("remember-this-value", tmp_path) == []
    assert not (tmp_path / "vault.db").read_bytes().startswith(b"SQLite format 3")


PRAGMAS = [
    ("journal_mode", "wal"),
    ("synchronous", 2),
    ("foreign_keys", 1),
    ("trusted_schema", 0),
    ("recursive_triggers", 1),
    ("cell_size_check", 1),
    ("secure_delete", 1),
    ("temp_store", 2),
    ("busy_timeout", 5000),
    ("cache_size", -CACHE_KIBIBYTES),
]


@pytest.mark.parametrize(("name", "value"), PRAGMAS)
async def test_writer_and_readers_run_under_these_pragmas(database: Database, name: str, value: object) -> None:
    for door in (database.write, database.read):
        row = await door(lambda tx: tx.find(f"PRAGMA {name}"))
        assert row is not None
        assert row[0] == value


def test_the_library_is_new_enough() -> None:
    assert sqlite_version() >= OLDEST_SQLITE


@pytest.mark.parametrize(("version", "code"), [(99, "VAULT_NEWER"), (0, "MIGRATION_FAILED")])
async def test_a_vault_of_another_version_that_cannot_be_read_is_refused(
    tmp_path: Path, version: int, code: str
) -> None:
    database = opened(tmp_path / "vault.db")
    await database.write(lambda tx: meta.put(tx, "kept", "yes"))
    await database.write(lambda tx: tx.execute(f"PRAGMA user_version = {version}"))
    await asyncio.to_thread(database.close)
    assert refusal(tmp_path / "vault.db").code == code


QUESTIONS = {
    "calls without an outcome": lambda tx: proxy.list_dispatching(tx),
    "an identical call": lambda tx: proxy.last_identical(tx, "digest"),
    "an agent's last calls": lambda tx: proxy.recent(tx, "agt_1", limit=50),
    "an agent's records": lambda tx: audit.list_(tx, visible=audit.Visible(), limit=10, agent_id="agt_1"),
    "a passport's records": lambda tx: audit.list_(
        tx, visible=audit.Visible(agents=frozenset({"agt_1"}), passport_jti="ppt_1"), limit=10
    ),
    "records after one": lambda tx: audit.list_(tx, visible=audit.Visible(), limit=10, after_sequence=5),
}


class Explained(Tx):
    """Asks how a question would be answered, in place of asking it."""

    plan = ""

    def find(self, statement: str, /, **parameters: object) -> None:
        self.all(statement, **parameters)

    def all(self, statement: str, /, **parameters: object) -> list[object]:
        steps = self._connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        self.plan = "; ".join(str(step["detail"]) for step in steps)
        return []


@pytest.mark.parametrize("name", QUESTIONS)
async def test_what_is_asked_often_is_found_without_reading_a_whole_table(database: Database, name: str) -> None:
    def explained(tx: Tx) -> str:
        asking = Explained(tx._connection)
        QUESTIONS[name](asking)
        return asking.plan

    plan = await database.read(explained)
    assert "SEARCH" in plan or plan == "SCAN operations USING INDEX operations_open"
    assert "SCAN audit" not in plan
    assert "TEMP B-TREE" not in plan
