"""Revoking passports with everything that hangs on them; whoever asked for it writes the records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stack_local.store import approvals, passports
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx


@dataclass(frozen=True, slots=True)
class Fallen:
    """What a revocation ended."""

    named: list[tuple[str, str]]
    """`(jti, agent_id)` of the passports that were named."""
    cascaded: list[tuple[str, str]]
    """The same of all below them."""
    approvals: list[ApprovalRow]
    """What no longer waits, because its session has no passport left."""

    @property
    def jtis(self) -> list[str]:
        """Every passport that fell, the named ones first."""
        return [jti for jti, _ in (*self.named, *self.cascaded)]


def revoke_with_descendants(tx: Tx, jtis: Sequence[str], *, reason: str, at: datetime) -> Fallen:
    """Revoke these and all below them."""
    below = passports.descendants(tx, jtis)
    named = passports.revoke(tx, jtis, reason=reason, at=at)
    cascaded = passports.revoke(tx, below, reason=f"cascade: {reason}", at=at)
    ended: list[ApprovalRow] = []
    for session_id in {passports.get(tx, jti).session_id for jti, _ in (*named, *cascaded)}:
        if not passports.list_session(tx, session_id):
            ended += approvals.end_pending(tx, session_id=session_id)
    return Fallen(named, cascaded, ended)
