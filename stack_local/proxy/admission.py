"""Why a call was let out: whose word it was, and what its record says besides."""

from stack_local.domain.policy import Allow, Facts
from stack_local.proxy.facts import Draft
from stack_local.store import approvals
from stack_local.store.database import Tx
from stack_local.store.proxy import OperationRow


def said_of(facts: Facts, row: OperationRow, allowed: Allow, draft: Draft) -> dict[str, str | int | bool | None]:
    """The details of the record *requested*."""
    said: dict[str, str | int | bool | None] = {
        "service": facts.connection.provider,
        "operation_id": row.id,
        "approval_id": row.approval_id,
        "ignored_approval_id": draft.approval_id if row.approval_id is None else None,
        "request_id": draft.request_id,
        "would_have": "approval_required" if allowed.would_ask else None,
        "allowed_by_rule": allowed.rule,
        "template": facts.connection.rules.version[:12] or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def decided_by(tx: Tx, row: OperationRow) -> str:
    """Whoever said yes to exactly this call, or the grant that spared the question."""
    if row.approval_id is None:
        return f"grant:{row.connection_id}"
    return approvals.get(tx, row.approval_id).decided_by or "nobody"
