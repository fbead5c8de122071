"""Proposals: keeping what an agent would like connected until a person completes or declines it."""

import json
from datetime import timedelta

from stack_local.domain.approvals import PENDING_HOURS, Status
from stack_local.domain.canonical import Json, digest
from stack_local.domain.errors import Conflict, NotFound
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.proxy.approvals import check_room
from stack_local.store import approvals as store
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx
from stack_local.wire.proposals import DeclineProposal, ListProposals, Proposal, Proposals, ProposeConnection

WORDS = {Status.PENDING: "pending", Status.REJECTED: "declined", Status.CONSUMED: "completed"}
"""What each state is called; any other has expired."""


@handles(ProposeConnection)
def propose_connection(tx: Tx, ctx: Context, request: ProposeConnection) -> Proposal:
    """An equal one that waits is the answer; a person is asked once."""
    template = ctx.core.plugins.templates.get(request.provider)
    if template is None or not template.is_service:
        raise NotFound(f"there is no service {request.provider}", field="provider", hint="see stack_list_services")
    wanted: dict[str, Json] = {"name": request.name or template.name, "scopes": [*dict.fromkeys(request.scopes)]}
    same = digest({"provider": request.provider, **wanted})
    asked_by = ctx.actor.label
    twin = store.find_pending_twin(tx, digest=same, kind=store.PROPOSAL, asked_by=asked_by, session_id=None)
    ctx.note(agent_id=ctx.actor.agent_id, subject=request.provider)
    if twin is not None and twin.expires_at > ctx.now:
        return _view(ctx, twin)
    waiting = store.count_pending_of(tx, asked_by)
    check_room(max(waiting, 0 if ctx.actor.agent_id is None else store.count_pending(tx, ctx.actor.agent_id)))
    proposal_id = ctx.ports.system.new_id("approval")
    row = ApprovalRow(
        id=proposal_id,
        kind=store.PROPOSAL,
        asked_by=asked_by,
        status=Status.PENDING,
        digest=same,
        submitted_at=ctx.now,
        expires_at=ctx.now + timedelta(hours=PENDING_HOURS),
        sealed=ctx.core.vault.seal_content(json.dumps(wanted).encode(), row_id=proposal_id),
        agent_id=ctx.actor.agent_id,
        call_key=request.provider,
        reason=request.reason,
    )
    store.insert(tx, row)
    tx.is_visible = True
    return _view(ctx, row)


@handles(ListProposals)
def list_proposals(tx: Tx, ctx: Context, request: ListProposals) -> Proposals:
    """What waits, oldest first."""
    rows = store.list_pending(tx, store.PROPOSAL, limit=100)
    return Proposals(items=[_view(ctx, row) for row in rows if row.expires_at > ctx.now])


@handles(DeclineProposal)
def decline_proposal(tx: Tx, ctx: Context, request: DeclineProposal) -> Proposal:
    """Say no; nothing else happens."""
    row = store.get(tx, request.proposal_id)
    if row.kind != store.PROPOSAL:
        raise NotFound(f"there is no proposal {request.proposal_id}", field="proposal_id", hint="see the list")
    if row.status is not Status.PENDING or row.expires_at <= ctx.now:
        raise Conflict("the proposal no longer waits", field="proposal_id", rule="pending")
    store.decide(tx, row.id, status=Status.REJECTED, by=ctx.actor.label, at=ctx.now, notes=request.notes)
    tx.is_visible = True
    ctx.note(agent_id=row.agent_id, subject=row.call_key)
    return _view(ctx, store.get(tx, row.id))


def _view(ctx: Context, row: ApprovalRow) -> Proposal:
    """Its words; without name and scopes once they were shredded."""
    wanted = {"name": "", "scopes": []}
    if row.sealed is not None:
        wanted = json.loads(ctx.core.vault.open_content(row.sealed, row_id=row.id))
    return Proposal.model_validate(
        {
            "id": row.id,
            "provider": row.call_key,
            "name": wanted["name"],
            "scopes": wanted["scopes"],
            "reason": row.reason or "",
            "asked_by": row.asked_by,
            "agent_id": row.agent_id,
            "status": WORDS.get(row.status, "expired"),
            "submitted_at": row.submitted_at,
            "expires_at": row.expires_at,
            "notes": row.notes,
        }
    )
