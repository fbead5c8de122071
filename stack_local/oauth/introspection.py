"""What a token is good for, to somebody who may know (RFC 7662)."""

from datetime import datetime

from stack_local.domain.consents import Consent, is_live, refresh_ends_at
from stack_local.domain.errors import Unauthorized
from stack_local.oauth.ground import Ground, hash_value
from stack_local.store import consents
from stack_local.store.database import Tx

Facts = dict[str, object]
INACTIVE: Facts = {"active": False}
"""What is not ours, not good or not for the one that asks: all alike."""


def introspect(tx: Tx, ground: Ground, raw_token: str, *, seen: frozenset[str] | None) -> Facts:
    """Section 2.2; `seen`: the agents of the one that asks, None for all."""
    now = ground.system.now()
    consent, facts = _looked_up(tx, ground, raw_token, now)
    if consent is None or not is_live(consent, now) or (seen is not None and consent.agent_id not in seen):
        return INACTIVE
    about = {
        "iss": ground.base_url,
        "sub": ground.scribe.operator_id,
        "client_id": consent.client_id,
        "aud": consent.resource,
        "scope": consent.scope,
    }
    return {"active": True, **about, **facts}


def _looked_up(tx: Tx, ground: Ground, raw_token: str, now: datetime) -> tuple[Consent | None, Facts]:
    refresh = consents.find_refresh(tx, hash_value(raw_token))
    if refresh is not None:
        consent = consents.get(tx, refresh.consent_id)
        ends_at = refresh_ends_at(consent, issued_at=refresh.issued_at)
        is_good = refresh.used_at is None and now < ends_at
        return consent if is_good else None, {"exp": int(ends_at.timestamp())}
    try:
        claims = ground.vault.verify_access_token(raw_token, issuer=ground.base_url)
    except Unauthorized:
        return None, {}
    is_good = now.timestamp() < int(str(claims["exp"]))
    facts = {name: claims[name] for name in ("scope", "exp", "iat", "nbf", "jti")} | {"token_type": "Bearer"}
    return consents.find(tx, str(claims["consent_id"])) if is_good else None, facts
