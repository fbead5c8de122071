"""Operations: each proxied call that was let out, and how it ended."""

from dataclasses import dataclass
from datetime import datetime

from stack_local.domain.detection import PastCall
from stack_local.domain.errors import NotFound
from stack_local.store.database import Bulk, Row, Tx
from stack_local.system import from_milliseconds, milliseconds

NEWEST = 1000
"""Calls among which an agent's last ones are looked for: no index of every call is kept for that."""

DISPATCHING, RECEIVED, FAILED, UNKNOWN = "dispatching", "response_received", "failed", "outcome_unknown"


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One call that was let out."""

    id: str
    agent_id: str
    passport_jti: str
    asked_by: str
    connection_id: str
    approval_id: str | None
    digest: str
    is_write: bool
    trace_id: str
    subject: str
    state: str
    created_at: datetime
    finished_at: datetime | None = None
    sealed_call: bytes | None = None
    sealed_response: bytes | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    """The operation id its caller chose."""
    provider_status: int | None = None
    provider_request_id: str | None = None
    provider_object_id: str | None = None
    settled_by: str | None = None
    """Who said what became of a write of which nobody knows."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the service itself said of a call."""

    status: int | None = None
    request_id: str | None = None
    object_id: str | None = None


NO_RECEIPT = Receipt()
"""Nothing came back."""


def get(tx: Tx, operation_id: str) -> OperationRow:
    """One operation.

    Raises:
        NotFound: there is none of that id.
    """
    row = tx.find("SELECT * FROM operations WHERE id = :id", id=operation_id)
    if row is None:
        raise NotFound(
            f"there is no operation {operation_id}", field="operation_id", hint="it is in the proxy's answer"
        )
    return _row(row)


_INSERT = Bulk(
    "INSERT INTO operations (id, agent_id, passport_jti, asked_by, connection_id, approval_id, digest, is_write, "
    "trace_id, subject, state, sealed_call, sealed_response, error_code, error_message, created_at, finished_at, "
    "request_id) VALUES",
    18,
)


def insert(tx: Tx, row: OperationRow) -> None:
    """Keep a call before it goes out."""
    tx.log(
        _INSERT,
        row.id,
        row.agent_id,
        row.passport_jti,
        row.asked_by,
        row.connection_id,
        row.approval_id,
        row.digest,
        int(row.is_write),
        row.trace_id,
        row.subject,
        row.state,
        row.sealed_call,
        row.sealed_response,
        row.error_code,
        row.error_message,
        milliseconds(row.created_at),
        None if row.finished_at is None else milliseconds(row.finished_at),
        row.request_id,
    )


_FINISH = Bulk(
    "UPDATE operations SET state = column2, finished_at = column3, sealed_response = column4, error_code = column5, "
    "error_message = column6, provider_status = column7, provider_request_id = column8, provider_object_id = column9, "
    # Nothing was sent: the caller's id is free again.
    "request_id = CASE column2 WHEN 'failed' THEN NULL ELSE request_id END FROM (VALUES",
    9,
    ") WHERE id = column1 AND state = 'dispatching'",
    changes=True,
)


def finish(
    tx: Tx,
    operation_id: str,
    *,
    state: str,
    at: datetime,
    sealed_response: bytes | None = None,
    error_code: str | None = None,
    error_message: str | None = None,
    receipt: Receipt = NO_RECEIPT,
) -> None:
    """Write the outcome of a call; one that has an outcome already keeps it."""
    tx.log(
        _FINISH,
        operation_id,
        state,
        milliseconds(at),
        sealed_response,
        error_code,
        error_message,
        receipt.status,
        receipt.request_id,
        receipt.object_id,
    )


def find(tx: Tx, operation_id: str) -> OperationRow | None:
    """One operation by our own id."""
    row = tx.find("SELECT * FROM operations WHERE id = :id", id=operation_id)
    return None if row is None else _row(row)


def find_chosen(tx: Tx, request_id: str, *, agents: frozenset[str] | None) -> OperationRow | None:
    """The newest operation under an id that its caller chose, of these agents (None: of all)."""
    rows = tx.all("SELECT * FROM operations WHERE request_id = :id ORDER BY created_at DESC", id=request_id)
    return next((_row(row) for row in rows if agents is None or row["agent_id"] in agents), None)


def find_by_request(tx: Tx, agent_id: str, request_id: str) -> OperationRow | None:
    """The call an agent made under an operation id of its own choice."""
    row = tx.find(
        "SELECT * FROM operations WHERE agent_id = :agent_id AND request_id = :request_id",
        agent_id=agent_id,
        request_id=request_id,
    )
    return None if row is None else _row(row)


def list_of(tx: Tx, agent_id: str, connection_id: str, *, limit: int) -> list[OperationRow]:
    """An agent's newest calls on one connection."""
    rows = tx.all(
        "SELECT * FROM operations WHERE agent_id = :agent_id AND connection_id = :connection_id "
        "ORDER BY created_at DESC LIMIT :limit",
        agent_id=agent_id,
        connection_id=connection_id,
        limit=limit,
    )
    return [_row(row) for row in rows]


def list_unsettled(tx: Tx, *, limit: int) -> list[OperationRow]:
    """Writes of which nobody knows whether they happened, oldest first."""
    rows = tx.all(
        "SELECT * FROM operations WHERE state = 'outcome_unknown' AND is_write = 1 AND settled_by IS NULL "
        "ORDER BY created_at LIMIT :limit",
        limit=limit,
    )
    return [_row(row) for row in rows]


def count_unsettled(tx: Tx) -> int:
    """How many writes nobody knows the outcome of."""
    row = tx.find(
        "SELECT COUNT(*) AS writes FROM operations "
        "WHERE state = 'outcome_unknown' AND is_write = 1 AND settled_by IS NULL"
    )
    return 0 if row is None else int(row["writes"])


def settle(tx: Tx, operation_id: str, *, by: str) -> None:
    """Somebody said what became of it."""
    tx.execute("UPDATE operations SET settled_by = :by WHERE id = :id", by=by, id=operation_id)


def count_since(tx: Tx, start: datetime) -> dict[tuple[str, str], int]:
    """How many calls were let out since, by agent and connection."""
    rows = tx.all(
        "SELECT agent_id, connection_id, COUNT(*) AS calls FROM operations WHERE created_at >= :start "
        "GROUP BY agent_id, connection_id",
        start=milliseconds(start),
    )
    return {(row["agent_id"], row["connection_id"]): row["calls"] for row in rows}


def list_dispatching(tx: Tx) -> list[OperationRow]:
    """Calls without an outcome."""
    return [_row(row) for row in tx.all("SELECT * FROM operations WHERE state = 'dispatching' ORDER BY created_at")]


def last_identical(tx: Tx, digest: str) -> datetime | None:
    """When an identical call last went out, of those a person may be asked about: writes, and what was approved."""
    row = tx.find(
        "SELECT MAX(created_at) AS at FROM operations "
        "WHERE digest = :digest AND (is_write = 1 OR approval_id IS NOT NULL)",
        digest=digest,
    )
    return None if row is None or row["at"] is None else from_milliseconds(row["at"])


def recent(tx: Tx, agent_id: str, *, limit: int) -> tuple[PastCall, ...]:
    """The newest calls of an agent among the newest of all, for the detectors."""
    rows = tx.all(
        "SELECT digest, created_at FROM operations WHERE rowid > (SELECT MAX(rowid) FROM operations) - :among "
        "AND agent_id = :id ORDER BY rowid DESC LIMIT :limit",
        among=NEWEST,
        id=agent_id,
        limit=limit,
    )
    return tuple(PastCall(row["digest"], row["created_at"]) for row in rows)


def shred(tx: Tx, *, calls_before: datetime, responses_before: datetime) -> int:
    """Forget old bytes; the digests and the log stay."""
    calls = tx.execute(
        "UPDATE operations SET sealed_call = NULL WHERE created_at < :before AND sealed_call IS NOT NULL",
        before=milliseconds(calls_before),
    )
    responses = tx.execute(
        "UPDATE operations SET sealed_response = NULL WHERE created_at < :before AND sealed_response IS NOT NULL",
        before=milliseconds(responses_before),
    )
    return calls + responses


def _row(row: Row) -> OperationRow:
    return OperationRow(
        id=row["id"],
        agent_id=row["agent_id"],
        passport_jti=row["passport_jti"],
        asked_by=row["asked_by"],
        connection_id=row["connection_id"],
        approval_id=row["approval_id"],
        digest=row["digest"],
        is_write=bool(row["is_write"]),
        trace_id=row["trace_id"],
        subject=row["subject"],
        state=row["state"],
        created_at=from_milliseconds(row["created_at"]),
        finished_at=None if row["finished_at"] is None else from_milliseconds(row["finished_at"]),
        sealed_call=row["sealed_call"],
        sealed_response=row["sealed_response"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        request_id=row["request_id"],
        provider_status=row["provider_status"],
        provider_request_id=row["provider_request_id"],
        provider_object_id=row["provider_object_id"],
        settled_by=row["settled_by"],
    )
