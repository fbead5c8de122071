"""Revoking passports with everything delegated from them: used wherever access ends."""

from collections.abc import Sequence

from stack_local.operations.context import Context, Extra
from stack_local.store import approvals, passports
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx


def note_ended(ctx: Context, ended: Sequence[ApprovalRow]) -> None:
    """One record for each approval that no longer waits."""
    for row in ended:
        ctx.trail.extras.append(Extra("intent.expire", row.agent_id, None, subject=row.id))


def revoke_cascading(tx: Tx, ctx: Context, jtis: Sequence[str], *, reason: str) -> list[str]:
    """Revoke these and all below them; the ids that fell, the given ones first. One record for each child."""
    below = passports.descendants(tx, jtis)
    fallen = passports.revoke(tx, jtis, reason=reason, at=ctx.now)
    cascaded = passports.revoke(tx, below, reason=f"cascade: {reason}", at=ctx.now)
    for jti, agent_id in cascaded:
        ctx.trail.extras.append(Extra("passport.revoke_cascade", agent_id, jti, subject=None))
    for session_id in {passports.get(tx, jti).session_id for jti, _ in (*fallen, *cascaded)}:
        if not passports.list_session(tx, session_id):
            note_ended(ctx, approvals.end_pending(tx, session_id=session_id))
    return [jti for jti, _ in (*fallen, *cascaded)]
