"""Access: which agent may use which connection, with which scopes (product.md 1.3)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from stack_local.domain.constraints import MAX_CONSTRAINTS, Op
from stack_local.domain.terms import Word
from stack_local.wire.catalogue import Request, View, operation
from stack_local.wire.types import UNSHOWN, AgentId, ConnectionId, GovernanceId, JsonBody, Scope


class ConstraintSpec(View):
    """One comparison that a call must pass; a field the call does not have fails it."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="method, url.pathname, url.host, url.origin, headers.<name>, query.<key>, body.<dotted.path>."
    )
    op: Op
    value: JsonBody = Field(description="A text; for in and not_in a list; for matches an RE2 pattern of the whole.")


Constraints = Annotated[list[ConstraintSpec], Field(max_length=MAX_CONSTRAINTS)]


class CallRuleSpec(View):
    """A word on every call that fits all conditions: block before ask before allow."""

    effect: Word
    when: Constraints = Field(default_factory=list, description="Empty fits every call.")
    note: str = Field("", max_length=200)


ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


class WindowSpec(View):
    """A time of the week in which calls may go out."""

    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(
        default_factory=lambda: [0, 1, 2, 3, 4, 5, 6], min_length=1, max_length=7, description="0 is Monday."
    )
    from_time: ClockTime = "00:00"
    to_time: ClockTime = "24:00"
    utc_offset_minutes: int = Field(0, ge=-840, le=840)


Calls = Annotated[int, Field(ge=0, le=10_000_000)]


class GrantTerms(View):
    """What narrows a grant beyond its scopes."""

    constraints: Constraints = Field(default_factory=list)
    rules: list[CallRuleSpec] = Field(default_factory=list, max_length=32)
    windows: list[WindowSpec] = Field(default_factory=list, max_length=14)
    calls_per_minute: Calls | None = None
    calls_per_month: Calls | None = None


class Grant(View):
    """One agent's access to one connection."""

    id: str
    agent_id: str
    service_connection_id: str
    provider: str
    service_name: str
    scopes: list[str]
    granted_by: str
    granted_at: datetime
    terms: GrantTerms = GrantTerms()


class Permissions(View):
    """All grants of one agent."""

    agent_id: str
    items: list[Grant]


class AccessRevoked(View):
    """What an agent lost."""

    agent_id: str
    revoked_grants: int
    revoked_passports: int


@operation(
    scope="services:write", route="POST /v1/services/grant", effect="write", loosens="always", audit="service.grant"
)
class GrantAgentAccess(Request[Grant]):
    """Let an agent use a connection with some of its scopes; needs a person."""

    agent_id: AgentId
    service_connection_id: ConnectionId
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=32)]
    terms: GrantTerms | None = Field(
        None, description="Constraints, rules, hours and allowances; left out, those of the earlier grant stay."
    )
    constraints: Constraints = Field(default_factory=list, json_schema_extra=UNSHOWN)
    governance_approval_id: GovernanceId = None


@operation(
    scope="services:write",
    route="DELETE /v1/services/agents/{agent_id}/revoke",
    effect="write",
    destructive=True,
    audit="service.revoke_access",
)
class RevokeAgentAccess(Request[AccessRevoked]):
    """Take all grants from an agent and revoke its passports."""

    agent_id: AgentId


@operation(scope="agents:read", route="GET /v1/agents/{agent_id}/permissions", effect="read", body="items")
class GetAgentPermissions(Request[Permissions]):
    """What an agent may use, and with which scopes."""

    agent_id: AgentId


class AgentAllowance(View):
    """How many calls an agent may make, over all services."""

    agent_id: str
    calls_per_minute: int | None
    calls_per_month: int | None


@operation(
    scope="services:write",
    route="POST /v1/agents/{agent_id}/allowance",
    effect="write",
    loosens="always",
    audit="agent.allowance",
)
class SetAgentAllowance(Request[AgentAllowance]):
    """Set how many calls an agent may make a minute and a month, over all services; needs a person."""

    agent_id: AgentId
    calls_per_minute: Calls | None = None
    calls_per_month: Calls | None = None
    governance_approval_id: GovernanceId = None
