"""Log-ins at services that are under way, and tokens that are still to be taken back."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stack_local.domain.errors import NotFound
from stack_local.domain.services import Place
from stack_local.store.database import Row, Tx
from stack_local.system import from_milliseconds, milliseconds


class Flow(StrEnum):
    """How the person logs in."""

    CODE = "authorization_code"
    DEVICE = "device_code"


class Status(StrEnum):
    """Where a log-in stands; past its time, one that waits is over."""

    WAITING = "waiting"
    REDEEMING = "redeeming"
    """Its code was shown: once, rightly or wrongly."""
    CONNECTED = "connected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One log-in as it is kept."""

    id: str
    provider: str
    name: str
    flow: Flow
    template_hash: str
    state_hash: str | None
    sealed: bytes | None
    asked_by: str
    next_at: datetime
    created_at: datetime
    expires_at: datetime
    interval_seconds: int = 0
    status: Status = Status.WAITING
    reason: str | None = None
    connection_id: str | None = None
    user_code: str | None = None
    verification_uri: str | None = None

    @property
    def place(self) -> Place:
        """What its sealed part is bound to."""
        return Place(self.id, self.provider, (), 1)


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """What renewed a credential that is gone, sealed where it was."""

    place: Place
    renewal: bytes
    created_at: datetime


def get(tx: Tx, attempt_id: str) -> AttemptRow:
    """One log-in.

    Raises:
        NotFound: there is none of that id, or no longer.
    """
    row = tx.find("SELECT * FROM connect_attempts WHERE id = :id", id=attempt_id)
    if row is None:
        raise NotFound(f"there is no log-in {attempt_id}", field="attempt_id", hint="begin it again")
    return _attempt(row)


def find_by_state(tx: Tx, state_hash: str) -> AttemptRow | None:
    """The log-in that this state belongs to, over or not."""
    row = tx.find("SELECT * FROM connect_attempts WHERE state_hash = :hash", hash=state_hash)
    return None if row is None else _attempt(row)


def list_waiting(tx: Tx, now: datetime) -> list[AttemptRow]:
    """Those that wait for a person, oldest first."""
    rows = tx.all(
        "SELECT * FROM connect_attempts WHERE status = :waiting AND expires_at > :now ORDER BY created_at, id",
        waiting=Status.WAITING,
        now=milliseconds(now),
    )
    return [_attempt(row) for row in rows]


def find_due_device(tx: Tx, now: datetime) -> AttemptRow | None:
    """The device log-in whose turn has come the longest time ago."""
    row = tx.find(
        "SELECT * FROM connect_attempts WHERE status = :waiting AND flow = :device AND next_at <= :now "
        "AND expires_at > :now ORDER BY next_at LIMIT 1",
        waiting=Status.WAITING,
        device=Flow.DEVICE,
        now=milliseconds(now),
    )
    return None if row is None else _attempt(row)


def insert(tx: Tx, attempt: AttemptRow) -> None:
    """Keep a new log-in."""
    tx.execute(
        "INSERT INTO connect_attempts VALUES (:id, :provider, :name, :flow, :template_hash, :state_hash, :sealed, "
        ":status, NULL, :asked_by, NULL, NULL, NULL, :interval, :next_at, :created_at, :expires_at)",
        id=attempt.id,
        provider=attempt.provider,
        name=attempt.name,
        flow=attempt.flow,
        template_hash=attempt.template_hash,
        state_hash=attempt.state_hash,
        sealed=attempt.sealed,
        status=attempt.status,
        asked_by=attempt.asked_by,
        interval=attempt.interval_seconds,
        next_at=milliseconds(attempt.next_at),
        created_at=milliseconds(attempt.created_at),
        expires_at=milliseconds(attempt.expires_at),
    )
    tx.is_visible = True


def move(tx: Tx, attempt: AttemptRow, *, after: Status, reason: str | None = None) -> bool:
    """Take it from where it stands to the next state; False if it no longer stood there."""
    changed = tx.execute(
        "UPDATE connect_attempts SET status = :after, reason = :reason WHERE id = :id AND status = :before",
        after=after,
        reason=reason,
        id=attempt.id,
        before=attempt.status,
    )
    tx.is_visible = True
    return changed == 1


def end(tx: Tx, attempt: AttemptRow, *, connection_id: str | None = None, reason: str | None = None) -> None:
    """It is over, well (with what was connected) or badly; what it held is gone."""
    tx.execute(
        "UPDATE connect_attempts SET status = :status, connection_id = :connection_id, reason = :reason, sealed = NULL "
        "WHERE id = :id",
        status=Status.FAILED if connection_id is None else Status.CONNECTED,
        connection_id=connection_id,
        reason=reason,
        id=attempt.id,
    )
    tx.is_visible = True


def set_device(tx: Tx, attempt: AttemptRow) -> None:
    """What a device log-in learned, and when its turn comes next."""
    tx.execute(
        "UPDATE connect_attempts SET sealed = :sealed, user_code = :user_code, verification_uri = :uri, "
        "interval_seconds = :interval, next_at = :next_at, expires_at = :expires_at WHERE id = :id",
        sealed=attempt.sealed,
        user_code=attempt.user_code,
        uri=attempt.verification_uri,
        interval=attempt.interval_seconds,
        next_at=milliseconds(attempt.next_at),
        expires_at=milliseconds(attempt.expires_at),
        id=attempt.id,
    )
    tx.is_visible = True


def delete_old(tx: Tx, *, before: datetime) -> int:
    """Forget those that ended before this; how many there were."""
    return tx.execute("DELETE FROM connect_attempts WHERE expires_at < :before", before=milliseconds(before))


def put_revocation(tx: Tx, row: RevocationRow) -> None:
    """Keep what its service is to be told."""
    tx.execute(
        "INSERT INTO revocations VALUES (:id, :provider, :hosts, :version, :renewal, :at, :at) "
        "ON CONFLICT (connection_id) DO NOTHING",
        id=row.place.connection_id,
        provider=row.place.provider,
        hosts=json.dumps(row.place.hosts),
        version=row.place.version,
        renewal=row.renewal,
        at=milliseconds(row.created_at),
    )


def find_revocation(tx: Tx, now: datetime) -> RevocationRow | None:
    """The one whose turn has come the longest time ago."""
    row = tx.find("SELECT * FROM revocations WHERE next_at <= :now ORDER BY next_at LIMIT 1", now=milliseconds(now))
    if row is None:
        return None
    place = Place(row["connection_id"], row["provider"], tuple(json.loads(row["hosts"])), row["version"])
    return RevocationRow(place, bytes(row["renewal"]), from_milliseconds(row["created_at"]))


def postpone_revocation(tx: Tx, connection_id: str, *, until: datetime) -> None:
    """The service did not answer: it is told again then."""
    at = milliseconds(until)
    tx.execute("UPDATE revocations SET next_at = :at WHERE connection_id = :id", at=at, id=connection_id)


def delete_revocation(tx: Tx, connection_id: str) -> None:
    """The service was told, or will not be."""
    tx.execute("DELETE FROM revocations WHERE connection_id = :id", id=connection_id)


def _attempt(row: Row) -> AttemptRow:
    return AttemptRow(
        id=row["id"],
        provider=row["provider"],
        name=row["name"],
        flow=Flow(row["flow"]),
        template_hash=row["template_hash"],
        state_hash=row["state_hash"],
        sealed=row["sealed"],
        asked_by=row["asked_by"],
        next_at=from_milliseconds(row["next_at"]),
        created_at=from_milliseconds(row["created_at"]),
        expires_at=from_milliseconds(row["expires_at"]),
        interval_seconds=row["interval_seconds"],
        status=Status(row["status"]),
        reason=row["reason"],
        connection_id=row["connection_id"],
        user_code=row["user_code"],
        verification_uri=row["verification_uri"],
    )
