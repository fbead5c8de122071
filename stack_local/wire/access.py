"""Access: which agent may use which connection, with which scopes (product.md 1.3)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from stack_local.wire.catalogue import Request, View, operation
from stack_local.wire.types import AgentId, ConnectionId, GovernanceId, Scope


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
