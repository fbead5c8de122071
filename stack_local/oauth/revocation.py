"""Ending a consent: its tokens, the passports it minted and all below them, and what waited for those."""

from datetime import datetime

from stack_local.domain.actors import Kind
from stack_local.domain.consents import Consent
from stack_local.oauth.ground import Ground
from stack_local.store import authorization_requests as requests
from stack_local.store import consents, passports
from stack_local.store.database import Tx
from stack_local.store.revocation import Fallen, revoke_with_descendants


def label_of(consent: Consent) -> str:
    """How the audit log names whoever acts under a consent, and who minted a passport under it."""
    return f"{Kind.OAUTH}:{consent.id}"


def end_consent(tx: Tx, consent: Consent, *, at: datetime, reason: str) -> Fallen:
    """End it at once; what fell with it, for whoever writes the records."""
    consents.revoke(tx, consent.id, at=at)
    minted = passports.revocable(tx, now=at, minted_by=label_of(consent))
    return revoke_with_descendants(tx, minted, reason=reason, at=at)


def end_unredeemed(tx: Tx, ground: Ground, now: datetime) -> None:
    """End consents whose log-in came to nothing: refused after all, or its code never typed or never fetched."""
    for request in requests.list_unredeemed(tx, now):
        consent = consents.find(tx, request.consent_id or "")
        if consent is not None:
            end_unasked(tx, ground, consent, now, reason="its log-in came to nothing")


def end_unasked(tx: Tx, ground: Ground, consent: Consent, now: datetime, *, reason: str) -> None:
    """End it from the agents' side (a token shown twice, RFC 7009), with a record of each thing that fell."""
    if consent.revoked_at is not None:
        return
    fallen = end_consent(tx, consent, at=now, reason=reason)
    actor = label_of(consent)
    ground.record(tx, "consent.revoke", actor=actor, agent_id=consent.agent_id, subject=consent.id, reason=reason)
    for jti, agent_id in (*fallen.named, *fallen.cascaded):
        ground.record(tx, "passport.revoke_cascade", actor=actor, agent_id=agent_id, passport_jti=jti)
    for row in fallen.approvals:
        ground.record(tx, "intent.expire", actor=actor, agent_id=row.agent_id, subject=row.id)
