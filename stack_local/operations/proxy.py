"""The proxied call and its outcome: the wire's words for the pipeline."""

from dataclasses import replace

from stack_local.domain.canonical import Json
from stack_local.domain.errors import Conflict, NotFound, StackError
from stack_local.egress.client import Upload
from stack_local.operations.binding import handles
from stack_local.operations.calls import as_json, asker_of
from stack_local.operations.context import Context
from stack_local.operations.visibility import require_agent, visible_agents
from stack_local.proxy.approvals import decode_call
from stack_local.proxy.facts import SALT_BYTES, Draft
from stack_local.proxy.forwarding import Forward, Incoming
from stack_local.proxy.outcomes import stored_response
from stack_local.proxy.own_tokens import without_own_tokens
from stack_local.proxy.pipeline import Asker
from stack_local.proxy.responses import shown
from stack_local.proxy.usage import month_after, month_of
from stack_local.store import access, agents, services
from stack_local.store import proxy as store
from stack_local.store.database import Tx
from stack_local.wire.proxy import (
    GetOperation,
    ListUnsettledWrites,
    OperationResult,
    ProxyRead,
    ProxyRequest,
    ProxyResponse,
    ProxyUsage,
    ServiceUsage,
    SettleWrite,
    UnsettledWrite,
    UnsettledWrites,
    UsageMeter,
)


@handles(ProxyRequest)
async def proxy_request(ctx: Context, request: ProxyRequest) -> ProxyResponse:
    """A call that may write, or that an approval stands for."""
    if ctx.forward is not None:
        return await _forwarded(ctx, request, ctx.forward)
    return await _made(
        ctx,
        request,
        body=as_json(request.body),
        approval_id=request.approval_id,
        request_id=request.operation_id,
    )


async def _forwarded(ctx: Context, request: ProxyRequest, forward: Forward) -> ProxyResponse:
    """A request below `/p/`: its body is read only where it is short, or where somebody must see it."""
    asker = asker_of(ctx, request.passport_token)
    draft = Draft(
        service=request.service,
        method=request.method,
        url=None,
        approval_id=request.approval_id,
        request_id=request.operation_id,
        forward=forward,
    )
    if forward.body is not None:
        draft = await _with_body(ctx, asker, draft, forward.body)
    # Until here a refusal is the door's to record.
    ctx.trail.is_recorded = True
    answer = await ctx.core.pipeline.run(asker, draft, on_operation=ctx.on_operation)
    if not forward.sink.has_begun:
        ctx.on_operation(answer.operation_id)
        await forward.sink.whole(answer.kept.status, answer.kept.headers, answer.kept.body, base=answer.base)
    return ProxyResponse(
        status=answer.kept.status,
        headers={},
        body=None,
        operation_id=answer.operation_id,
        approval_id=answer.approval_id,
        redacted=answer.kept.redacted,
        replayed=answer.replayed,
    )


async def _with_body(ctx: Context, asker: Asker, draft: Draft, body: Incoming) -> Draft:
    pieces = without_own_tokens(body.stream(), ctx.core.vault.token_marks())
    streamed = replace(draft, upload=Upload(pieces, body.length))
    if body.is_small or await ctx.core.pipeline.must_see_body(asker, streamed):
        return replace(draft, raw_body=await body.whole())
    return streamed


@handles(ProxyRead)
async def proxy_read(ctx: Context, request: ProxyRead) -> ProxyResponse:
    """A call by the methods alone that change nothing."""
    return await _made(ctx, request)


async def _made(
    ctx: Context,
    request: ProxyRequest | ProxyRead,
    *,
    body: Json = None,
    approval_id: str | None = None,
    request_id: str | None = None,
) -> ProxyResponse:
    """Hand the call to the pipeline, which decides, records and makes it."""
    ctx.trail.is_recorded = True
    draft = Draft(
        service=request.service,
        method=request.method,
        url=request.url,
        headers=request.headers or {},
        query=request.query or {},
        body=body,
        approval_id=approval_id,
        request_id=request_id,
    )
    answer = await ctx.core.pipeline.run(asker_of(ctx, request.passport_token), draft, on_operation=ctx.on_operation)
    return shown(
        answer.kept,
        operation_id=answer.operation_id,
        approval_id=answer.approval_id,
        select=request.select,
        max_chars=request.max_chars,
        replayed=answer.replayed,
    )


@handles(GetOperation)
def get_operation(tx: Tx, ctx: Context, request: GetOperation) -> OperationResult:
    """How a call stands, and its stored answer."""
    row = _operation(tx, ctx, request.operation_id)
    return _result(row, _response(ctx, row, request) if request.include_response else None)


def _result(row: store.OperationRow, response: ProxyResponse | None) -> OperationResult:
    return OperationResult(
        operation_id=row.id,
        state=row.state,
        created_at=row.created_at,
        finished_at=row.finished_at,
        provider_status=row.provider_status,
        provider_request_id=row.provider_request_id,
        provider_object_id=row.provider_object_id,
        error_code=row.error_code,
        error_message=row.error_message,
        settled_by=row.settled_by,
        response=response,
    )


def _operation(tx: Tx, ctx: Context, operation_id: str) -> store.OperationRow:
    """By our id, or by the one its caller chose; another's looks like none."""
    row = store.find(tx, operation_id)
    if row is None:
        seen = visible_agents(tx, ctx.actor)
        row = store.find_chosen(tx, operation_id, agents=seen)
    try:
        if row is not None:
            require_agent(tx, ctx.actor, row.agent_id, field="operation_id")
            return row
    except NotFound:
        pass
    raise NotFound(f"there is no operation {operation_id}", field="operation_id", hint="it is in the proxy's answer")


def _response(ctx: Context, row: store.OperationRow, request: GetOperation) -> ProxyResponse | None:
    try:
        kept = stored_response(ctx.core.vault, row)
    except StackError:
        return None
    return shown(
        kept,
        operation_id=row.id,
        approval_id=row.approval_id,
        select=request.select,
        offset=request.offset,
        max_chars=request.max_chars,
        replayed=True,
    )


@handles(ProxyUsage)
def proxy_usage(tx: Tx, ctx: Context, request: ProxyUsage) -> UsageMeter:
    """The month so far, for the agents the actor sees."""
    start, seen = month_of(ctx.now), visible_agents(tx, ctx.actor)
    counted = store.count_since(tx, start)
    items = [
        ServiceUsage(
            agent_id=agent_id,
            service_connection_id=connection_id,
            used=used,
            limit=access.terms_on(tx, agent_id, connection_id).allowance.per_month,
        )
        for (agent_id, connection_id), used in sorted(counted.items())
        if seen is None or agent_id in seen
    ]
    own = ctx.actor.agent_id
    used = sum(item.used for item in items if own in (None, item.agent_id))
    limit = None if own is None else access.allowance_of(tx, own).per_month
    return UsageMeter(
        limit=limit,
        used=used,
        remaining=None if limit is None else max(0, limit - used),
        period=f"{start:%Y-%m}",
        period_start=start,
        period_end=month_after(ctx.now),
        items=items,
    )


UNSETTLED_SHOWN = 100
"""Writes of unknown outcome in one answer."""


@handles(ListUnsettledWrites)
def list_unsettled_writes(tx: Tx, ctx: Context, request: ListUnsettledWrites) -> UnsettledWrites:
    """What a person should look at."""
    rows = store.list_unsettled(tx, limit=UNSETTLED_SHOWN)
    return UnsettledWrites(items=[_unsettled(tx, ctx, row) for row in rows])


def _unsettled(tx: Tx, ctx: Context, row: store.OperationRow) -> UnsettledWrite:
    connection = services.get_rule(tx, row.connection_id)
    summary = None
    if row.sealed_call is not None and ctx.core.vault.is_unlocked:
        call = decode_call(ctx.core.vault.open_content(row.sealed_call, row_id=row.id)[SALT_BYTES:])
        summary = connection.rules.summary_of(call)
    return UnsettledWrite(
        operation_id=row.id,
        agent_id=row.agent_id,
        agent_name=agents.find_name(tx, row.agent_id) or row.agent_id,
        service=connection.label,
        subject=row.subject,
        summary=summary,
        created_at=row.created_at,
        provider_request_id=row.provider_request_id,
        error_message=row.error_message,
        request_id=row.request_id,
    )


@handles(SettleWrite)
def settle_write(tx: Tx, ctx: Context, request: SettleWrite) -> OperationResult:
    """A person looked at the service and says what became of it; the call is not made again."""
    row = store.get(tx, request.operation_id)
    if row.state != store.UNKNOWN or row.settled_by is not None:
        raise Conflict(
            "the outcome of this call is known", field="operation_id", rule="outcome_unknown and not settled yet"
        )
    said = [ctx.actor.label, "happened" if request.happened else "did not happen", request.notes]
    store.settle(tx, row.id, by=": ".join(filter(None, said)))
    tx.is_visible = True
    ctx.note(agent_id=row.agent_id, subject=row.subject)
    ctx.note(operation_id=row.id, happened=request.happened, notes=request.notes)
    return _result(store.get(tx, row.id), None)
