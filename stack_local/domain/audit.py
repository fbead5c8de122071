"""The audit chain: what a record holds, how it is linked to the one before, and how the chain is verified."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from stack_local.domain.canonical import Json, canonical

GENESIS = "0" * 64
"""What the first record names as the one before it (product.md 7.2)."""


class Outcome(StrEnum):
    """How an action stands (product.md 7.1)."""

    SUCCESS = "success"
    FAILURE = "failure"
    PENDING = "pending"
    BLOCKED = "blocked"


class Layer(StrEnum):
    """The part of the product that acted."""

    VAULT = "vault"
    PROXY = "proxy"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the audit log. Every field is hashed; none holds a secret, a body or a query value."""

    entry_id: str
    timestamp: int
    """Unix milliseconds."""
    trace_id: str
    """One id for all records of one operation."""
    operator_id: str
    actor: str
    """Who asked: kind and id, never a token."""
    decided_by: str | None
    """The person, rule, grant or key that allowed or refused it."""
    agent_id: str | None
    passport_jti: str | None
    layer: Layer
    action: str
    outcome: Outcome
    subject: str | None
    """What was acted on: an id, or `METHOD host/path`."""
    duration_ms: int | None
    payload_hash: str | None
    """A salted commitment to the bytes, which are sealed beside the log."""
    error_code: str | None
    error_message: str | None
    detail: dict[str, str | int | bool | None]
    sequence: int = 0
    prev_entry_hash: str = GENESIS
    entry_hash: str = ""


_HASHED = tuple(field.name for field in fields(Record) if field.name != "entry_hash")


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold, and why."""

    sequence: int
    reason: str


def hash_of(record: Record) -> str:
    """SHA-256 over the canonical form of every field but the hash itself (house decision 11)."""
    return hash_fields({name: getattr(record, name) for name in _HASHED})


def hash_fields(hashed: dict[str, Json]) -> str:
    """The hash of a record from its fields, the hash itself left out."""
    return hashlib.sha256(canonical(hashed)).hexdigest()


def first_break(records: Iterable[Record], *, sequence: int = 1, prev_entry_hash: str = GENESIS) -> Break | None:
    """The first record that does not follow from the one before it; None when the chain holds."""
    for record in records:
        if record.sequence != sequence:
            return Break(sequence, f"record {sequence} is missing")
        if record.prev_entry_hash != prev_entry_hash:
            return Break(sequence, "the record does not name the one before it")
        if _hash_or_none(record) != record.entry_hash:
            return Break(sequence, "the record does not match its hash")
        sequence, prev_entry_hash = sequence + 1, record.entry_hash
    return None


def _hash_or_none(record: Record) -> str | None:
    """A tampered record may have no canonical form at all."""
    try:
        return hash_of(record)
    except (TypeError, ValueError):
        return None


def commitment(salt: bytes, content: bytes) -> str:
    """A salted hash: a reader of the log cannot guess a short body from it."""
    return hashlib.sha256(salt + content).hexdigest()
