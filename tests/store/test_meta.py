"""Facts about the vault: a missing one is a defect, a counter grows, the newest signing key comes first."""

import asyncio

import pytest

from stack_local.domain.errors import Broken
from stack_local.store import meta
from stack_local.store.database import Database


async def test_a_fact_is_read_as_it_was_last_put(database: Database) -> None:
    await database.write(lambda tx: meta.put(tx, "salt", "old"))
    await database.write(lambda tx: meta.put(tx, "salt", "new"))
    assert await database.read(lambda tx: meta.get(tx, "salt")) == "new"


async def test_a_fact_the_vault_was_made_without_is_a_defect_to_get_and_none_to_find(database: Database) -> None:
    with pytest.raises(Broken):
        await database.read(lambda tx: meta.get(tx, "salt"))
    assert await database.read(lambda tx: meta.find(tx, "salt")) is None


async def test_a_counter_begins_at_nothing_and_keeps_what_is_added(database: Database) -> None:
    assert await database.write(lambda tx: meta.add(tx, "epoch")) == 1
    assert await database.write(lambda tx: meta.add(tx, "epoch", step=4)) == 5
    assert await database.read(lambda tx: meta.get(tx, "epoch")) == "5"


async def test_additions_at_once_are_all_counted_and_each_gets_a_number_of_its_own(database: Database) -> None:
    added = await asyncio.gather(*(database.write(lambda tx: meta.add(tx, "epoch")) for _ in range(20)))
    assert sorted(added) == list(range(1, 21))


async def test_the_newest_signing_key_comes_first_whichever_was_kept_last(database: Database) -> None:
    await database.write(lambda tx: meta.insert_signing_key(tx, "newer", b"\x00two", created_at=2000))
    await database.write(lambda tx: meta.insert_signing_key(tx, "older", b"\xffone", created_at=1000))
    assert await database.read(meta.list_signing_keys) == [("newer", b"\x00two"), ("older", b"\xffone")]
