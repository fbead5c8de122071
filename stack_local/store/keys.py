"""API keys: kept as a hash, never as themselves."""

import json

from stack_local.domain.errors import NotFound
from stack_local.store.database import Row, Tx
from stack_local.system import from_milliseconds, milliseconds
from stack_local.wire.keys import ApiKey


def get(tx: Tx, key_id: str) -> ApiKey:
    """One key.

    Raises:
        NotFound: there is none of that id.
    """
    found = find(tx, key_id)
    if found is None:
        raise NotFound(f"there is no key {key_id}", field="key_id", hint="see `stack-local keys list`")
    return found


def find(tx: Tx, key_id: str) -> ApiKey | None:
    """One key, revoked or not."""
    row = tx.find("SELECT * FROM api_keys WHERE id = :id", id=key_id)
    return None if row is None else _view(row)


def find_by_hash(tx: Tx, key_hash: str) -> ApiKey | None:
    """The key with this SHA-256, revoked or not."""
    row = tx.find("SELECT * FROM api_keys WHERE key_hash = :key_hash", key_hash=key_hash)
    return None if row is None else _view(row)


def list_(tx: Tx) -> list[ApiKey]:
    """Every key, newest first."""
    return [_view(row) for row in tx.all("SELECT * FROM api_keys ORDER BY created_at DESC, id")]


def insert(tx: Tx, key: ApiKey, *, key_hash: str) -> None:
    """Keep a new key by its hash."""
    tx.execute(
        "INSERT INTO api_keys VALUES (:id, :key_hash, :shown, :preset, :label, :agent_id, :agents, :services, "
        ":created_at, :expires_at, NULL)",
        id=key.id,
        key_hash=key_hash,
        shown=key.shown,
        preset=key.preset,
        label=key.label,
        agent_id=key.agent_id,
        agents=json.dumps(key.decides_agents),
        services=json.dumps(key.decides_services),
        created_at=milliseconds(key.created_at),
        expires_at=None if key.expires_at is None else milliseconds(key.expires_at),
    )
    tx.touches_access = True


def revoke(tx: Tx, key_id: str, *, at: int) -> None:
    """No request with it is accepted from now on."""
    tx.execute("UPDATE api_keys SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", at=at, id=key_id)
    tx.touches_access = True
    tx.anchors = True


def _view(row: Row) -> ApiKey:
    expires_at, revoked_at = row["expires_at"], row["revoked_at"]
    return ApiKey(
        id=row["id"],
        preset=row["preset"],
        label=row["label"],
        shown=row["shown"],
        agent_id=row["agent_id"],
        decides_agents=json.loads(row["decides_agents"]),
        decides_services=json.loads(row["decides_services"]),
        created_at=from_milliseconds(row["created_at"]),
        expires_at=None if expires_at is None else from_milliseconds(expires_at),
        revoked_at=None if revoked_at is None else from_milliseconds(revoked_at),
    )
