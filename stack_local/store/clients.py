"""OAuth clients: what they registered."""

import json
from datetime import datetime

from stack_local.domain.clients import Client
from stack_local.store.database import Row, Tx
from stack_local.system import milliseconds


def find(tx: Tx, client_id: str) -> Client | None:
    """One registered client."""
    row = tx.find("SELECT * FROM clients WHERE id = :id", id=client_id)
    return None if row is None else _client(row)


def insert(tx: Tx, client: Client, *, at: datetime) -> None:
    """Keep a new client."""
    tx.execute(
        "INSERT INTO clients VALUES (:id, :name, :redirect_uris, :at)",
        id=client.id,
        name=client.name,
        redirect_uris=json.dumps(client.redirect_uris),
        at=milliseconds(at),
    )


def put(tx: Tx, client: Client, *, at: datetime) -> None:
    """Keep a client as it is described now, whether it is new or not."""
    tx.execute(
        "INSERT INTO clients VALUES (:id, :name, :redirect_uris, :at) ON CONFLICT DO UPDATE "
        "SET name = :name, redirect_uris = :redirect_uris, registered_at = :at",
        id=client.id,
        name=client.name,
        redirect_uris=json.dumps(client.redirect_uris),
        at=milliseconds(at),
    )


def count(tx: Tx) -> int:
    """How many are registered."""
    row = tx.find("SELECT count(*) AS count FROM clients")
    return 0 if row is None else int(row["count"])


def delete_unused(tx: Tx, *, before: datetime) -> int:
    """Forget those registered before this that nobody let in and nobody is asked about; how many there were.

    One whose consent was revoked stays while that is kept: such clients hold on to their id, and log in again by it.
    """
    return tx.execute(
        "DELETE FROM clients WHERE registered_at < :before "
        "AND NOT EXISTS (SELECT 1 FROM consents WHERE client_id = clients.id) "
        "AND NOT EXISTS (SELECT 1 FROM authorization_requests r WHERE r.client_id = clients.id "
        "AND r.expires_at >= :before)",
        before=milliseconds(before),
    )


def _client(row: Row) -> Client:
    return Client(id=row["id"], name=row["name"], redirect_uris=tuple(json.loads(row["redirect_uris"])))
