"""Revoking passports with everything delegated from them: used wherever access ends."""

from collections.abc import Sequence

from stack_local.operations.context import Context, Extra
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx
from stack_local.store.revocation import Fallen, revoke_with_descendants


def note_ended(ctx: Context, ended: Sequence[ApprovalRow]) -> None:
    """One record for each approval that no longer waits."""
    for row in ended:
        ctx.trail.extras.append(Extra("intent.expire", row.agent_id, None, subject=row.id))


def note_fallen(ctx: Context, fallen: Fallen) -> None:
    """One record for each passport that fell with another, and for each approval that no longer waits."""
    for jti, agent_id in fallen.cascaded:
        ctx.trail.extras.append(Extra("passport.revoke_cascade", agent_id, jti, subject=None))
    note_ended(ctx, fallen.approvals)


def revoke_cascading(tx: Tx, ctx: Context, jtis: Sequence[str], *, reason: str) -> list[str]:
    """Revoke these and all below them; the ids that fell, the given ones first."""
    fallen = revoke_with_descendants(tx, jtis, reason=reason, at=ctx.now)
    note_fallen(ctx, fallen)
    return fallen.jtis
