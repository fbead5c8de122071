"""A passport: a short-lived, signed, narrowed permission of one agent, and the rules of narrowing and delegation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stack_local.domain.constraints import Constraint
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.ids import AgentId, PassportId, SessionId

DEFAULT_TTL_SECONDS = 900
MINIMUM_TTL_SECONDS = 60
MAXIMUM_TTL_SECONDS = 3600
"""product.md 0: default 15 minutes, at least one, at most an hour."""

DEFAULT_CHECKPOINT_SECONDS = 300
MAXIMUM_DEPTH = 4
"""Hops of delegation below the root."""

SESSION_HOURS = 24
"""A session, refreshes and all, lives at most this long (house decision 2)."""

REFRESH_GRACE_HOURS = 24
"""How long after its end a passport may still be refreshed."""


class Mode(StrEnum):
    """How far an agent is held to account; from strict to loose."""

    ENFORCED = "enforced"
    LOGGED = "logged"
    STANDARD = "standard"


_STRICTNESS = {Mode.ENFORCED: 2, Mode.LOGGED: 1, Mode.STANDARD: 0}


class State(StrEnum):
    """What a passport is good for at one moment."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REFRESHED = "refreshed"


@dataclass(frozen=True, slots=True)
class ServiceScope:
    """One connection and what may be done with it."""

    connection_id: str
    scopes: frozenset[str]
    constraints: tuple[Constraint, ...] = ()
    """What the passport adds to those of the grant."""


@dataclass(frozen=True, slots=True)
class Passport:
    """A passport as the store keeps it. The token is not kept."""

    jti: PassportId
    agent_id: AgentId
    session_id: SessionId
    mode: Mode
    services: tuple[ServiceScope, ...]
    minted_by: str
    """The label of the principal that minted it: only that one refreshes it."""
    issued_at: datetime
    expires_at: datetime
    latest_expires_at: datetime
    """Checkpoints and pauses move `expires_at` no further than this."""
    session_ends_at: datetime
    checkpoint_seconds: int | None
    depth: int = 0
    parent_jti: PassportId | None = None
    line: str = ""
    """The first passport of its refreshes: what a child descends from."""
    parent_line: str | None = None
    intent_summary: str | None = None
    intent_services: tuple[str, ...] = ()
    revoked_at: datetime | None = None
    refreshed_at: datetime | None = None
    waits_since: datetime | None = None
    """Since when an approval of its session is pending: the checkpoint clock stands still."""


def state_of(passport: Passport, now: datetime) -> State:
    """What the passport is at `now`; a pause for a person's answer does not end it before its latest end."""
    if passport.revoked_at is not None:
        return State.REVOKED
    if passport.refreshed_at is not None:
        return State.REFRESHED
    if now < passport.expires_at:
        return State.ACTIVE
    paused = passport.waits_since is not None and passport.waits_since < passport.expires_at
    return State.ACTIVE if paused and now < passport.latest_expires_at else State.EXPIRED


def scopes_on(passport: Passport, connection_id: str) -> frozenset[str]:
    """What the passport allows on one connection."""
    return next(
        (service.scopes for service in passport.services if service.connection_id == connection_id), frozenset()
    )


def constraints_on(passport: Passport, connection_id: str) -> tuple[Constraint, ...]:
    """What the passport demands of calls to one connection."""
    return next((service.constraints for service in passport.services if service.connection_id == connection_id), ())


def lifetime(mode: Mode, ttl_seconds: int, checkpoint_seconds: int | None) -> timedelta:
    """How long a new passport is good for without a checkpoint (product.md 0)."""
    if mode is Mode.ENFORCED and checkpoint_seconds is not None:
        return timedelta(seconds=min(ttl_seconds, checkpoint_seconds))
    return timedelta(seconds=ttl_seconds)


def narrow(granted: Sequence[ServiceScope], wanted: Sequence[ServiceScope] | None) -> tuple[ServiceScope, ...]:
    """The services of a new passport: what was asked, provided it lies within what was granted.

    Raises:
        InvalidRequest: `SCOPE_ESCALATION`; a wanted scope is not granted. Nothing is silently cut.
    """
    if wanted is None:
        return tuple(granted)
    held = {service.connection_id: service.scopes for service in granted}
    for service in wanted:
        beyond = service.scopes - held.get(service.connection_id, frozenset())
        if beyond or service.connection_id not in held:
            raise InvalidRequest(
                f"scope {', '.join(sorted(beyond)) or 'any'} on {service.connection_id} is not granted",
                code="SCOPE_ESCALATION",
                field="scopes",
                rule="narrower than, or equal to, what is granted",
                hint="ask a person to grant it, or leave it out",
            )
    return tuple(wanted)


def effective_scopes(chain: Iterable[Passport], granted: frozenset[str], connection_id: str) -> frozenset[str]:
    """What is left on one connection after the grant as it is now and every passport from child to root."""
    left = granted
    for passport in chain:
        left &= scopes_on(passport, connection_id)
    return left


def check_delegation(parent: Passport, child_mode: Mode, *, child_is_parent: bool) -> None:
    """Whether a parent may have a child of this mode (product.md 1.4).

    Raises:
        InvalidRequest: `DELEGATION_DEPTH_EXCEEDED` or `DELEGATION_ACCOUNTABILITY_VIOLATION`.
    """
    if parent.depth >= MAXIMUM_DEPTH:
        raise InvalidRequest(
            "the delegation chain is at its end",
            code="DELEGATION_DEPTH_EXCEEDED",
            field="parent_passport_token",
            rule=f"at most {MAXIMUM_DEPTH} hops",
        )
    if child_is_parent:
        raise InvalidRequest("an agent does not delegate to itself", field="child_agent_id", rule="another agent")
    if _STRICTNESS[child_mode] < _STRICTNESS[parent.mode]:
        raise InvalidRequest(
            f"a passport in {parent.mode} mode does not delegate to an agent in {child_mode} mode",
            code="DELEGATION_ACCOUNTABILITY_VIOLATION",
            field="child_agent_id",
            rule="the child's mode is no weaker than the parent's",
        )
