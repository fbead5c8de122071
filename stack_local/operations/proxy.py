"""The proxied call and its outcome: the wire's words for the pipeline."""

from stack_local.domain.canonical import Json
from stack_local.domain.errors import NotFound, StackError
from stack_local.operations.binding import handles
from stack_local.operations.calls import as_json, asker_of
from stack_local.operations.context import Context
from stack_local.operations.visibility import require_agent
from stack_local.proxy.facts import Draft
from stack_local.proxy.outcomes import stored_response
from stack_local.proxy.responses import shown
from stack_local.store import proxy as store
from stack_local.store.database import Tx
from stack_local.wire.proxy import GetOperation, OperationResult, ProxyRead, ProxyRequest, ProxyResponse


@handles(ProxyRequest)
async def proxy_request(ctx: Context, request: ProxyRequest) -> ProxyResponse:
    """A call that may write, or that an approval stands for."""
    return await _made(ctx, request, body=as_json(request.body), approval_id=request.approval_id)


@handles(ProxyRead)
async def proxy_read(ctx: Context, request: ProxyRead) -> ProxyResponse:
    """A call by the methods alone that change nothing."""
    return await _made(ctx, request)


async def _made(
    ctx: Context, request: ProxyRequest | ProxyRead, *, body: Json = None, approval_id: str | None = None
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
    row = store.get(tx, request.operation_id)
    try:
        require_agent(tx, ctx.actor, row.agent_id, field="operation_id")
    except NotFound:
        raise NotFound(f"there is no operation {request.operation_id}", field="operation_id") from None
    return OperationResult(
        operation_id=row.id,
        state=row.state,
        created_at=row.created_at,
        finished_at=row.finished_at,
        error_code=row.error_code,
        error_message=row.error_message,
        response=_response(ctx, row, request),
    )


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
