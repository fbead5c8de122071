"""The audit log: read, head, verify."""

from collections.abc import Iterator
from dataclasses import asdict

from stack_local.domain.audit import GENESIS, Record, first_break
from stack_local.domain.errors import Forbidden, NotFound
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.visibility import visible_records
from stack_local.store import audit as store
from stack_local.store.database import Tx
from stack_local.wire.audit import (
    AuditChainHead,
    AuditEntry,
    AuditPage,
    ChainHead,
    ChainVerdict,
    ListAudit,
    VerifyAuditChain,
)


@handles(ListAudit)
def list_audit(tx: Tx, ctx: Context, request: ListAudit) -> AuditPage:
    """What the actor may see, newest first."""
    records = store.list_(
        tx,
        visible=visible_records(tx, ctx.actor),
        limit=request.limit,
        since=request.since,
        after_sequence=request.after_sequence,
        agent_id=request.agent_id,
        passport_jti=request.passport_jti,
        action=request.action,
    )
    entries = [AuditEntry(**asdict(record)) for record in records]
    return AuditPage(entries=entries, max_timestamp=max((entry.timestamp for entry in entries), default=None))


@handles(AuditChainHead)
def audit_chain_head(tx: Tx, ctx: Context, request: AuditChainHead) -> ChainHead:
    """The end of the chain."""
    return _head(tx)


@handles(VerifyAuditChain)
def verify_audit_chain(tx: Tx, ctx: Context, request: VerifyAuditChain) -> ChainVerdict:
    """Walk the chain and recompute every hash."""
    if not ctx.actor.sees_everything and request.from_sequence != 1:
        raise Forbidden("a part of the chain is the operator's to verify", rule="whole chain", field="from_sequence")
    before = store.hash_at(tx, request.from_sequence - 1)
    if before is None:
        raise NotFound("there is no such entry", field="from_sequence", rule="at most the head's sequence + 1")
    checked = 0

    def counted() -> Iterator[Record]:
        nonlocal checked
        for record in store.walk(tx, from_sequence=request.from_sequence, limit=request.limit):
            checked += 1
            yield record

    found = first_break(
        counted(), sequence=request.from_sequence, prev_entry_hash=GENESIS if request.from_sequence == 1 else before
    )
    return ChainVerdict(
        ok=found is None,
        checked=checked,
        first_break=None if found is None else found.sequence,
        reason=None if found is None else found.reason,
        head=_head(tx),
    )


def _head(tx: Tx) -> ChainHead:
    head = store.head(tx)
    return ChainHead(sequence=head.sequence, entry_hash=head.entry_hash, count=head.sequence)
