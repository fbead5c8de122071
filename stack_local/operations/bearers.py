"""From a stored key or passport to the actor it stands for."""

from datetime import datetime

from stack_local.domain import scopes
from stack_local.domain.actors import Actor, Kind
from stack_local.domain.consents import Consent, is_live
from stack_local.domain.ids import AgentId
from stack_local.domain.passports import Passport
from stack_local.store import consents, keys, passports
from stack_local.store.database import Tx
from stack_local.wire.keys import ApiKey


def actor_of_key(key: ApiKey) -> Actor:
    """What an API key may do: its preset."""
    return Actor(
        kind=Kind.KEY,
        id=key.id,
        scopes=scopes.PRESETS[key.preset],
        preset=key.preset,
        agent_id=None if key.agent_id is None else AgentId(key.agent_id),
        decides_agents=frozenset(key.decides_agents),
        decides_services=frozenset(key.decides_services),
        expires_at=key.expires_at,
    )


def actor_of_passport(passport: Passport) -> Actor:
    """What a passport as the bearer may do: its own work."""
    return Actor(
        kind=Kind.PASSPORT,
        id=passport.jti,
        scopes=scopes.PASSPORT,
        agent_id=passport.agent_id,
        expires_at=passport.expires_at,
    )


def actor_of_consent(consent: Consent, token_scopes: frozenset[str], *, expires_at: datetime | None) -> Actor:
    """What an OAuth token may do: like an agent key of the one agent its consent names, within the scopes allowed."""
    return Actor(
        kind=Kind.OAUTH,
        id=consent.id,
        scopes=scopes.OAUTH & token_scopes & frozenset(consent.scope.split()),
        preset="agent",
        agent_id=AgentId(consent.agent_id),
        expires_at=expires_at,
    )


def find_asker(tx: Tx, label: str, now: datetime) -> Actor | None:
    """Whoever asked for a change, by the label in its record, if it still may ask."""
    kind, _, asker_id = label.partition(":")
    if kind == Kind.OAUTH:
        consent = consents.find(tx, asker_id)
        is_good = consent is not None and is_live(consent, now)
        return actor_of_consent(consent, scopes.OAUTH, expires_at=None) if consent and is_good else None
    if kind == Kind.PASSPORT:
        passport = passports.find(tx, asker_id)
        is_good = passport is not None and passport.revoked_at is None and now < passport.session_ends_at
        return actor_of_passport(passport) if passport and is_good else None
    key = keys.find(tx, asker_id)
    return actor_of_key(key) if key is not None and is_key_good(key, now) else None


def actor_of_session(session_id: str) -> Actor:
    """A person at the terminal."""
    return Actor(kind=Kind.SESSION, id=session_id, scopes=scopes.SESSION)


def is_key_good(key: ApiKey, now: datetime) -> bool:
    """Whether a key is accepted now."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)
