"""Decisions about controls: holding what a key asks to loosen, and carrying it out on a person's word (decision 3)."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import SecretStr, ValidationError

from stack_local.client import encode
from stack_local.domain.approvals import PENDING_HOURS, Status
from stack_local.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, StackError
from stack_local.domain.loosening import A_PERSON_ONLY, RULES
from stack_local.operations.bearers import find_asker
from stack_local.operations.binding import HANDLERS, Binding, handles
from stack_local.operations.context import Context, Extra
from stack_local.operations.visibility import visible_agents
from stack_local.proxy.approvals import check_room
from stack_local.store import approvals as store
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx
from stack_local.wire.catalogue import Request, View, by_name
from stack_local.wire.decisions import (
    ApproveDecision,
    GetDecision,
    ListPendingDecisions,
    PendingDecision,
    PendingDecisions,
    ProposeChange,
    RejectDecision,
)

_ID_FIELD = "governance_approval_id"


class _Undo(Exception):
    """Leaves a savepoint after a trial run."""


def hold_or_answer(tx: Tx, ctx: Context, binding: Binding, request: Request[Any]) -> StackError | View | None:
    """None: the change may run. A refusal: it waits for a person now. A view: the stored answer of an allowed one."""
    operation = binding.operation
    if operation.loosens is None or ctx.actor.is_person:
        return None
    current = binding.current(tx, request) if binding.current else {}
    fields = RULES[operation.loosens](current, request.model_dump(mode="json", exclude_unset=True))
    if not fields or (ctx.actor.may_loosen and not A_PERSON_ONLY & set(fields)):
        return None
    approval_id = getattr(request, _ID_FIELD)
    if approval_id is not None:
        return _answer_of(tx, ctx, binding, request, approval_id)
    _try_out(tx, ctx, binding, request)
    row = _open(tx, ctx, binding, request)
    return _required(row)


def _required(row: ApprovalRow) -> Forbidden:
    return Forbidden(
        "a person must allow this change: it loosens a control",
        code="GOVERNANCE_APPROVAL_REQUIRED",
        rule="loosens",
        governance_approval_id=row.id,
        hint="poll stack_get_decision; once approved it is done, and this call repeated with the id returns its answer",
    )


def _try_out(tx: Tx, ctx: Context, binding: Binding, request: Request[Any]) -> None:
    """Refuse what could not be carried out anyway, so that a person is asked only for what would work."""
    trial = replace(ctx, trail=replace(ctx.trail, detail={}, extras=[]))
    try:
        with tx.savepoint("trial"):
            binding.handler(tx, trial, request)
            raise _Undo
    except _Undo:
        return


def _open(tx: Tx, ctx: Context, binding: Binding, request: Request[Any], *, reason: str | None = None) -> ApprovalRow:
    digest = _digest(ctx.actor.label, binding.operation.name, request)
    twin = store.find_pending_twin(tx, digest=digest, kind=store.GOVERNANCE, asked_by=ctx.actor.label, session_id=None)
    if twin is not None and twin.expires_at > ctx.now:
        return twin
    check_room(_waiting_of(tx, ctx))
    approval_id = ctx.ports.system.new_id("approval")
    row = ApprovalRow(
        id=approval_id,
        kind=store.GOVERNANCE,
        asked_by=ctx.actor.label,
        status=Status.PENDING,
        digest=digest,
        submitted_at=ctx.now,
        expires_at=ctx.now + timedelta(hours=PENDING_HOURS),
        sealed=ctx.core.vault.seal_content(encode(request), row_id=approval_id),
        agent_id=getattr(request, "agent_id", None) or ctx.actor.agent_id,
        call_key=binding.operation.name,
        reason=reason,
    )
    store.insert(tx, row)
    tx.is_visible = True
    return row


def _waiting_of(tx: Tx, ctx: Context) -> int:
    """How many decisions wait for who asks; an agent has no more of them by holding more passports."""
    own = ctx.actor.agent_id
    return max(store.count_pending_of(tx, ctx.actor.label), 0 if own is None else store.count_pending(tx, own))


def _digest(actor: str, operation: str, request: Request[Any]) -> str:
    """Operation, arguments and actor; the id of the decision itself left out."""
    arguments = json.loads(encode(request))
    arguments.pop(_ID_FIELD, None)
    whole = json.dumps([actor, operation, arguments], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _answer_of(tx: Tx, ctx: Context, binding: Binding, request: Request[Any], approval_id: str) -> StackError | View:
    row = _governance(tx, approval_id)
    if row.asked_by != ctx.actor.label or row.digest != _digest(ctx.actor.label, binding.operation.name, request):
        return Forbidden("the decision is for another change", rule="governance_approval_id", field=_ID_FIELD)
    if row.status is Status.PENDING and row.expires_at > ctx.now:
        return _required(row)
    if row.result is None:
        return Forbidden("a person did not allow this change", rule="loosens", field=_ID_FIELD, hint="stop")
    ctx.note(replayed=row.id)
    plain = ctx.core.vault.open_content(row.result, row_id=f"{row.id}.result")
    return binding.operation.answer.model_validate_json(plain)


def _governance(tx: Tx, approval_id: str) -> ApprovalRow:
    row = store.get(tx, approval_id)
    if row.kind != store.GOVERNANCE:
        raise NotFound(f"there is no decision {approval_id}", field="approval_id", hint="see stack_get_intent_approval")
    return row


@handles(ProposeChange)
def propose_change(tx: Tx, ctx: Context, request: ProposeChange) -> PendingDecision:
    """Hold the change a refusal proposed, as if the asker had asked for it itself; a person accepts it with one key."""
    operation = by_name(request.operation)
    assert operation is not None  # the field lists operations of the catalogue
    asked = _made_of(operation.request, request.arguments)
    binding = HANDLERS[operation.request]
    _try_out(tx, ctx, binding, asked)
    row = _open(tx, ctx, binding, asked, reason=request.reason)
    ctx.note(agent_id=row.agent_id, subject=row.id, operation=operation.name)
    return _view(ctx, row)


def _made_of(request: type[Request[Any]], arguments: dict[str, Any]) -> Request[Any]:
    try:
        return request.model_validate({name: value for name, value in arguments.items() if name != _ID_FIELD})
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(
            f"arguments.{where}: {first['msg']}", field=f"arguments.{where}", rule=first["msg"]
        ) from None


@handles(ListPendingDecisions)
def list_pending_decisions(tx: Tx, ctx: Context, request: ListPendingDecisions) -> PendingDecisions:
    """What waits, oldest first."""
    rows = store.list_pending(tx, store.GOVERNANCE, limit=100)
    return PendingDecisions(items=[_view(ctx, row) for row in rows if row.expires_at > ctx.now])


@handles(GetDecision)
def get_decision(tx: Tx, ctx: Context, request: GetDecision) -> PendingDecision:
    """One decision, to whoever asked for it and to whoever sees everything."""
    row = _governance(tx, request.approval_id)
    if visible_agents(tx, ctx.actor) is not None and row.asked_by != ctx.actor.label:
        raise NotFound(f"there is no decision {request.approval_id}", field="approval_id")
    return _view(ctx, row)


@handles(ApproveDecision)
def approve_decision(tx: Tx, ctx: Context, request: ApproveDecision) -> PendingDecision:
    """Carry the change out at once, as the one who asked, and keep its answer."""
    row = _decidable(tx, ctx, request.approval_id)
    binding, asked = _asked(ctx, row)
    actor = find_asker(tx, row.asked_by, ctx.now)
    if actor is None:
        raise Conflict("the bearer that asked was revoked meanwhile", field="approval_id", hint="reject it")
    asker = replace(ctx, actor=actor)
    answer = binding.handler(tx, asker, asked)
    store.decide(tx, row.id, status=Status.CONSUMED, by=ctx.actor.label, at=ctx.now, notes=request.notes)
    sealed = ctx.core.vault.seal_content(answer.model_dump_json().encode(), row_id=f"{row.id}.result")
    store.set_result(tx, row.id, sealed)
    done = binding.operation
    ctx.trail.extras.append(Extra(done.audit, ctx.trail.agent_id, None, ctx.trail.subject, done.layer))
    ctx.note(subject=row.id, operation=done.name, asked_by=row.asked_by)
    return _view(ctx, store.get(tx, row.id))


@handles(RejectDecision)
def reject_decision(tx: Tx, ctx: Context, request: RejectDecision) -> PendingDecision:
    """Refuse the change; nothing is revoked."""
    row = _decidable(tx, ctx, request.approval_id)
    store.decide(tx, row.id, status=Status.REJECTED, by=ctx.actor.label, at=ctx.now, notes=request.notes)
    ctx.note(subject=row.id, operation=row.call_key)
    return _view(ctx, store.get(tx, row.id))


def _decidable(tx: Tx, ctx: Context, approval_id: str) -> ApprovalRow:
    row = _governance(tx, approval_id)
    if row.status is not Status.PENDING or row.expires_at <= ctx.now:
        raise Conflict("the decision is made already, or past its time", field="approval_id", rule="pending")
    return row


def _asked(ctx: Context, row: ApprovalRow) -> tuple[Binding, Request[Any]]:
    operation = by_name(row.call_key or "")
    if operation is None or row.sealed is None:
        raise Conflict("the asked-for change is no longer known", field="approval_id", hint="reject it")
    plain = ctx.core.vault.open_content(row.sealed, row_id=row.id)
    return HANDLERS[operation.request], operation.request.model_validate_json(plain)


def _view(ctx: Context, row: ApprovalRow) -> PendingDecision:
    asked = None if row.sealed is None else _asked(ctx, row)[1]
    arguments = {} if asked is None else _without_secrets(asked)
    result = None
    if row.result is not None:
        result = json.loads(ctx.core.vault.open_content(row.result, row_id=f"{row.id}.result"))
    return PendingDecision(
        id=row.id,
        operation=row.call_key or "",
        summary="" if asked is None else type(asked).__doc__ or "",
        arguments=arguments,
        asked_by=row.asked_by,
        status=row.status,
        submitted_at=row.submitted_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        notes=row.notes,
        result=result,
    )


def _without_secrets(request: Request[Any]) -> dict[str, Any]:
    def is_secret(value: object) -> bool:
        held = value.values() if isinstance(value, dict) else [value]
        return any(isinstance(item, SecretStr) for item in held)

    secret = {name for name in request.model_fields_set if is_secret(getattr(request, name))}
    return request.model_dump(mode="json", exclude_unset=True, exclude=secret | {_ID_FIELD})
