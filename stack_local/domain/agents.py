"""An agent as the rules see it, and its controls ordered from strict to loose."""

from dataclasses import dataclass
from enum import StrEnum

from stack_local.domain.ids import AgentId
from stack_local.domain.passports import Mode


class Access(StrEnum):
    """How an agent may use a credential; from strict to loose."""

    PROXY_ONLY = "proxy_only"
    PROXY_PREFERRED = "proxy_preferred"
    DIRECT = "direct"


class Asks(StrEnum):
    """Which calls of an enforced agent need a person's yes; from strict to loose."""

    ALWAYS = "always"
    WRITES = "writes"
    OBSERVE = "observe"
    """Nobody is asked, and the log says of each call whether somebody would have been."""
    NEVER = "never"


class OnFlag(StrEnum):
    """What a flagged review does; from strict to loose."""

    BLOCK = "block"
    NOTIFY = "notify"


class AgentStatus(StrEnum):
    """Whether an agent may act at all."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Agent:
    """What the decision on a call needs of an agent."""

    id: AgentId
    name: str
    mode: Mode
    access: Access
    asks: Asks
    status: AgentStatus
    passport_blocked: bool
