"""Pending decisions about controls: what a key asked to loosen and a person must allow (house decision 3)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from stack_local.domain.approvals import Status
from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import ApprovalId, JsonBody, Notes


class PendingDecision(View):
    """One asked-for change of a control."""

    id: str
    operation: str
    summary: str
    arguments: dict[str, JsonBody] = Field(description="As asked; secrets are left out.")
    asked_by: str
    reason: str | None = Field(None, description="Why, in the asker's words.")
    status: Status
    submitted_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    notes: str | None
    result: dict[str, JsonBody] | None = Field(description="The stored answer, once approved and carried out.")


class PendingDecisions(View):
    """Changes that wait for a person, oldest first."""

    items: list[PendingDecision]


@operation(scope="governance:decide", route="GET /v1/decisions", effect="read", body="items", surfaces=PERSON_SIDE)
class ListPendingDecisions(Request[PendingDecisions]):
    """Changes of controls that wait for a person."""


@operation(scope="intents:read", route="GET /v1/decisions/{approval_id}", effect="read")
class GetDecision(Request[PendingDecision]):
    """Whether a person allowed the change you asked for, and its result."""

    approval_id: ApprovalId


@operation(
    scope="governance:decide",
    route="POST /v1/decisions/{approval_id}/approve",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
)
class ApproveDecision(Request[PendingDecision]):
    """Allow a change that loosens a control; it is carried out at once."""

    approval_id: ApprovalId
    notes: Notes | None = None


@operation(
    scope="governance:decide", route="POST /v1/decisions/{approval_id}/reject", effect="write", surfaces=PERSON_SIDE
)
class RejectDecision(Request[PendingDecision]):
    """Refuse a change that would loosen a control."""

    approval_id: ApprovalId
    notes: Notes | None = None


@operation(
    scope="intents:write",
    route="POST /v1/decisions/propose",
    effect="write",
    while_locked=False,
    rate="intents",
    audit="decision.propose",
)
class ProposeChange(Request[PendingDecision]):
    """Ask a person for what a refusal said is missing: pass on its `proposal`, with your reason."""

    operation: Literal["grant_agent_access", "bind_connection_hosts", "set_agent_allowance"]
    arguments: dict[str, JsonBody]
    reason: Annotated[str, Field(min_length=1, max_length=300)]
