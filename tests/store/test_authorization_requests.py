"""Authorization requests as rows: moved once from state to state, found by hashes alone, and forgotten in time."""

import asyncio
from datetime import timedelta

import pytest

from stack_local.domain.consents import RefreshToken, RequestState
from stack_local.domain.errors import NotFound
from stack_local.store import authorization_requests as requests
from stack_local.store import consents
from stack_local.store.database import Database, Tx
from tests.store.oauth_rows import NOW, REQUEST, insert_consent, insert_request

SHOWN, ASKED, GIVEN, REFUSED = RequestState.SHOWN, RequestState.ASKED, RequestState.GIVEN, RequestState.REFUSED
ISSUED, REDEEMED = RequestState.ISSUED, RequestState.REDEEMED
MINUTE = timedelta(minutes=1)


async def kept(database: Database, *names: str) -> None:
    def work(tx: Tx) -> None:
        for name in names:
            insert_request(tx, name)

    await database.write(work)


async def test_a_request_is_found_as_it_was_kept(database: Database) -> None:
    await database.write(lambda tx: requests.insert(tx, REQUEST))
    assert await database.read(lambda tx: requests.get(tx, "azr_1")) == REQUEST
    with pytest.raises(NotFound):
        await database.read(lambda tx: requests.get(tx, "azr_2"))


async def test_a_request_is_found_by_each_of_its_hashes_and_by_nothing_else(database: Database) -> None:
    await kept(database, "a", "b")

    def work(tx: Tx) -> None:
        requests.set_user_code(tx, "azr_a", "u" * 64)
        requests.set_code(tx, "azr_a", "k" * 64, expires_at=NOW + MINUTE)

    await database.write(work)

    def ids(tx: Tx) -> list[str | None]:
        found = (
            requests.find_by_secret(tx, "a" * 64),
            requests.find_by_user_code(tx, "u" * 64),
            requests.find_by_code(tx, "k" * 64),
            requests.find_by_code(tx, "a" * 64),
            requests.find_by_code(tx, "u" * 64),
            requests.find_by_secret(tx, "k" * 64),
            requests.find_by_user_code(tx, "a" * 64),
            requests.find_by_code(tx, ""),
            requests.find_by_user_code(tx, "%"),
        )
        return [None if one is None else one.id for one in found]

    assert await database.read(ids) == ["azr_a"] * 3 + [None] * 6
    assert (await database.read(lambda tx: requests.get(tx, "azr_a"))).code_expires_at == NOW + MINUTE


async def test_a_request_moves_once(database: Database) -> None:
    await kept(database, "a")
    assert await database.write(lambda tx: requests.move(tx, "azr_a", before=SHOWN, after=ASKED))
    assert not await database.write(lambda tx: requests.move(tx, "azr_a", before=SHOWN, after=REFUSED))
    assert (await database.read(lambda tx: requests.get(tx, "azr_a"))).state is ASKED
    assert not await database.write(lambda tx: requests.move(tx, "azr_b", before=SHOWN, after=ASKED))


async def test_of_many_at_once_one_moves_a_request(database: Database) -> None:
    await kept(database, "a")
    moves = [database.write(lambda tx: requests.move(tx, "azr_a", before=SHOWN, after=ASKED)) for _ in range(20)]
    assert sum(await asyncio.gather(*moves)) == 1


async def test_what_waits_is_listed_oldest_first_while_it_does(database: Database) -> None:
    def work(tx: Tx) -> None:
        insert_request(tx, "b", state=ASKED, created_at=NOW + MINUTE)
        insert_request(tx, "a", state=ASKED)
        for name, state in (("c", SHOWN), ("d", GIVEN), ("e", REFUSED), ("f", RequestState.CODED)):
            insert_request(tx, name, state=state)
        insert_request(tx, "g", state=ASKED, expires_at=NOW)

    await database.write(work)
    assert [found.id for found in await database.read(lambda tx: requests.list_asked(tx, NOW))] == ["azr_a", "azr_b"]
    assert await database.read(lambda tx: requests.list_asked(tx, REQUEST.expires_at)) == []


async def test_the_open_are_counted_by_client_and_in_all(database: Database) -> None:
    def work(tx: Tx) -> None:
        insert_request(tx, "a")
        insert_request(tx, "b", client_id="cli_2", state=REFUSED)
        insert_request(tx, "c", expires_at=NOW)

    await database.write(work)

    def counts(tx: Tx) -> tuple[int, int, int]:
        of_both = (requests.count_open(tx, NOW, client_id=client) for client in ("cli_1", "cli_2"))
        return (requests.count_open(tx, NOW), *of_both)  # type: ignore[return-value]  # three of them

    assert await database.read(counts) == (2, 1, 1)


async def test_wrong_codes_are_counted(database: Database) -> None:
    await kept(database, "a", "b")
    for _ in range(3):
        await database.write(lambda tx: requests.count_wrong_code(tx, "azr_a"))
    assert (await database.read(lambda tx: requests.get(tx, "azr_a"))).wrong_codes == 3
    assert (await database.read(lambda tx: requests.get(tx, "azr_b"))).wrong_codes == 0


UNREDEEMED = {
    "refused after all": ({"state": REFUSED}, None, True),
    "given and never fetched": ({"state": GIVEN, "expires_at": NOW}, None, True),
    "coded and never typed": ({"state": RequestState.CODED, "expires_at": NOW}, None, True),
    "fetched and never used": ({"state": ISSUED, "expires_at": NOW}, NOW, True),
    "fetched at the last moment": ({"state": ISSUED, "expires_at": NOW}, NOW + MINUTE, False),
    "given, and open": ({"state": GIVEN}, None, False),
    "shown wrongly": ({"state": REDEEMED, "expires_at": NOW}, NOW, True),
}


@pytest.mark.parametrize("name", UNREDEEMED)
async def test_what_was_allowed_and_came_to_nothing_is_found(database: Database, name: str) -> None:
    changed, code_until, is_found = UNREDEEMED[name]

    def work(tx: Tx) -> None:
        insert_consent(tx)
        insert_request(tx, "a", **changed)
        requests.set_consent(tx, "azr_a", "cns_1")
        if code_until is not None:
            requests.set_code(tx, "azr_a", "k" * 64, expires_at=code_until)

    await database.write(work)
    assert bool(await database.read(lambda tx: requests.list_unredeemed(tx, NOW))) is is_found
    await database.write(lambda tx: consents.revoke(tx, "cns_1", at=NOW))
    assert await database.read(lambda tx: requests.list_unredeemed(tx, NOW)) == []


async def test_a_code_that_gave_a_token_came_to_something(database: Database) -> None:
    def work(tx: Tx) -> None:
        insert_consent(tx)
        insert_request(tx, "a", state=REDEEMED, expires_at=NOW)
        requests.set_consent(tx, "azr_a", "cns_1")
        consents.insert_refresh(tx, RefreshToken("t" * 64, "cns_1", NOW))

    await database.write(work)
    assert await database.read(lambda tx: requests.list_unredeemed(tx, NOW)) == []


async def test_what_nobody_allowed_came_to_nothing_of_itself(database: Database) -> None:
    await database.write(lambda tx: insert_request(tx, "a", state=REFUSED, expires_at=NOW) and None)
    assert await database.read(lambda tx: requests.list_unredeemed(tx, NOW)) == []


async def test_old_requests_are_forgotten(database: Database) -> None:
    await kept(database, "a")
    assert await database.write(lambda tx: requests.delete_old(tx, before=REQUEST.expires_at)) == 0
    assert await database.write(lambda tx: requests.delete_old(tx, before=REQUEST.expires_at + MINUTE)) == 1
