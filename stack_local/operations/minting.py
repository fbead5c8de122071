"""Minting a passport, and finding the one a call acts under: its token, its id, or the one the appliance holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import SecretStr

from stack_local.domain.actors import Actor, Kind
from stack_local.domain.agents import Agent, AgentStatus
from stack_local.domain.audit import Outcome
from stack_local.domain.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from stack_local.domain.ids import PassportId, SessionId
from stack_local.domain.passports import (
    DEFAULT_CHECKPOINT_SECONDS,
    DEFAULT_TTL_SECONDS,
    MAXIMUM_TTL_SECONDS,
    SESSION_HOURS,
    Mode,
    Passport,
    ServiceScope,
    State,
    lifetime,
    state_of,
)
from stack_local.operations.context import Context
from stack_local.operations.visibility import require_agent
from stack_local.store import access, agents, meta, passports, services
from stack_local.store.database import Tx
from stack_local.store.terms import encode_constraint
from stack_local.vault.vault import AUDIENCE
from stack_local.wire.passports import DeclaredIntent, IssuedPassport

AHEAD = timedelta(seconds=30)
"""So long before its end a passport that the appliance holds is refreshed: a call may have to wait for its turn."""

INTERACTIVE = DeclaredIntent(summary="interactive session", services=[])
"""What the appliance declares for a bearer that stands for one agent and names no passport (house decision 2)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new passport shall hold, already narrowed."""

    services: tuple[ServiceScope, ...]
    intent: DeclaredIntent | None
    ttl_seconds: int | None = None
    checkpoint_seconds: int | None = None
    is_automatic: bool = False


def mint(
    tx: Tx,
    ctx: Context,
    agent: Agent,
    wanted: Wanted,
    *,
    refreshed: Passport | None = None,
    parent: Passport | None = None,
) -> IssuedPassport:
    """Keep a new passport and sign its token.

    Raises:
        Forbidden: the agent is blocked or suspended.
    """
    _refuse_inactive(agent)
    passport = _new_passport(ctx, agent, wanted, refreshed=refreshed, parent=parent)
    ttl_seconds = wanted.ttl_seconds or DEFAULT_TTL_SECONDS
    passports.insert(tx, passport, intent=wanted.intent, ttl_seconds=ttl_seconds, is_automatic=wanted.is_automatic)
    ctx.note(agent_id=agent.id, passport_jti=passport.jti, session_id=passport.session_id)
    token = ctx.core.vault.sign(_claims(tx, ctx, agent, passport))
    return IssuedPassport(
        token=SecretStr(token.reveal()),
        jti=passport.jti,
        session_id=passport.session_id,
        expires_at=passport.expires_at,
        accountability=passport.mode,
    )


def prospective(tx: Tx, ctx: Context, agent: Agent) -> Passport:
    """The passport an agent would get now for all it is granted; it is not kept, and no token of it exists."""
    return _new_passport(ctx, agent, Wanted(access.list_scopes(tx, agent.id), None), refreshed=None, parent=None)


def _refuse_inactive(agent: Agent) -> None:
    if agent.passport_blocked:
        raise Forbidden(
            f"agent {agent.name} is blocked",
            code="PASSPORT_BLOCKED",
            rule="passport_blocked",
            hint="a person may unblock it",
        )
    if agent.status is not AgentStatus.ACTIVE:
        raise Forbidden(f"agent {agent.name} is suspended", rule="agent_status", hint="a person may activate it")


def _new_passport(
    ctx: Context, agent: Agent, wanted: Wanted, *, refreshed: Passport | None, parent: Passport | None
) -> Passport:
    system, now = ctx.ports.system, ctx.now
    jti = PassportId(system.new_id("passport"))
    checkpoint = (wanted.checkpoint_seconds or DEFAULT_CHECKPOINT_SECONDS) if agent.mode is Mode.ENFORCED else None
    session_ends_at = now + timedelta(hours=SESSION_HOURS)
    latest = now + timedelta(seconds=MAXIMUM_TTL_SECONDS)
    passport = Passport(
        jti=jti,
        agent_id=agent.id,
        session_id=SessionId(system.new_id("session")),
        mode=agent.mode,
        services=wanted.services,
        minted_by=ctx.actor.label,
        issued_at=now,
        expires_at=now + lifetime(agent.mode, wanted.ttl_seconds or DEFAULT_TTL_SECONDS, checkpoint),
        latest_expires_at=latest,
        session_ends_at=session_ends_at,
        checkpoint_seconds=checkpoint,
        line=jti,
    )
    if refreshed is not None:
        passport = replace(
            passport,
            session_id=refreshed.session_id,
            line=refreshed.line,
            parent_jti=refreshed.parent_jti,
            parent_line=refreshed.parent_line,
            depth=refreshed.depth,
            minted_by=refreshed.minted_by,
            session_ends_at=refreshed.session_ends_at,
        )
    if parent is not None:
        passport = replace(
            passport,
            session_id=parent.session_id,
            parent_jti=parent.jti,
            parent_line=parent.line,
            depth=parent.depth + 1,
            session_ends_at=parent.session_ends_at,
        )
    return _bounded(passport, parent)


def _bounded(passport: Passport, parent: Passport | None) -> Passport:
    """No passport outlives its session, and no child its parent."""
    end = latest = passport.session_ends_at
    if parent is not None:
        end, latest = min(end, parent.expires_at), min(latest, parent.latest_expires_at)
    return replace(
        passport,
        expires_at=min(passport.expires_at, end),
        latest_expires_at=min(passport.latest_expires_at, latest),
    )


def _claims(tx: Tx, ctx: Context, agent: Agent, passport: Passport) -> dict[str, object]:
    """The token's claims (product.md 1.4): the `stk` namespace beside those of RFC 7519."""
    operator_id = meta.get(tx, "operator_id")
    issued_at = int(passport.issued_at.timestamp())
    return {
        "jti": passport.jti,
        "sub": agent.id,
        "iss": ctx.ports.appliance.base_url,
        "aud": AUDIENCE,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(passport.expires_at.timestamp()),
        "stk": {
            "operator_id": operator_id,
            "agent_id": agent.id,
            "agent_name": agent.name,
            "services": [_service_claim(tx, service) for service in passport.services],
            "identity_claims": [],
            "delegation_depth": passport.depth,
            "session_id": passport.session_id,
            "accountability": str(passport.mode),
            **({"parent_passport_id": passport.parent_jti} if passport.parent_jti else {}),
            **({"checkpoint_interval": passport.checkpoint_seconds} if passport.checkpoint_seconds else {}),
        },
    }


def _service_claim(tx: Tx, service: ServiceScope) -> dict[str, object]:
    connection = services.get_rule(tx, service.connection_id)
    return {
        "service_id": connection.provider,
        "service_name": connection.provider,
        "connection_id": connection.id,
        "credential_ref": connection.id,
        "scopes": sorted(service.scopes),
        **({"constraints": [encode_constraint(one) for one in service.constraints]} if service.constraints else {}),
    }


def still_granted(tx: Tx, passport: Passport) -> tuple[ServiceScope, ...]:
    """What the agent is still granted of what a passport held."""
    kept = (
        ServiceScope(
            service.connection_id,
            service.scopes & access.scopes_on(tx, passport.agent_id, service.connection_id),
            service.constraints,
        )
        for service in passport.services
    )
    return tuple(service for service in kept if service.scopes)


def passport_of(tx: Tx, ctx: Context, reference: str, *, field: str = "passport_token") -> Passport:
    """The passport a token, or the id of one you minted, stands for. Its state is judged by whoever asked.

    Raises:
        Unauthorized: the token is not one of ours.
        NotFound: the id is not one you minted.
    """
    if reference.startswith("ppt_"):
        passport = passports.get(tx, reference)
        if passport.minted_by != ctx.actor.label and not ctx.actor.sees_everything and ctx.actor.id != passport.jti:
            raise NotFound(f"there is no passport {reference}", field=field, rule="the token, or an id you minted")
        return passport
    claims = ctx.core.vault.verify(reference, issuer=ctx.ports.appliance.base_url)
    found = passports.find(tx, str(claims["jti"]))
    if found is None:
        raise Unauthorized("the passport is not one of this vault", field=field, hint="issue one")
    require_visible(tx, ctx.actor, found)
    return found


def require_visible(tx: Tx, actor: Actor, passport: Passport) -> None:
    """A key with a passport has the intersection of both: the passport's agent must be one of the key's.

    Raises:
        NotFound: it is another's.
    """
    if actor.kind is Kind.PASSPORT and actor.id == passport.jti:
        return
    require_agent(tx, actor, passport.agent_id, field="passport_token")


def refuse_dead(ctx: Context, chain: Sequence[Passport]) -> None:
    """Refuse a passport that is not good now, or descends from one that is not.

    Raises:
        Unauthorized: `PASSPORT_REVOKED` or `PASSPORT_EXPIRED`.
    """
    for passport in chain:
        state = state_of(passport, ctx.now)
        if state is State.REVOKED:
            raise Unauthorized(
                "the passport is revoked", code="PASSPORT_REVOKED", hint="stop; a person ended this access"
            )
        if state is not State.ACTIVE:
            raise Unauthorized(f"the passport is {state}", code="PASSPORT_EXPIRED", hint="refresh it, or issue another")


def acting_passport(tx: Tx, ctx: Context, token: SecretStr | None) -> Passport:
    """The passport a call acts under, minted if the bearer stands for exactly one agent (house decision 2).

    Raises:
        InvalidRequest: the call needs a passport and names none.
    """
    if ctx.actor.kind is Kind.PASSPORT:
        return passports.get(tx, ctx.actor.id)
    if token is not None:
        return passport_of(tx, ctx, token.get_secret_value())
    if ctx.actor.agent_id is None:
        raise InvalidRequest(
            "the call acts for no agent",
            field="passport_token",
            rule="a passport, or a bearer that stands for one agent",
            hint="issue one with stack_issue_passport and pass its token",
        )
    return _automatic(tx, ctx, ctx.actor.agent_id)


def _automatic(tx: Tx, ctx: Context, agent_id: str) -> Passport:
    """The passport the appliance holds for this bearer: the live one, its refresh, or a first one.

    A revoked one is not replaced: whoever revoked it meant it. The agent may declare an intent and issue its own.
    """
    held = passports.find_automatic(tx, agent_id, ctx.actor.label)
    granted = access.list_scopes(tx, agent_id)
    if held is not None and _is_as_good_as_new(held, ctx, granted):
        return held
    agent = agents.get_rule(tx, agent_id)
    over = held is None or ctx.now + AHEAD >= held.session_ends_at
    if held is not None and not over:
        passports.set_refreshed(tx, held.jti, at=ctx.now)
    wanted = Wanted(granted, INTERACTIVE, is_automatic=True)
    issued = mint(tx, ctx, agent, wanted, refreshed=None if over else held)
    ctx.core.scribe.write(
        tx,
        trace_id=ctx.trace_id,
        actor=ctx.actor.label,
        action="passport.issue",
        outcome=Outcome.SUCCESS,
        decided_by="appliance",
        agent_id=agent_id,
        passport_jti=issued.jti,
        subject="automatic",
    )
    return passports.get(tx, issued.jti)


def _is_as_good_as_new(held: Passport, ctx: Context, granted: tuple[ServiceScope, ...]) -> bool:
    state = state_of(held, ctx.now + AHEAD)
    return state is State.REVOKED or (state is State.ACTIVE and set(held.services) == set(granted))
