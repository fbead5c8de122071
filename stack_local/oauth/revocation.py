"""Ending a consent: its tokens, the passports it minted and all below them, and what waited for those."""

from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from stack_local.domain.actors import Kind
from stack_local.domain.consents import Consent
from stack_local.domain.errors import Unauthorized
from stack_local.oauth.core import Core, CoreClient, CoreRequest
from stack_local.oauth.ground import Ground, hash_value
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


def _consent_of_access_token(ground: Ground, raw_token: str) -> str | None:
    """The consent an access token of ours belongs to, however old it is; None for anything else."""
    try:
        return str(ground.vault.verify_access_token(raw_token, issuer=ground.base_url)["consent_id"])
    except Unauthorized:
        return None


class Revocation(RevocationEndpoint):
    """RFC 7009, section 2. Another client's token is refused, and goes on."""

    CLIENT_AUTH_METHODS = ("none",)
    server: Core

    def check_params(self, request: CoreRequest, client: CoreClient) -> None:
        # Any hint is welcome and none is read (section 2.2): authlib refuses those it does not know.
        if "token" not in request.form:
            raise InvalidRequestError("there is no token")

    def query_token(self, token_string: str, token_type_hint: str | None) -> "_Revocable | None":
        core = self.server
        found = consents.find_refresh(core.tx, hash_value(token_string))
        consent_id = found.consent_id if found is not None else _consent_of_access_token(core.ground, token_string)
        consent = None if consent_id is None else consents.find(core.tx, consent_id)
        return None if consent is None else _Revocable(consent)

    def revoke_token(self, token: "_Revocable", request: CoreRequest) -> None:
        end_unasked(self.server.tx, self.server.ground, token.consent, self.server.now, reason="the client revoked it")


@dataclass(frozen=True, slots=True)
class _Revocable:
    """A token as authlib asks it."""

    consent: Consent

    def check_client(self, client: CoreClient) -> bool:
        return client.client_id == self.consent.client_id
