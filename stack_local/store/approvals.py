"""Decisions as rows: approvals of exact calls, loosening operations that wait for a person, proposed connections."""

import json
from dataclasses import dataclass
from datetime import datetime

from stack_local.domain.approvals import Breadth, Status
from stack_local.domain.errors import NotFound
from stack_local.store.database import Row, Tx
from stack_local.system import from_milliseconds, milliseconds

INTENT, GOVERNANCE, PROPOSAL = "intent", "governance", "proposal"


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One decision as it is kept; `sealed` holds the call or the asked-for arguments."""

    id: str
    kind: str
    asked_by: str
    status: Status
    digest: str
    submitted_at: datetime
    expires_at: datetime
    sealed: bytes | None
    claim_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    chain: tuple[str, ...] = ()
    original_digest: str | None = None
    connection_id: str | None = None
    call_key: str | None = None
    """Service, method and path: what makes two calls alike on the approval screen; the service of a proposal."""
    reason: str | None = None
    simulation: str | None = None
    notes: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    breadth: Breadth = Breadth.ONCE
    uses_left: int | None = 1
    operation_id: str | None = None
    result: bytes | None = None


def get(tx: Tx, approval_id: str) -> ApprovalRow:
    """One decision.

    Raises:
        NotFound: there is none of that id.
    """
    row = find(tx, approval_id)
    if row is None:
        raise NotFound(f"there is no approval {approval_id}", field="approval_id", hint="submit the intent again")
    return row


def find(tx: Tx, approval_id: str) -> ApprovalRow | None:
    """One decision, or None."""
    row = tx.find("SELECT * FROM approvals WHERE id = :id", id=approval_id)
    return None if row is None else _row(row)


def find_pending_twin(tx: Tx, *, digest: str, kind: str, asked_by: str, session_id: str | None) -> ApprovalRow | None:
    """An equal decision that still waits: equal ones merge."""
    row = tx.find(
        "SELECT * FROM approvals WHERE digest = :digest AND status = 'pending' AND kind = :kind "
        "AND asked_by = :asked_by AND session_id IS :session_id",
        digest=digest,
        kind=kind,
        asked_by=asked_by,
        session_id=session_id,
    )
    return None if row is None else _row(row)


def find_granted(tx: Tx, *, digest: str, session_id: str, chain: tuple[str, ...], now: datetime) -> ApprovalRow | None:
    """A yes to exactly this call that is neither spent nor too old, of the same session and chain; the oldest first."""
    rows = tx.all(
        "SELECT * FROM approvals WHERE digest = :digest AND status = 'approved' AND kind = :kind "
        "AND session_id = :session_id AND expires_at > :now ORDER BY decided_at, id",
        digest=digest,
        kind=INTENT,
        session_id=session_id,
        now=milliseconds(now),
    )
    return next((found for found in map(_row, rows) if found.chain == chain), None)


def find_last_approved(tx: Tx, call_key: str, *, before: str) -> ApprovalRow | None:
    """The last call of the same service, method and path that a person approved."""
    row = tx.find(
        "SELECT * FROM approvals WHERE call_key = :call_key AND id != :before AND sealed IS NOT NULL "
        "AND status IN ('approved', 'reserved', 'consumed') ORDER BY decided_at DESC LIMIT 1",
        call_key=call_key,
        before=before,
    )
    return None if row is None else _row(row)


def list_pending(tx: Tx, kind: str, *, limit: int, offset: int = 0) -> list[ApprovalRow]:
    """What waits, oldest first."""
    rows = tx.all(
        "SELECT * FROM approvals WHERE status = 'pending' AND kind = :kind ORDER BY submitted_at, id "
        "LIMIT :limit OFFSET :offset",
        kind=kind,
        limit=limit,
        offset=offset,
    )
    return [_row(row) for row in rows]


def list_overdue(tx: Tx, now: datetime) -> list[ApprovalRow]:
    """Pending or approved, and past their time."""
    rows = tx.all(
        "SELECT * FROM approvals WHERE status IN ('pending', 'approved') AND expires_at <= :now LIMIT 500",
        now=milliseconds(now),
    )
    return [_row(row) for row in rows]


def count_pending(tx: Tx, asked_by_agent: str | None = None) -> int:
    """How many wait: all, or one agent's of all kinds."""
    row = tx.find(
        "SELECT COUNT(*) AS waiting FROM approvals WHERE status = 'pending' AND (:agent IS NULL OR agent_id = :agent)",
        agent=asked_by_agent,
    )
    return 0 if row is None else int(row["waiting"])


def count_pending_of(tx: Tx, asked_by: str) -> int:
    """How many one principal has waiting."""
    row = tx.find(
        "SELECT COUNT(*) AS waiting FROM approvals WHERE status = 'pending' AND asked_by = :asked_by", asked_by=asked_by
    )
    return 0 if row is None else int(row["waiting"])


def insert(tx: Tx, row: ApprovalRow) -> None:
    """Keep a new decision."""
    tx.execute(
        "INSERT INTO approvals VALUES (:id, :kind, :claim_id, :agent_id, :session_id, :chain, :asked_by, :status, "
        ":digest, :original_digest, :connection_id, :call_key, :sealed, :reason, :simulation, :notes, :submitted_at, "
        ":expires_at, NULL, NULL, :breadth, :uses_left, NULL, NULL)",
        id=row.id,
        kind=row.kind,
        claim_id=row.claim_id,
        agent_id=row.agent_id,
        session_id=row.session_id,
        chain=json.dumps(row.chain),
        asked_by=row.asked_by,
        status=str(row.status),
        digest=row.digest,
        original_digest=row.original_digest,
        connection_id=row.connection_id,
        call_key=row.call_key,
        sealed=row.sealed,
        reason=row.reason,
        simulation=row.simulation,
        notes=row.notes,
        submitted_at=milliseconds(row.submitted_at),
        expires_at=milliseconds(row.expires_at),
        breadth=str(row.breadth),
        uses_left=row.uses_left,
    )


def decide(
    tx: Tx,
    approval_id: str,
    *,
    status: Status,
    by: str,
    at: datetime,
    notes: str | None,
    expires_at: datetime | None = None,
    breadth: Breadth = Breadth.ONCE,
    uses_left: int | None = 1,
) -> None:
    """Write a person's word, once: the row must still be pending."""
    tx.execute(
        "UPDATE approvals SET status = :status, decided_by = :by, decided_at = :at, notes = :notes, "
        "breadth = :breadth, uses_left = :uses_left, expires_at = COALESCE(:expires_at, expires_at) "
        "WHERE id = :id AND status = 'pending'",
        status=str(status),
        by=by,
        at=milliseconds(at),
        notes=notes,
        breadth=str(breadth),
        uses_left=uses_left,
        expires_at=None if expires_at is None else milliseconds(expires_at),
        id=approval_id,
    )


def replace_call(tx: Tx, approval_id: str, *, digest: str, sealed: bytes, original_digest: str, call_key: str) -> None:
    """The person changed the call before saying yes; both digests are kept."""
    tx.execute(
        "UPDATE approvals SET digest = :digest, sealed = :sealed, call_key = :call_key, "
        "original_digest = COALESCE(original_digest, :original) WHERE id = :id",
        digest=digest,
        sealed=sealed,
        call_key=call_key,
        original=original_digest,
        id=approval_id,
    )


def set_use(tx: Tx, approval_id: str, *, status: Status, uses_left: int | None, operation_id: str | None) -> None:
    """A use was taken, settled or given back."""
    tx.execute(
        "UPDATE approvals SET status = :status, uses_left = :uses_left, operation_id = :operation_id WHERE id = :id",
        status=str(status),
        uses_left=uses_left,
        operation_id=operation_id,
        id=approval_id,
    )


def set_status(tx: Tx, approval_id: str, status: Status) -> None:
    """The clock or a disconnect ended it."""
    tx.execute("UPDATE approvals SET status = :status WHERE id = :id", status=str(status), id=approval_id)


def set_result(tx: Tx, approval_id: str, result: bytes) -> None:
    """Keep the answer of a carried-out change for whoever asked."""
    tx.execute("UPDATE approvals SET result = :result WHERE id = :id", result=result, id=approval_id)


def end_pending(tx: Tx, *, session_id: str | None = None, connection_id: str | None = None) -> list[ApprovalRow]:
    """What waits for a session that was revoked, or on a connection that has changed, expires; the rows that did."""
    rows = tx.all(
        "SELECT * FROM approvals WHERE status = 'pending' "
        "AND (session_id = :session_id OR connection_id = :connection_id)",
        session_id=session_id,
        connection_id=connection_id,
    )
    ended = [_row(row) for row in rows]
    for row in ended:
        set_status(tx, row.id, Status.EXPIRED)
    return ended


def shred(tx: Tx, *, before: datetime) -> int:
    """Forget the bytes of old calls; their digests stay."""
    return tx.execute(
        "UPDATE approvals SET sealed = NULL, result = NULL WHERE submitted_at < :before AND sealed IS NOT NULL "
        "AND status NOT IN ('pending', 'approved', 'reserved')",
        before=milliseconds(before),
    )


def _row(row: Row) -> ApprovalRow:
    return ApprovalRow(
        id=row["id"],
        kind=row["kind"],
        asked_by=row["asked_by"],
        status=Status(row["status"]),
        digest=row["digest"],
        submitted_at=from_milliseconds(row["submitted_at"]),
        expires_at=from_milliseconds(row["expires_at"]),
        sealed=row["sealed"],
        claim_id=row["claim_id"],
        agent_id=row["agent_id"],
        session_id=row["session_id"],
        chain=tuple(json.loads(row["chain"])),
        original_digest=row["original_digest"],
        connection_id=row["connection_id"],
        call_key=row["call_key"],
        reason=row["reason"],
        simulation=row["simulation"],
        notes=row["notes"],
        decided_at=None if row["decided_at"] is None else from_milliseconds(row["decided_at"]),
        decided_by=row["decided_by"],
        breadth=Breadth(row["breadth"]),
        uses_left=row["uses_left"],
        operation_id=row["operation_id"],
        result=row["result"],
    )
