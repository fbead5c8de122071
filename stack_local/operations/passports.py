"""Passports: issue, verify, refresh, delegate, list, revoke, checkpoint, report."""

from dataclasses import replace
from datetime import datetime, timedelta

from stack_local.domain.actors import Kind
from stack_local.domain.errors import Forbidden, InvalidRequest, NotFound, StackError, Unauthorized
from stack_local.domain.passports import REFRESH_GRACE_HOURS, Mode, Passport, State, check_delegation, narrow, state_of
from stack_local.domain.passports import ServiceScope as Scopes
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.minting import Wanted, mint, passport_of, refuse_dead, still_granted
from stack_local.operations.revocation import revoke_cascading
from stack_local.operations.terms import constraints_of
from stack_local.operations.visibility import require_agent, visible_agents
from stack_local.store import access, agents, services
from stack_local.store import passports as store
from stack_local.store.database import Tx
from stack_local.wire.passports import (
    Checkpoint,
    CheckpointRow,
    CheckpointTaken,
    DelegatePassport,
    GetPassportReport,
    IssuedPassport,
    IssuePassport,
    ListActivePassports,
    PassportReport,
    PassportRows,
    PassportVerdict,
    RefreshPassport,
    RevokeAgentPassports,
    RevokeAllPassports,
    Revoked,
    RevokedMany,
    RevokePassport,
    RevokeSession,
    ServiceScope,
    VerifyPassport,
)


@handles(IssuePassport)
def issue_passport(tx: Tx, ctx: Context, request: IssuePassport) -> IssuedPassport:
    """A new session for one agent, narrowed to what it asked."""
    if ctx.actor.kind is Kind.PASSPORT:
        raise Forbidden(
            "a passport does not issue passports", rule="delegate", hint="use stack_delegate_passport for another agent"
        )
    require_agent(tx, ctx.actor, request.agent_id)
    agent = agents.get_rule(tx, request.agent_id)
    if request.intent is None and agent.mode is not Mode.STANDARD:
        raise InvalidRequest(
            f"an agent in {agent.mode} mode declares its intent",
            code="ACCOUNTABILITY_REQUIRED",
            field="intent",
            rule="required in enforced and logged mode",
            hint='intent: {"summary": "what you are about to do", "services": ["custom_demo"]}',
        )
    wanted = Wanted(
        services=narrow(access.list_scopes(tx, agent.id), _wanted(request.scopes)),
        intent=request.intent,
        ttl_seconds=request.ttl_seconds,
        checkpoint_seconds=request.checkpoint_interval_seconds,
    )
    return mint(tx, ctx, agent, wanted)


@handles(VerifyPassport)
def verify_passport(tx: Tx, ctx: Context, request: VerifyPassport) -> PassportVerdict:
    """Genuine, in time, not revoked, and neither is anything it descends from."""
    try:
        claims = ctx.core.vault.verify(request.token.get_secret_value(), issuer=ctx.ports.appliance.base_url)
        passport = store.get(tx, str(claims["jti"]))
    except StackError:
        return PassportVerdict(valid=False, reason="malformed or not signed by us")
    for link in store.chain(tx, passport):
        state = state_of(link, ctx.now)
        if state is not State.ACTIVE:
            return PassportVerdict(valid=False, reason=str(state), jti=passport.jti)
    named = [service.connection_id for service in passport.services]
    if request.service_id is not None and request.service_id not in named:
        return PassportVerdict(valid=False, reason="does not name the service", jti=passport.jti)
    return PassportVerdict(
        valid=True,
        jti=passport.jti,
        agent_id=passport.agent_id,
        session_id=passport.session_id,
        expires_at=passport.expires_at,
        services=named,
    )


@handles(RefreshPassport)
def refresh_passport(tx: Tx, ctx: Context, request: RefreshPassport) -> IssuedPassport:
    """The same session and chain under a new id; the old passport ends."""
    old = passport_of(tx, ctx, request.token.get_secret_value(), field="token")
    if old.minted_by != ctx.actor.label:
        raise Forbidden("only the principal that minted a passport refreshes it", rule="minted_by", field="token")
    _refuse_unrefreshable(ctx, old)
    agent = agents.get_rule(tx, old.agent_id)
    wanted = Wanted(
        services=still_granted(tx, old),
        intent=store.intent_of(tx, old.jti),
        ttl_seconds=request.ttl_seconds,
        checkpoint_seconds=old.checkpoint_seconds,
    )
    store.set_refreshed(tx, old.jti, at=ctx.now)
    ctx.note(refreshed_from=old.jti)
    return mint(tx, ctx, agent, wanted, refreshed=old)


def _refuse_unrefreshable(ctx: Context, old: Passport) -> None:
    if state_of(old, ctx.now) is State.REVOKED:
        raise Unauthorized("the passport is revoked", code="PASSPORT_REVOKED", hint="stop; a person ended this access")
    if state_of(old, ctx.now) is State.REFRESHED:
        raise Unauthorized("the passport was refreshed before", code="PASSPORT_EXPIRED", hint="use its successor")
    ended_too_long = ctx.now > old.expires_at + timedelta(hours=REFRESH_GRACE_HOURS)
    if ended_too_long or ctx.now >= old.session_ends_at:
        raise Unauthorized(
            "the session is over",
            code="PASSPORT_EXPIRED",
            rule=f"within {REFRESH_GRACE_HOURS} hours of its end",
            hint="issue another",
        )


@handles(DelegatePassport)
def delegate_passport(tx: Tx, ctx: Context, request: DelegatePassport) -> IssuedPassport:
    """A narrower passport for another agent, under the same session."""
    parent = passport_of(tx, ctx, request.parent_passport_token.get_secret_value(), field="parent_passport_token")
    refuse_dead(ctx, store.chain(tx, parent))
    if ctx.actor.kind is not Kind.PASSPORT:
        require_agent(tx, ctx.actor, request.child_agent_id, field="child_agent_id")
    child = agents.get_rule(tx, request.child_agent_id)
    check_delegation(parent, child.mode, child_is_parent=child.id == parent.agent_id)
    granted = {scope.connection_id: scope.scopes for scope in access.list_scopes(tx, child.id)}
    inherited = narrow(parent.services, _wanted(request.scopes))
    for service in inherited if request.scopes is not None else ():
        narrow([Scopes(*item) for item in granted.items()], [service])
    both = (replace(scope, scopes=scope.scopes & granted.get(scope.connection_id, frozenset())) for scope in inherited)
    wanted = Wanted(
        services=tuple(scope for scope in both if scope.scopes),
        intent=store.intent_of(tx, parent.jti),
        ttl_seconds=request.ttl_seconds,
        checkpoint_seconds=parent.checkpoint_seconds,
    )
    return mint(tx, ctx, child, wanted, parent=parent)


@handles(ListActivePassports)
def list_active_passports(tx: Tx, ctx: Context, request: ListActivePassports) -> PassportRows:
    """What is alive, of the agents the actor may see."""
    seen = visible_agents(tx, ctx.actor)
    rows = store.list_live(tx, now=ctx.now, agents=seen, agent_id=request.agent_id, session_id=request.session_id)
    return PassportRows(items=rows)


@handles(RevokePassport)
def revoke_passport(tx: Tx, ctx: Context, request: RevokePassport) -> Revoked:
    """One passport and all below it."""
    passport = _revocable(tx, ctx, request.jti)
    fallen = revoke_cascading(tx, ctx, [passport.jti], reason=request.reason or "revoked")
    ctx.note(agent_id=passport.agent_id, passport_jti=passport.jti, cascaded=len(fallen) - 1 if fallen else 0)
    return Revoked(revoked=True, jti=passport.jti, cascaded=[jti for jti in fallen if jti != passport.jti])


def _revocable(tx: Tx, ctx: Context, jti: str) -> Passport:
    """A passport revokes itself and what it delegated; a key, those of its agents."""
    passport = store.get(tx, jti)
    if ctx.actor.kind is Kind.PASSPORT:
        if jti != ctx.actor.id and jti not in store.descendants(tx, [ctx.actor.id]):
            raise NotFound(f"there is no passport {jti}", field="jti", hint="see stack_list_active_passports")
        return passport
    require_agent(tx, ctx.actor, passport.agent_id, field="jti")
    return passport


@handles(RevokeAgentPassports)
def revoke_agent_passports(tx: Tx, ctx: Context, request: RevokeAgentPassports) -> RevokedMany:
    """Everything an agent holds, and all below it."""
    _refuse_passport_bearer(ctx)
    require_agent(tx, ctx.actor, request.agent_id)
    agents.get_rule(tx, request.agent_id)
    own = store.revocable(tx, now=ctx.now, agent_id=request.agent_id)
    fallen = revoke_cascading(tx, ctx, own, reason=request.reason or "all passports of the agent revoked")
    ctx.note(agent_id=request.agent_id, revoked=len(own), cascaded=len(fallen) - len(own))
    return RevokedMany(revoked_count=len(own), cascaded_count=len(fallen) - len(own))


@handles(RevokeSession)
def revoke_session(tx: Tx, ctx: Context, request: RevokeSession) -> RevokedMany:
    """The root, its refreshes and everything delegated in one session."""
    _refuse_passport_bearer(ctx)
    own = store.revocable(tx, now=ctx.now, session_id=request.session_id)
    for jti in own:
        require_agent(tx, ctx.actor, store.get(tx, jti).agent_id, field="session_id")
    fallen = revoke_cascading(tx, ctx, own, reason=request.reason or "session revoked")
    ctx.note(subject=request.session_id, revoked=len(fallen))
    return RevokedMany(revoked_count=len(fallen))


@handles(RevokeAllPassports)
def revoke_all_passports(tx: Tx, ctx: Context, request: RevokeAllPassports) -> RevokedMany:
    """The emergency stop. REST of the product has no `confirm`: there the route itself is the word."""
    _refuse_passport_bearer(ctx)
    if not request.confirm and ctx.surface != "rest":
        raise InvalidRequest("this ends all access", field="confirm", rule="must be true", hint="confirm: true")
    seen = visible_agents(tx, ctx.actor)
    mine = [jti for jti in store.revocable(tx, now=ctx.now) if seen is None or store.get(tx, jti).agent_id in seen]
    fallen = revoke_cascading(tx, ctx, mine, reason=request.reason or "everything revoked")
    ctx.note(revoked=len(fallen))
    return RevokedMany(revoked_count=len(fallen))


def _refuse_passport_bearer(ctx: Context) -> None:
    if ctx.actor.kind is Kind.PASSPORT:
        raise Forbidden(
            "a passport revokes itself and what it delegated", rule="own passports", hint="use stack_revoke_passport"
        )


@handles(Checkpoint)
def checkpoint(tx: Tx, ctx: Context, request: Checkpoint) -> CheckpointTaken:
    """Keep the report; an enforced passport lives on for another interval."""
    passport = store.get(tx, request.jti)
    require_agent(tx, ctx.actor, passport.agent_id, field="jti")
    if ctx.actor.kind is Kind.PASSPORT and ctx.actor.id != passport.jti:
        raise NotFound(f"there is no passport {request.jti}", field="jti", hint="use your own")
    if passport.mode is Mode.STANDARD:
        raise NotFound("a standard passport has no checkpoints", code="CHECKPOINT_NOT_AVAILABLE", field="jti")
    refuse_dead(ctx, [passport])
    row = CheckpointRow(
        checkpoint_id=ctx.ports.system.new_id("checkpoint"),
        services_used=request.services_used,
        actions_count=request.actions_count,
        summary=request.summary,
        at=ctx.now,
    )
    reported = request.model_dump_json(include={"delegated_to", "tool_calls"})
    store.insert_checkpoint(tx, row, jti=passport.jti, reported=reported)
    until = _extended(tx, ctx, passport)
    ctx.note(agent_id=passport.agent_id, passport_jti=passport.jti, actions=request.actions_count)
    flags = [f"undeclared_service:{name}" for name in _undeclared(tx, passport, request.services_used)]
    return CheckpointTaken(
        checkpoint_id=row.checkpoint_id, passport_jti=passport.jti, new_expires_at=until, flags=flags
    )


def _extended(tx: Tx, ctx: Context, passport: Passport) -> datetime | None:
    if passport.mode is not Mode.ENFORCED or passport.checkpoint_seconds is None:
        return None
    until = min(ctx.now + timedelta(seconds=passport.checkpoint_seconds), passport.latest_expires_at)
    store.set_expiry(tx, passport.jti, max(until, passport.expires_at))
    return max(until, passport.expires_at)


def _undeclared(tx: Tx, passport: Passport, used: list[str]) -> list[str]:
    named = {service.connection_id for service in passport.services}
    known = named | {services.get_rule(tx, connection_id).provider for connection_id in named}
    return [name for name in used if name not in known]


@handles(GetPassportReport)
def get_passport_report(tx: Tx, ctx: Context, request: GetPassportReport) -> PassportReport:
    """The trail of one passport."""
    passport = store.get(tx, request.jti)
    require_agent(tx, ctx.actor, passport.agent_id, field="jti")
    return PassportReport(
        passport=store.view(tx, passport, ctx.now, reason=store.revoked_reason(tx, passport.jti)),
        intent=store.intent_of(tx, passport.jti),
        checkpoints=store.list_checkpoints(tx, passport.jti),
    )


def _wanted(scopes: list[ServiceScope] | None) -> list[Scopes] | None:
    if scopes is None:
        return None
    return [
        Scopes(
            scope.service_connection_id,
            frozenset(scope.scopes),
            constraints_of(scope.constraints, field=f"scopes.{index}.constraints"),
        )
        for index, scope in enumerate(scopes)
    ]
