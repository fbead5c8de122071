"""Proposals: an agent says which service it would like; a person who agrees types the secret, which it never sees."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.connecting import Label, Provider, UpstreamScope
from stack_local.wire.types import UNSHOWN, ApprovalId, Notes


class Proposal(View):
    """A connection that somebody would like."""

    id: str
    provider: str
    name: str
    scopes: list[str] = Field(description="The service's own.")
    reason: str
    asked_by: str
    agent_id: str | None
    status: Literal["pending", "declined", "completed", "expired"]
    submitted_at: datetime
    expires_at: datetime
    notes: str | None


class Proposals(View):
    """What waits, oldest first."""

    items: list[Proposal]


@operation(
    scope="services:write", route="POST /v1/services/proposals", effect="write", rate="intents", audit="service.propose"
)
class ProposeConnection(Request[Proposal]):
    """Ask a person to connect a service of stack_list_services; they type its secret, which you never see."""

    provider: Provider
    name: Label | None = Field(None, json_schema_extra=UNSHOWN)
    scopes: list[UpstreamScope] = Field(default_factory=list, max_length=40, description="The service's own.")
    reason: Annotated[str, StringConstraints(max_length=500)]


@operation(
    scope="governance:decide", route="GET /v1/services/proposals", effect="read", body="items", surfaces=PERSON_SIDE
)
class ListProposals(Request[Proposals]):
    """Connections that agents would like; complete one by connecting its service, with its id as proposal_id."""


@operation(
    scope="governance:decide",
    route="POST /v1/services/proposals/{proposal_id}/decline",
    effect="write",
    surfaces=PERSON_SIDE,
    audit="service.decline",
)
class DeclineProposal(Request[Proposal]):
    """Decline a proposed connection; nothing is revoked."""

    proposal_id: ApprovalId
    notes: Notes | None = None
