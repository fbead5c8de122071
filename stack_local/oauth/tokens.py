"""Access tokens (RFC 9068) and the refresh tokens beside them."""

from datetime import datetime

from stack_local.domain.consents import ACCESS_SECONDS, Consent, RefreshToken
from stack_local.oauth.ground import Ground, hash_value
from stack_local.store import consents
from stack_local.store.database import Tx

REFRESH_PREFIX = "sk_refresh_"
"""What a refresh token begins with."""

Answer = dict[str, object]
"""The JSON of a token response (RFC 6749, section 5.1)."""


def issue(tx: Tx, ground: Ground, consent: Consent, now: datetime, *, scope: str) -> Answer:
    """A pair of tokens of one consent; the refresh token is kept by its hash."""
    refresh_token = ground.new_value(REFRESH_PREFIX)
    # No access token outlives the consent it is for: whoever checked it once need not look again until then.
    lifetime = min(ACCESS_SECONDS, int((consent.ends_at - now).total_seconds()))
    consents.insert_refresh(tx, RefreshToken(hash_value(refresh_token), consent.id, now))
    return {
        "access_token": _access_token(ground, consent, now, scope=scope, lifetime=lifetime),
        "token_type": "Bearer",
        "expires_in": lifetime,
        "refresh_token": refresh_token,
        "scope": scope,
    }


def _access_token(ground: Ground, consent: Consent, now: datetime, *, scope: str, lifetime: int) -> str:
    issued_at = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": ground.base_url,
        "aud": consent.resource,
        "sub": ground.scribe.operator_id,
        "client_id": consent.client_id,
        "scope": scope,
        "consent_id": consent.id,
        "jti": hash_value(ground.new_value())[:32],
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + lifetime,
    }
    return ground.vault.sign_access_token(claims).reveal()
