"""API keys: found by their hash alone, and revoked once."""

from datetime import datetime, timedelta

import pytest

from stack_local.domain.errors import NotFound
from stack_local.store import keys
from stack_local.store.database import Database
from stack_local.system import milliseconds
from stack_local.wire.keys import ApiKey
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()
HASH = "a" * 64


def key(key_id: str, *, created_at: datetime = NOW, expires_at: datetime | None = None) -> ApiKey:
    return ApiKey(
        id=key_id,
        preset="approver",
        label="the bot",
        shown="sk_first",
        agent_id=None,
        decides_agents=["agt_1", "agt_2"],
        decides_services=["scon_1"],
        created_at=created_at,
        expires_at=expires_at,
        revoked_at=None,
    )


@pytest.mark.parametrize("expires_at", [None, NOW + timedelta(hours=1)], ids=["for good", "for an hour"])
async def test_a_key_is_found_by_its_hash_as_it_was_kept(database: Database, expires_at: datetime | None) -> None:
    kept = key("key_1", expires_at=expires_at)
    await database.write(lambda tx: keys.insert(tx, kept, key_hash=HASH))
    assert await database.read(lambda tx: keys.find_by_hash(tx, HASH)) == kept
    assert await database.read(lambda tx: keys.get(tx, "key_1")) == kept


@pytest.mark.parametrize("guess", ["key_1", "sk_first", "the bot", HASH[:-1], HASH.upper(), "%", ""])
async def test_a_key_is_found_by_nothing_but_its_hash(database: Database, guess: str) -> None:
    await database.write(lambda tx: keys.insert(tx, key("key_1"), key_hash=HASH))
    assert await database.read(lambda tx: keys.find_by_hash(tx, guess)) is None


async def test_a_key_that_is_not_there_is_said_to_be_missing(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.read(lambda tx: keys.get(tx, "key_1"))


async def test_a_revoked_key_is_still_found_and_keeps_the_time_of_its_first_revocation(database: Database) -> None:
    await database.write(lambda tx: keys.insert(tx, key("key_1"), key_hash=HASH))
    await database.write(lambda tx: keys.revoke(tx, "key_1", at=milliseconds(NOW)))
    await database.write(lambda tx: keys.revoke(tx, "key_1", at=milliseconds(NOW + timedelta(hours=1))))
    found = await database.read(lambda tx: keys.find_by_hash(tx, HASH))
    assert found is not None
    assert found.revoked_at == NOW


async def test_a_new_or_revoked_key_has_remembered_bearers_forgotten(database: Database) -> None:
    generations = [database.access_generation]
    await database.write(lambda tx: keys.insert(tx, key("key_1"), key_hash=HASH))
    generations.append(database.access_generation)
    await database.write(lambda tx: keys.revoke(tx, "key_1", at=milliseconds(NOW)))
    generations.append(database.access_generation)
    assert generations == sorted(set(generations))


async def test_keys_are_listed_newest_first(database: Database) -> None:
    older, newer = key("key_1"), key("key_2", created_at=NOW + timedelta(seconds=1))
    await database.write(lambda tx: keys.insert(tx, older, key_hash=HASH))
    await database.write(lambda tx: keys.insert(tx, newer, key_hash="b" * 64))
    assert await database.read(keys.list_) == [newer, older]
