"""What detectors say. A detector never allows; it finds, and the policy weighs the finding."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How loud a finding is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal about a proposed call; text is ours, never the agent's."""

    detector: str
    severity: Severity
    message: str
    blocks: bool = False
    """Whether an enforced agent's call is refused for it."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a detector sees of a proposed call: no secret, no I/O."""

    agent_id: str
    session_id: str
    provider: str
    method: str
    host: str
    path: str
    body_bytes: int
    call_digest: str
    at_milliseconds: int


@dataclass(frozen=True, slots=True)
class PastCall:
    """One earlier proposed call of the same agent."""

    call_digest: str
    at_milliseconds: int
