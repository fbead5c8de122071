"""Grants: which agent may use which connection."""

import json

from stack_local.domain.passports import ServiceScope
from stack_local.domain.terms import NO_TERMS, Allowance, Terms
from stack_local.store.database import Row, Tx, remembered
from stack_local.store.terms import decode_terms, encode_terms, shown_terms
from stack_local.system import from_milliseconds, milliseconds
from stack_local.wire.access import Grant, GrantTerms

_SELECT = "SELECT g.*, c.provider, c.name FROM grants g JOIN connections c ON c.id = g.connection_id"


def put(tx: Tx, grant: Grant, terms: Terms) -> None:
    """Grant, or replace the grant on the same connection."""
    tx.execute(
        "INSERT INTO grants (id, agent_id, connection_id, scopes, granted_by, granted_at, terms) "
        "VALUES (:id, :agent_id, :connection_id, :scopes, :granted_by, :at, :terms) "
        "ON CONFLICT (agent_id, connection_id) DO UPDATE "
        "SET id = :id, scopes = :scopes, granted_by = :granted_by, granted_at = :at, terms = :terms",
        terms=encode_terms(terms),
        id=grant.id,
        agent_id=grant.agent_id,
        connection_id=grant.service_connection_id,
        scopes=json.dumps(grant.scopes),
        granted_by=grant.granted_by,
        at=milliseconds(grant.granted_at),
    )
    tx.touches_access = True


def list_(tx: Tx, agent_id: str) -> list[Grant]:
    """All grants of one agent, oldest first."""
    return [_view(row) for row in tx.all(f"{_SELECT} WHERE g.agent_id = :id ORDER BY g.granted_at, g.id", id=agent_id)]


@remembered
def list_scopes(tx: Tx, agent_id: str) -> tuple[ServiceScope, ...]:
    """All grants of one agent as the rules see them."""
    rows = tx.all("SELECT connection_id, scopes FROM grants WHERE agent_id = :id ORDER BY connection_id", id=agent_id)
    return tuple(ServiceScope(row["connection_id"], frozenset(json.loads(row["scopes"]))) for row in rows)


@remembered
def scopes_on(tx: Tx, agent_id: str, connection_id: str) -> frozenset[str]:
    """What an agent is granted on one connection now."""
    row = tx.find(
        "SELECT scopes FROM grants WHERE agent_id = :agent_id AND connection_id = :connection_id",
        agent_id=agent_id,
        connection_id=connection_id,
    )
    return frozenset() if row is None else frozenset(json.loads(row["scopes"]))


@remembered
def terms_on(tx: Tx, agent_id: str, connection_id: str) -> Terms:
    """What the grant says besides its scopes."""
    row = tx.find(
        "SELECT terms FROM grants WHERE agent_id = :agent_id AND connection_id = :connection_id",
        agent_id=agent_id,
        connection_id=connection_id,
    )
    return NO_TERMS if row is None else decode_terms(row["terms"])


@remembered
def allowance_of(tx: Tx, agent_id: str) -> Allowance:
    """How many calls an agent may make in all."""
    row = tx.find("SELECT per_minute, per_month FROM allowances WHERE agent_id = :id", id=agent_id)
    return Allowance() if row is None else Allowance(row["per_minute"], row["per_month"])


def set_allowance(tx: Tx, agent_id: str, allowance: Allowance) -> None:
    """Set how many calls an agent may make in all."""
    tx.touches_access = True
    tx.execute(
        "INSERT INTO allowances VALUES (:id, :per_minute, :per_month) ON CONFLICT (agent_id) DO UPDATE "
        "SET per_minute = :per_minute, per_month = :per_month",
        id=agent_id,
        per_minute=allowance.per_minute,
        per_month=allowance.per_month,
    )


def delete(tx: Tx, agent_id: str, connection_id: str) -> None:
    """Take one grant from an agent; one that is not there is gone already."""
    tx.touches_access = True
    tx.execute(
        "DELETE FROM grants WHERE agent_id = :agent_id AND connection_id = :connection_id",
        agent_id=agent_id,
        connection_id=connection_id,
    )


def delete_all(tx: Tx, agent_id: str) -> int:
    """Take every grant from an agent; how many there were."""
    tx.touches_access = True
    return tx.execute("DELETE FROM grants WHERE agent_id = :id", id=agent_id)


def _view(row: Row) -> Grant:
    return Grant(
        id=row["id"],
        agent_id=row["agent_id"],
        service_connection_id=row["connection_id"],
        provider=row["provider"],
        service_name=row["name"],
        scopes=json.loads(row["scopes"]),
        granted_by=row["granted_by"],
        granted_at=from_milliseconds(row["granted_at"]),
        terms=GrantTerms.model_validate(shown_terms(decode_terms(row["terms"]))),
    )
