"""Units nobody waits for: they ride along with the next commit, and none is ever left behind."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack_local.store import meta
from stack_local.store.database import Database, Tx

BOUND_SECONDS = 20


@dataclass
class Counted:
    """A database, and how many of its commits were made."""

    database: Database
    commits: list[None] = field(default_factory=list)

    def insert(self, name: str, *, is_patient: bool) -> asyncio.Future[None]:
        return self.database.submit(lambda tx: meta.put(tx, name, "x"), is_patient=is_patient)


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[Counted]:
    commits: list[None] = []
    database = Database(tmp_path / "v.db", "42" * 32, after_commit=lambda tx: commits.append(None))
    yield Counted(database, commits)
    await asyncio.to_thread(database.close)


def names(tx: Tx) -> set[str]:
    return {row["name"] for row in tx.all("SELECT name FROM meta")}


async def test_a_patient_unit_rides_along_with_the_next_commit(counted: Counted) -> None:
    first, second = counted.insert("a", is_patient=True), counted.insert("b", is_patient=False)
    await asyncio.wait_for(asyncio.gather(first, second), BOUND_SECONDS)
    assert len(counted.commits) == 1
    assert await counted.database.read(names) >= {"a", "b"}


async def test_a_patient_unit_alone_is_committed_all_the_same(counted: Counted) -> None:
    await asyncio.wait_for(counted.insert("a", is_patient=True), BOUND_SECONDS)
    assert "a" in await counted.database.read(names)


async def test_patient_units_that_keep_coming_are_all_committed(counted: Counted) -> None:
    async def one_after_another(who: str) -> None:
        for at in range(20):
            await counted.insert(f"{who}{at}", is_patient=True)

    await asyncio.wait_for(asyncio.gather(*(one_after_another(who) for who in "abcd")), BOUND_SECONDS)
    assert len(await counted.database.read(names)) >= 80


async def test_a_patient_unit_is_committed_when_the_database_is_closed_at_once(tmp_path: Path) -> None:
    database = Database(tmp_path / "v.db", "42" * 32, after_commit=lambda tx: None)
    database.submit(lambda tx: meta.put(tx, "a", "x"), is_patient=True)
    await asyncio.to_thread(database.close)
    again = Database(tmp_path / "v.db", "42" * 32, after_commit=lambda tx: None)
    assert "a" in await again.read(names)
    await asyncio.to_thread(again.close)
