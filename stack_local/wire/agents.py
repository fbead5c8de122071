"""Agents: register, see, change, delete, unblock (product.md 1.2, 2.1)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from stack_local.domain.agents import Access, AgentStatus, Asks, OnFlag
from stack_local.domain.passports import Mode
from stack_local.wire.catalogue import Request, View, operation
from stack_local.wire.types import AgentId, GovernanceId

AgentName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*[a-z0-9]$", max_length=64),
    Field(description="Lower-case letters, digits and hyphens, at most 64."),
]
Description = Annotated[str, Field(max_length=256)]
IconUrl = Annotated[str, Field(max_length=100_000, description="Shown nowhere and never fetched; kept for the owner.")]


class Agent(View):
    """An agent and its controls."""

    id: str
    operator_id: str
    name: str
    description: str | None
    status: AgentStatus
    accountability_mode: Mode
    on_warning: OnFlag
    on_critical: OnFlag
    credential_access: Access
    approvals: Asks
    passport_blocked: bool
    passport_blocked_reason: str | None
    passport_blocked_at: datetime | None
    icon_url: str | None
    created_at: datetime
    updated_at: datetime


class Agents(View):
    """Agents, oldest first."""

    items: list[Agent]


class Deleted(View):
    """What went, and what went with it."""

    id: str
    deleted: bool = True
    revoked_passports: int = Field(description="Passports revoked with it, descendants included.")


@operation(scope="agents:write", route="POST /v1/agents/register", effect="write", loosens="agent_controls")
class RegisterAgent(Request[Agent]):
    """Register an agent. It starts enforced and proxy_only; a weaker start needs a person."""

    name: AgentName
    description: Description | None = None
    accountability_mode: Mode | None = None
    credential_access: Access | None = None
    approvals: Asks | None = Field(None, description="Which calls of an enforced agent ask a person.")
    on_warning: OnFlag | None = None
    on_critical: OnFlag | None = None
    icon_url: IconUrl | None = None
    governance_approval_id: GovernanceId = None


@operation(scope="agents:read", route="GET /v1/agents", effect="read", body="items", core=True)
class ListAgents(Request[Agents]):
    """List the agents you may see."""


@operation(scope="agents:read", route="GET /v1/agents/{agent_id}", effect="read")
class GetAgent(Request[Agent]):
    """One agent with its controls."""

    agent_id: AgentId


@operation(scope="agents:write", route="PATCH /v1/agents/{agent_id}", effect="write", loosens="agent_controls")
class UpdateAgent(Request[Agent]):
    """Change an agent. Tightening works at once; loosening needs a person."""

    agent_id: AgentId
    name: AgentName | None = None
    description: Description | None = None
    status: AgentStatus | None = None
    accountability_mode: Mode | None = None
    credential_access: Access | None = None
    approvals: Asks | None = None
    on_warning: OnFlag | None = None
    on_critical: OnFlag | None = None
    icon_url: IconUrl | None = None
    governance_approval_id: GovernanceId = None


@operation(scope="agents:write", route="DELETE /v1/agents/{agent_id}", effect="write", destructive=True)
class DeleteAgent(Request[Deleted]):
    """Delete an agent for good and revoke every passport it holds or delegated."""

    agent_id: AgentId


@operation(scope="agents:write", route="POST /v1/agents/{agent_id}/unblock", effect="write", loosens="always")
class UnblockAgent(Request[Agent]):
    """Let a blocked agent hold passports again; needs a person."""

    agent_id: AgentId
    governance_approval_id: GovernanceId = None
