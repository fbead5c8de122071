"""A call in the log: its name there, the record of how it ended, and the answer that is kept of it."""

from dataclasses import dataclass

from stack_local.domain.audit import Layer, Outcome
from stack_local.domain.calls import Call
from stack_local.domain.errors import UpstreamFailed
from stack_local.proxy.responses import Kept
from stack_local.store import proxy as store
from stack_local.store import services
from stack_local.store.audit import Scribe
from stack_local.store.database import Tx
from stack_local.vault.vault import Vault

ACTION = "credential.proxy"
"""What a proxied call is called in the log."""


def subject_of(call: Call) -> str:
    """A call in the log: method, host and path; never its query."""
    return f"{call.method} {call.url.authority}{call.url.raw_path}"


def kept_operation(tx: Tx, operation_id: str) -> tuple[store.OperationRow, str]:
    """An operation, and the URL that `/p/{service}` stands for now."""
    row = store.get(tx, operation_id)
    return row, services.get_rule(tx, row.connection_id).base


def stored_response(vault: Vault, row: store.OperationRow) -> Kept:
    """What a finished operation brought back.

    Raises:
        UpstreamFailed: it failed, its outcome is unknown, or its bytes are no longer kept.
    """
    if row.sealed_response is not None:
        return Kept.decode(vault.open_content(row.sealed_response, row_id=f"{row.id}.response"))
    if row.state == store.RECEIVED:
        raise not_kept(row.id)
    raise UpstreamFailed(
        row.error_message or f"the call is {row.state}",
        code=row.error_code or "OUTCOME_UNKNOWN",
        operation_id=row.id,
        hint="the call may have had its effect; look before you repeat it",
    )


def not_kept(operation_id: str) -> UpstreamFailed:
    """The call was made and answered; the answer was too long to keep, or its time is over."""
    return UpstreamFailed(
        "the call was made, and its answer is not kept",
        code="RESPONSE_NOT_KEPT",
        operation_id=operation_id,
        hint="read the result at the service; the call is not made again",
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation ended."""

    state: str
    error_code: str | None = None
    error_message: str | None = None
    duration_ms: int | None = None
    receipt: store.Receipt = store.NO_RECEIPT


def record_outcome(tx: Tx, scribe: Scribe, row: store.OperationRow, ended: Ended, *, kept: Kept | None = None) -> None:
    """The record *completed* or *failed* of an operation."""
    detail: dict[str, str | int | bool | None] = {"operation_id": row.id, "state": ended.state}
    if kept is not None:
        size = len(kept.body) if kept.is_whole else kept.passed_bytes
        detail |= {"status": kept.status, "response_bytes": size, "redacted": kept.redacted}
        if kept.suspicion is not None:
            detail["suspicion"] = kept.suspicion
    receipt = {"provider_request_id": ended.receipt.request_id, "provider_object_id": ended.receipt.object_id}
    detail |= {name: value for name, value in receipt.items() if value is not None}
    scribe.write(
        tx,
        trace_id=row.trace_id,
        actor=row.asked_by,
        action=ACTION,
        outcome=Outcome.SUCCESS if ended.state == store.RECEIVED else Outcome.FAILURE,
        layer=Layer.PROXY,
        agent_id=row.agent_id,
        passport_jti=row.passport_jti,
        subject=row.subject,
        duration_ms=ended.duration_ms,
        error_code="OUTCOME_UNKNOWN" if ended.state == store.UNKNOWN else ended.error_code,
        error_message=ended.error_message,
        detail=detail,
    )
