"""Clients as rows: kept with their redirects in order, and forgotten when nobody let them in."""

from datetime import timedelta

from stack_local.domain.clients import Client
from stack_local.store import clients, consents
from stack_local.store.database import Database, Tx
from tests.store.oauth_rows import NOW, insert_consent, insert_request

LATER = NOW + timedelta(days=2)


async def kept(database: Database, *names: str) -> None:
    def work(tx: Tx) -> None:
        for name in names:
            clients.insert(tx, Client(f"cli_{name}", name, ("http://127.0.0.1/cb",)), at=NOW)

    await database.write(work)


async def left(database: Database) -> int:
    await database.write(lambda tx: clients.delete_unused(tx, before=LATER))
    return await database.read(clients.count)


async def test_a_client_is_found_as_it_was_kept(database: Database) -> None:
    client = Client("cli_1", "é'; DROP TABLE clients; --", ("https://b.test/", "https://a.test/?x=[1]"))
    await database.write(lambda tx: clients.insert(tx, client, at=NOW))
    assert await database.read(lambda tx: clients.find(tx, "cli_1")) == client
    assert await database.read(clients.count) == 1


async def test_a_client_is_found_by_its_id_alone(database: Database) -> None:
    await kept(database, "1")
    for guess in ("", "1", "cli_", "cli_%", "CLI_1", "cli_1 ", "cli_1\0"):
        assert await database.read(lambda tx, guess=guess: clients.find(tx, guess)) is None


async def test_an_unused_client_is_forgotten(database: Database) -> None:
    await kept(database, "1", "2")
    assert await database.write(lambda tx: clients.delete_unused(tx, before=NOW)) == 0
    assert await left(database) == 0


async def test_a_client_that_was_let_in_is_kept_as_long_as_that_is_known(database: Database) -> None:
    await kept(database, "1")
    await database.write(insert_consent)
    assert await left(database) == 1
    await database.write(lambda tx: consents.revoke(tx, "cns_1", at=NOW))
    assert await left(database) == 1
    later = NOW + timedelta(days=1)
    await database.write(lambda tx: consents.delete_over(tx, ended_before=later, used_before=later))
    assert await left(database) == 0


async def test_a_client_somebody_is_asked_about_is_kept(database: Database) -> None:
    await kept(database, "1", "2")
    await database.write(lambda tx: insert_request(tx, expires_at=LATER) and None)
    await database.write(lambda tx: insert_request(tx, "2", client_id="cli_2") and None)
    assert await left(database) == 1
