"""Intents: simulate, submit, follow, decide."""

from datetime import datetime, timedelta

from stack_local.domain.actors import Actor
from stack_local.domain.approvals import USE_WITHIN_MINUTES, Breadth, Status
from stack_local.domain.calls import Call
from stack_local.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from stack_local.domain.policy import Deny, decide
from stack_local.operations.binding import handles
from stack_local.operations.calls import asker_of, connection_of, draft_of, edited, exact, facts_of, simulated
from stack_local.operations.context import Context
from stack_local.operations.minting import acting_passport
from stack_local.operations.revocation import revoke_cascading
from stack_local.operations.visibility import require_agent, visible_agents
from stack_local.proxy import approvals as gate
from stack_local.proxy import refusals
from stack_local.proxy.facts import proposed_call
from stack_local.store import agents, passports
from stack_local.store import approvals as store
from stack_local.store import proxy as operations
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx
from stack_local.system import milliseconds
from stack_local.wire.intents import (
    ApproveIntent,
    CallEdits,
    ExactCall,
    GetIntentApproval,
    IntentApproval,
    ListIntents,
    PendingIntents,
    RejectIntent,
    SendBackIntent,
    SimulateIntent,
    Simulation,
    SubmitIntent,
    Submitted,
)

POLL_AFTER_SECONDS = 2
"""What an agent is told to wait between looks."""

TOOL_MARGIN_SECONDS = 0.5
"""Over MCP a look answers this long before the time of a tool call is up (house decision 8)."""

USES_HOURS = 24
"""How long a number of uses may be drawn on, where the person names no time."""


async def _look(ctx: Context, request: SimulateIntent | SubmitIntent) -> None:
    """Show the proposed call to the detectors, as they will see it when it is made."""
    asker = asker_of(ctx, request.passport_token)
    ctx.trail.findings = await ctx.core.pipeline.inspect(asker, draft_of(request.intent)) or ()


@handles(SimulateIntent, before=_look)
def simulate_intent(tx: Tx, ctx: Context, request: SimulateIntent) -> Simulation:
    """Ask the policy, and do nothing."""
    passport = acting_passport(tx, ctx, request.passport_token)
    connection, call = proposed_call(tx, ctx.core.vault, draft_of(request.intent))
    claim_id = ctx.ports.system.new_id("claim") if request.persist else None
    ctx.note(agent_id=passport.agent_id, passport_jti=passport.jti, digest=call.digest, claim_id=claim_id)
    return simulated(facts_of(tx, ctx, passport, connection, call), request.intent, claim_id=claim_id)


@handles(SubmitIntent, before=_look)
def submit_intent(tx: Tx, ctx: Context, request: SubmitIntent) -> Submitted:
    """Open a pending approval of exactly this call. What the policy would refuse anyway is refused here."""
    passport = acting_passport(tx, ctx, request.passport_token)
    ctx.note(agent_id=passport.agent_id, passport_jti=passport.jti)
    connection, call = proposed_call(tx, ctx.core.vault, draft_of(request.intent))
    facts = facts_of(tx, ctx, passport, connection, call)
    decision = decide(facts)
    if isinstance(decision, Deny):
        raise refusals.denied(decision)
    simulation = None if request.skip_simulation else simulated(facts, request.intent, claim_id=None)
    asked = gate.Asked(
        asked_by=ctx.actor.label,
        reason=request.intent.reason,
        simulation=None if simulation is None else simulation.model_dump_json(),
        expires_in_seconds=request.expires_in_seconds,
    )
    row = gate.open_pending(tx, ctx.core.vault, ctx.ports.system, facts, asked)
    ctx.note(subject=row.id, digest=row.digest, service=connection.provider)
    return Submitted(
        approval_id=row.id,
        intent_claim_id=row.claim_id or "",
        simulated_claim_id=None if simulation is None else row.claim_id,
        status=row.status,
        expires_at=row.expires_at,
        poll_after_seconds=POLL_AFTER_SECONDS,
        simulation=simulation,
    )


@handles(GetIntentApproval)
async def get_intent_approval(ctx: Context, request: GetIntentApproval) -> IntentApproval:
    """The row now, or as soon as it is decided within the time the caller waits."""
    end = ctx.ports.system.monotonic() + _patience_seconds(ctx, request.wait_seconds)
    while True:
        changes = ctx.ports.feed.changes
        found = await ctx.core.database.read(lambda tx: _visible_view(tx, ctx, request.approval_id))
        left = end - ctx.ports.system.monotonic()
        if found.status is not Status.PENDING or left <= 0:
            return found
        await ctx.ports.feed.wait_past(changes, seconds=left)


def _patience_seconds(ctx: Context, asked: int) -> float:
    """As long as was asked, but no longer than the caller waits: `pending` is the answer then."""
    if ctx.patience_seconds is None:
        return asked
    return min(asked, max(0.0, ctx.patience_seconds - TOOL_MARGIN_SECONDS))


def _visible_view(tx: Tx, ctx: Context, approval_id: str) -> IntentApproval:
    row = _intent(tx, approval_id)
    require_agent(tx, ctx.actor, row.agent_id or "", field="approval_id")
    return view(tx, ctx, row)


def _intent(tx: Tx, approval_id: str) -> ApprovalRow:
    row = store.get(tx, approval_id)
    if row.kind != store.INTENT:
        raise NotFound(f"there is no approval {approval_id}", field="approval_id", hint="see stack_get_decision")
    return row


@handles(ListIntents)
def list_intents(tx: Tx, ctx: Context, request: ListIntents) -> PendingIntents:
    """What waits and the actor may see."""
    seen = visible_agents(tx, ctx.actor)
    rows = store.list_pending(tx, store.INTENT, limit=request.limit, offset=(request.page - 1) * request.limit)
    waiting = (row for row in rows if row.expires_at > ctx.now and (seen is None or row.agent_id in seen))
    return PendingIntents(items=[view(tx, ctx, row) for row in waiting])


@handles(ApproveIntent)
def approve_intent(tx: Tx, ctx: Context, request: ApproveIntent) -> IntentApproval:
    """Write the yes, bound to what the person saw, edits included."""
    row = _decidable(tx, ctx, request.approval_id)
    if row.digest != request.digest:
        raise Conflict("the call is not the one that was shown", field="digest", rule="digest", hint="look again")
    if not passports.list_session(tx, row.session_id or ""):
        raise Conflict("the passport was revoked meanwhile", field="approval_id", hint="reject it, or let it expire")
    call = gate.call_of(ctx.core.vault, row)
    if request.edits is not None:
        call = _apply_edits(tx, ctx, row, call, request.edits)
    expires_at, uses_left = _bounds(tx, ctx, row, request)
    store.decide(
        tx,
        row.id,
        status=Status.APPROVED,
        by=ctx.actor.label,
        at=ctx.now,
        notes=request.notes,
        expires_at=expires_at,
        breadth=request.breadth,
        uses_left=uses_left,
    )
    _resume_clock(tx, ctx, row)
    _note(ctx, row, breadth=str(request.breadth), digest=call.digest, edited=request.edits is not None)
    return view(tx, ctx, store.get(tx, row.id))


def _decidable(tx: Tx, ctx: Context, approval_id: str) -> ApprovalRow:
    row = _intent(tx, approval_id)
    if ctx.actor.preset == "approver":
        _refuse_beyond_approver(ctx.actor, row)
    else:
        require_agent(tx, ctx.actor, row.agent_id or "", field="approval_id")
    if row.status is not Status.PENDING or row.expires_at <= ctx.now:
        state = row.status if row.status is not Status.PENDING else Status.EXPIRED
        raise Conflict(f"the approval is {state} already", field="approval_id", rule="pending")
    return row


def _refuse_beyond_approver(actor: Actor, row: ApprovalRow) -> None:
    if row.agent_id not in actor.decides_agents or row.connection_id not in actor.decides_services:
        raise Forbidden(
            "this key does not decide for that agent and service", rule="approver", hint="a person at the terminal does"
        )


def _apply_edits(tx: Tx, ctx: Context, row: ApprovalRow, call: Call, edits: CallEdits) -> Call:
    """The edited call, decided anew by the same law; both digests are kept."""
    connection = connection_of(tx, call)
    changed = edited(connection, call, edits)
    passport = passports.list_session(tx, row.session_id or "")[0]
    decision = decide(facts_of(tx, ctx, passport, connection, changed))
    if isinstance(decision, Deny) and decision.code != "PASSPORT_EXPIRED":
        raise refusals.denied(decision)
    store.replace_call(
        tx,
        row.id,
        digest=changed.digest,
        sealed=ctx.core.vault.seal_content(gate.encode_call(changed), row_id=row.id),
        original_digest=row.digest,
        call_key=gate.call_key(changed),
    )
    ctx.note(original_digest=row.digest)
    return changed


def _bounds(tx: Tx, ctx: Context, row: ApprovalRow, request: ApproveIntent) -> tuple[datetime, int | None]:
    """Until when, and how often, the yes may be used."""
    match request.breadth:
        case Breadth.ONCE:
            return ctx.now + timedelta(minutes=USE_WITHIN_MINUTES), 1
        case Breadth.USES:
            if request.uses is None:
                raise InvalidRequest("how often is missing", field="uses", rule="required with breadth uses")
            seconds = request.valid_seconds or USES_HOURS * 3600
            return ctx.now + timedelta(seconds=seconds), request.uses
        case Breadth.TIME:
            if request.valid_seconds is None:
                raise InvalidRequest("how long is missing", field="valid_seconds", rule="required with breadth time")
            return ctx.now + timedelta(seconds=request.valid_seconds), None
        case Breadth.SESSION:
            session = passports.list_session(tx, row.session_id or "")
            return session[0].session_ends_at, None


@handles(RejectIntent)
def reject_intent(tx: Tx, ctx: Context, request: RejectIntent) -> IntentApproval:
    """Write the no; the agent's passports of that session end, with all below them."""
    row = _decidable(tx, ctx, request.approval_id)
    store.decide(tx, row.id, status=Status.REJECTED, by=ctx.actor.label, at=ctx.now, notes=request.notes)
    session = passports.revocable(tx, now=ctx.now, agent_id=row.agent_id, session_id=row.session_id)
    fallen = revoke_cascading(tx, ctx, session, reason=f"intent {row.id} rejected")
    if request.block_future and row.agent_id is not None:
        agents.block(tx, row.agent_id, reason=f"intent {row.id} rejected", at=milliseconds(ctx.now))
    _note(ctx, row, revoked=len(fallen), block_future=request.block_future)
    return view(tx, ctx, store.get(tx, row.id))


@handles(SendBackIntent)
def send_back_intent(tx: Tx, ctx: Context, request: SendBackIntent) -> IntentApproval:
    """Return it with a note; nothing is revoked."""
    row = _decidable(tx, ctx, request.approval_id)
    store.decide(tx, row.id, status=Status.EXPIRED, by=ctx.actor.label, at=ctx.now, notes=request.notes)
    _resume_clock(tx, ctx, row)
    _note(ctx, row)
    return view(tx, ctx, store.get(tx, row.id))


def _resume_clock(tx: Tx, ctx: Context, row: ApprovalRow) -> None:
    """Give the session's passports back the time a person took (house decision 7)."""
    waited = ctx.now - row.submitted_at
    for passport in passports.list_session(tx, row.session_id or ""):
        if passport.expires_at > row.submitted_at:
            passports.set_expiry(tx, passport.jti, min(passport.expires_at + waited, passport.latest_expires_at))
    tx.touches_access = True


def _note(ctx: Context, row: ApprovalRow, **detail: str | int | bool | None) -> None:
    ctx.note(agent_id=row.agent_id, subject=row.id)
    ctx.trail.detail.update(detail)


def view(tx: Tx, ctx: Context, row: ApprovalRow) -> IntentApproval:
    """An approval as it is shown, to a person and to its agent alike."""
    call = None if row.sealed is None else gate.call_of(ctx.core.vault, row)
    agent = agents.find_name(tx, row.agent_id or "")
    status = Status.EXPIRED if row.status is Status.PENDING and row.expires_at <= ctx.now else row.status
    return IntentApproval(
        id=row.id,
        approval_id=row.id,
        intent_claim_id=row.claim_id or "",
        agent_id=row.agent_id or "",
        agent_name=agent or "(deleted)",
        session_id=row.session_id or "",
        status=status,
        call=_shown(tx, row, call),
        original_digest=row.original_digest,
        reason=row.reason,
        simulation=None if row.simulation is None else Simulation.model_validate_json(row.simulation),
        notes=row.notes,
        submitted_at=row.submitted_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        breadth=row.breadth,
        uses_left=row.uses_left,
        operation_id=row.operation_id,
        identical_call_at=operations.last_identical(tx, row.digest),
        last_similar=_last_similar(tx, ctx, row),
    )


def _shown(tx: Tx, row: ApprovalRow, call: Call | None) -> ExactCall | None:
    return None if call is None else exact(connection_of(tx, call), call)


def _last_similar(tx: Tx, ctx: Context, row: ApprovalRow) -> ExactCall | None:
    if row.call_key is None or row.status is not Status.PENDING:
        return None
    last = store.find_last_approved(tx, row.call_key, before=row.id)
    if last is None:
        return None
    call = gate.call_of(ctx.core.vault, last)
    return exact(connection_of(tx, call), call)
