"""Facts about the vault as a whole: the operator's id, the salt of commitments, the signing keys."""

from stack_local.domain.errors import Broken
from stack_local.store.database import Tx


def get(tx: Tx, name: str) -> str:
    """One fact.

    Raises:
        Broken: the vault was made without it.
    """
    value = find(tx, name)
    if value is None:
        raise Broken(f"the vault has no {name}")
    return value


def find(tx: Tx, name: str) -> str | None:
    """One fact, or None."""
    row = tx.find("SELECT value FROM meta WHERE name = :name", name=name)
    return None if row is None else str(row["value"])


def put(tx: Tx, name: str, value: str) -> None:
    """Set one fact."""
    tx.execute(
        "INSERT INTO meta VALUES (:name, :value) ON CONFLICT DO UPDATE SET value = :value", name=name, value=value
    )


def add(tx: Tx, name: str, step: int = 1) -> int:
    """Add to a counter; the new value."""
    value = int(find(tx, name) or "0") + step
    put(tx, name, str(value))
    return value


def insert_signing_key(tx: Tx, kid: str, private_key: bytes, created_at: int) -> None:
    """Keep a signing key; the newest signs, all verify."""
    tx.execute(
        "INSERT INTO signing_keys VALUES (:kid, :private_key, :created_at)",
        kid=kid,
        private_key=private_key,
        created_at=created_at,
    )


def list_signing_keys(tx: Tx) -> list[tuple[str, bytes]]:
    """`(kid, private key)`, newest first."""
    rows = tx.all("SELECT kid, private_key FROM signing_keys ORDER BY created_at DESC")
    return [(row["kid"], bytes(row["private_key"])) for row in rows]
