"""Consents as rows: found, listed, revoked once with their refresh tokens, and gone with their agent."""

from datetime import timedelta

import pytest

from stack_local.domain.consents import RefreshToken
from stack_local.domain.errors import NotFound
from stack_local.store import agents, consents
from stack_local.store.database import Database, Tx
from tests.store.oauth_rows import CONSENT, NOW, insert_consent

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HASH = "h" * 64


async def kept(database: Database, *hashes: str) -> None:
    def work(tx: Tx) -> None:
        insert_consent(tx)
        for token_hash in hashes:
            consents.insert_refresh(tx, RefreshToken(token_hash, "cns_1", NOW))

    await database.write(work)


async def found(database: Database, token_hash: str = HASH) -> RefreshToken | None:
    return await database.read(lambda tx: consents.find_refresh(tx, token_hash))


async def test_a_consent_is_found_as_it_was_kept(database: Database) -> None:
    await kept(database)
    assert await database.read(lambda tx: consents.get(tx, "cns_1")) == CONSENT
    assert await database.read(consents.list_) == [CONSENT]


async def test_a_consent_that_is_not_there_is_said_to_be_missing(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.read(lambda tx: consents.get(tx, "cns_1"))
    assert await database.read(lambda tx: consents.find(tx, "cns_1")) is None


async def test_consents_are_listed_newest_first_without_the_revoked(database: Database) -> None:
    def work(tx: Tx) -> None:
        for number in (1, 2, 3):
            insert_consent(tx, id=f"cns_{number}", given_at=NOW + number * MINUTE)
        consents.revoke(tx, "cns_2", at=NOW)

    await database.write(work)
    assert [consent.id for consent in await database.read(consents.list_)] == ["cns_3", "cns_1"]


async def test_a_revoked_consent_keeps_its_first_time_and_loses_its_refresh_tokens(database: Database) -> None:
    await kept(database, HASH)
    for minutes in (1, 2):
        await database.write(lambda tx, at=NOW + minutes * MINUTE: consents.revoke(tx, "cns_1", at=at))
    consent = await database.read(lambda tx: consents.get(tx, "cns_1"))
    assert consent.revoked_at == NOW + MINUTE
    assert await found(database) is None


async def test_a_revoked_consent_has_remembered_bearers_forgotten(database: Database) -> None:
    await kept(database)
    before = database.access_generation
    await database.write(lambda tx: consents.revoke(tx, "cns_1", at=NOW))
    assert database.access_generation > before


async def test_with_its_agent_goes_a_consent_and_all_of_its_tokens(database: Database) -> None:
    await kept(database, HASH)
    await database.write(lambda tx: agents.delete(tx, "agt_1"))
    assert await database.read(lambda tx: consents.find(tx, "cns_1")) is None
    assert await found(database) is None


async def test_a_refresh_token_is_kept_by_its_hash_and_marks_its_consent_as_used(database: Database) -> None:
    await kept(database, HASH)
    token = RefreshToken("i" * 64, "cns_1", NOW + DAY)
    await database.write(lambda tx: consents.insert_refresh(tx, token))
    assert await found(database, "i" * 64) == token
    assert (await database.read(lambda tx: consents.get(tx, "cns_1"))).used_at == NOW + DAY
    for guess in ("", "h", HASH.upper(), "%"):
        assert await found(database, guess) is None


async def test_a_used_refresh_token_keeps_its_answer_until_the_next_is_used(database: Database) -> None:
    second = "i" * 64
    await kept(database, HASH, second)
    await database.write(lambda tx: consents.use_refresh(tx, HASH, at=NOW, asked="a", answer=b"one"))
    first = await found(database)
    assert first == RefreshToken(HASH, "cns_1", NOW, used_at=NOW, asked="a", answer=b"one")
    await database.write(lambda tx: consents.use_refresh(tx, second, at=NOW + MINUTE, asked="", answer=b"two"))
    first, next_one = await found(database), await found(database, second)
    assert first is not None
    assert next_one is not None
    assert (first.answer, first.used_at, next_one.answer) == (None, NOW, b"two")


async def test_an_answer_of_another_consent_is_left_alone(database: Database) -> None:
    await kept(database, HASH)

    def work(tx: Tx) -> None:
        insert_consent(tx, id="cns_2")
        consents.insert_refresh(tx, RefreshToken("i" * 64, "cns_2", NOW))
        consents.use_refresh(tx, HASH, at=NOW, asked="", answer=b"one")
        consents.use_refresh(tx, "i" * 64, at=NOW, asked="", answer=b"two")

    await database.write(work)
    first = await found(database)
    assert first is not None
    assert first.answer == b"one"


OVER = {
    "lives": ({}, False),
    "ended": ({"ends_at": NOW + 39 * DAY}, True),
    "ends now": ({"ends_at": NOW + 40 * DAY}, False),
    "unused": ({"used_at": NOW + 9 * DAY}, True),
    "used at the last moment": ({"used_at": NOW + 10 * DAY}, False),
}


@pytest.mark.parametrize("name", OVER)
async def test_what_nobody_can_use_any_more_is_forgotten(database: Database, name: str) -> None:
    changed, is_over = OVER[name]
    await database.write(lambda tx: insert_consent(tx, **{"used_at": NOW + 40 * DAY, **changed}) and None)
    forgotten = await database.write(
        lambda tx: consents.delete_over(tx, ended_before=NOW + 40 * DAY, used_before=NOW + 10 * DAY)
    )
    assert forgotten == int(is_over)


async def test_what_was_revoked_long_ago_is_forgotten(database: Database) -> None:
    await kept(database)
    await database.write(lambda tx: consents.revoke(tx, "cns_1", at=NOW))
    for days, expected in ((0, 0), (1, 1)):
        before = NOW + days * DAY
        assert (
            await database.write(
                lambda tx, before=before: consents.delete_over(tx, ended_before=NOW, used_before=before)
            )
            == expected
        )
