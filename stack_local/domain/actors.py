"""Who asks: nobody, a person's session, an API key, an OAuth token, or a passport. Each is a value that rules read."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stack_local.domain import scopes
from stack_local.domain.ids import AgentId


class Kind(StrEnum):
    """The kinds of bearer (house decision 2)."""

    NOBODY = "nobody"
    SESSION = "session"
    KEY = "key"
    PASSPORT = "passport"
    OAUTH = "oauth"
    SYSTEM = "system"
    """The appliance itself: its sweeper and its automatic passports. No bearer gives it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A checked caller. It is made by `surfaces/auth.py` (and by the appliance for itself) and nowhere else."""

    kind: Kind
    id: str
    """`ses…` fingerprint, `key_…`, `ppt_…`, `cns_…` of an OAuth token's consent, or the empty string."""
    scopes: frozenset[str] = frozenset()
    preset: str | None = None
    agent_id: AgentId | None = None
    """The one agent it stands for, if it stands for one."""
    decides_agents: frozenset[str] = frozenset()
    """`approver` keys: the agents it may decide for."""
    decides_services: frozenset[str] = frozenset()
    """`approver` keys: the connections it may decide for."""
    expires_at: datetime | None = None

    @property
    def is_person(self) -> bool:
        """A person is present: an operator session."""
        return self.kind is Kind.SESSION

    @property
    def may_loosen(self) -> bool:
        """House decision 3: an operator session, or an `admin` key for automation."""
        return self.is_person or self.kind is Kind.SYSTEM or self.preset == "admin"

    @property
    def sees_everything(self) -> bool:
        """Not limited to the agents it registered or was given."""
        return self.may_loosen or self.preset == "readonly"

    @property
    def label(self) -> str:
        """How the audit log names it: never a token."""
        return f"{self.kind}:{self.id}" if self.id else str(self.kind)


NOBODY = Actor(kind=Kind.NOBODY, id="")
APPLIANCE = Actor(kind=Kind.SYSTEM, id="", scopes=scopes.ALL)
