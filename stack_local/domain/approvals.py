"""An approval: a person's yes to exactly one call (or a visibly bounded few), and what may still be done with it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stack_local.domain.calls import Call
from stack_local.domain.errors import Broken
from stack_local.domain.ids import AgentId, ApprovalId, OperationId, SessionId

PENDING_HOURS = 24
"""How long an unanswered approval waits."""

USE_WITHIN_MINUTES = 15
"""How long after the yes a single call may take to come."""

MAX_PENDING = 5
"""Pending decisions of all kinds per agent (house decision 3)."""

MAX_USES = 100
MAX_VALID_SECONDS = 24 * 3600
"""Bounds of what a person may grant at once."""


class Status(StrEnum):
    """pending → approved → reserved → consumed, or rejected, or expired (house decision 7)."""

    PENDING = "pending"
    APPROVED = "approved"
    RESERVED = "reserved"
    CONSUMED = "consumed"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Gate(StrEnum):
    """Why the gate refused: `details.gate_reason`."""

    REQUIRED = "approval_required"
    PENDING = "approval_pending"
    REJECTED = "approval_rejected"
    EXPIRED = "approval_expired"
    NOT_FOUND = "approval_not_found"
    CONSUMED = "approval_consumed"
    PASSPORT_MISMATCH = "passport_mismatch"
    CALL_MISMATCH = "call_mismatch"


class Breadth(StrEnum):
    """How far one yes reaches: always the same call."""

    ONCE = "once"
    USES = "uses"
    TIME = "time"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval as the gate reads it."""

    id: ApprovalId
    agent_id: AgentId
    session_id: SessionId
    chain: tuple[str, ...]
    """The agents from this one up to the root: an approval is never a child's."""
    status: Status
    call: Call
    submitted_at: datetime
    expires_at: datetime
    """While pending: the end of waiting. Once approved: the end of use."""
    uses_left: int | None = 1
    """None is unbounded until `expires_at`."""
    operation_id: OperationId | None = None
    """The last call made under it."""


def status_at(approval: Approval, now: datetime) -> Status:
    """The status with the clock taken into account."""
    if approval.status in (Status.PENDING, Status.APPROVED) and now >= approval.expires_at:
        return Status.EXPIRED
    return approval.status


def reserve(approval: Approval) -> tuple[Status, int | None]:
    """Status and uses left once one use is taken, before anything is sent.

    Raises:
        Broken: there is none left; the gate lets no such approval through.
    """
    if approval.uses_left is None:
        return Status.APPROVED, None
    if approval.uses_left < 1:
        raise Broken("an approval without a use left was to be spent")
    left = approval.uses_left - 1
    return (Status.RESERVED if left == 0 else Status.APPROVED), left


def settle(status: Status) -> Status:
    """What a reservation becomes once the call may have happened."""
    return Status.CONSUMED if status is Status.RESERVED else status


def give_back(status: Status, uses_left: int | None) -> tuple[Status, int | None]:
    """What a reservation becomes when certainly nothing was sent."""
    if uses_left is None:
        return status, None
    return (Status.APPROVED if status is Status.RESERVED else status), uses_left + 1
