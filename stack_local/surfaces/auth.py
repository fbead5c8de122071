"""From a bearer to an Actor: the one place that decides who asks."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from stack_local.domain.actors import NOBODY, Actor, Kind
from stack_local.domain.consents import is_live
from stack_local.domain.errors import InvalidRequest, Unauthorized
from stack_local.domain.passports import State, state_of
from stack_local.operations.bearers import (
    actor_of_consent,
    actor_of_key,
    actor_of_passport,
    actor_of_session,
    is_key_good,
)
from stack_local.operations.context import Core, Ports
from stack_local.operations.keys import PREFIX as KEY_PREFIX
from stack_local.operations.keys import hash_key
from stack_local.store import consents, keys, passports
from stack_local.store.database import Tx
from stack_local.vault.sessions import PREFIX as SESSION_PREFIX

UNKNOWN = Actor(kind=Kind.KEY, id="")
"""Somebody with a bearer that nobody can check while the vault is sealed."""

MAX_BEARER_CHARACTERS = 8192
REMEMBERED = 4096
"""Bearers kept checked; each is good until a commit changes who may do what."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    actor: Actor
    generation: int
    good_until: datetime | None
    resource: str | None = None
    """What an OAuth token is for; None of bearers that are good everywhere."""


class Authenticator:
    """Turns an Authorization header into an Actor."""

    def __init__(self, ports: Ports, *, is_person_side: bool) -> None:
        """`is_person_side`: on the admin socket, where alone sessions and approver keys count."""
        self._ports = ports
        self._is_person_side = is_person_side
        self._core: Core | None = None
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    def open(self, core: Core | None) -> None:
        """The vault was opened or closed: forget everybody."""
        self._core = core
        self._remembered.clear()

    @property
    def generation(self) -> int:
        """Grows with every commit that changes who may do what, and with every opening of the vault."""
        return 0 if self._core is None else self._core.database.access_generation

    async def actor_of(self, authorization: str | None, *, path: str = "") -> Actor:
        """Who asks; NOBODY without a bearer. `path` is the resource that is asked, for which an OAuth token must be.

        Raises:
            Unauthorized: the bearer is malformed, unknown, expired, revoked, or an OAuth token for something else.
        """
        if authorization is None:
            return NOBODY
        raw_token = _bearer(authorization)
        if self._core is None:
            return UNKNOWN
        if raw_token.startswith(SESSION_PREFIX):
            return self._session(raw_token)
        known = await self._checked(self._core, raw_token)
        _refuse_other_resource(known.resource, f"{self._ports.appliance.base_url}{path}")
        return known.actor

    def _session(self, raw_token: str) -> Actor:
        session_id = self._ports.sessions.find(raw_token) if self._is_person_side else None
        if session_id is None:
            raise Unauthorized("the session is over", hint="unlock again, or `stack-local session create`")
        return actor_of_session(session_id)

    async def _checked(self, core: Core, raw_token: str) -> _Remembered:
        now, generation = self._ports.system.now(), core.database.access_generation
        digest = hashlib.sha256(raw_token.encode()).digest()
        known = self._remembered.get(digest)
        if (
            known is not None
            and known.generation == generation
            and (known.good_until is None or now < known.good_until)
        ):
            return known
        actor, resource = await core.database.read(lambda tx: self._actor(tx, core, raw_token, now))
        known = self._remembered[digest] = _Remembered(actor, generation, actor.expires_at, resource)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return known

    def _actor(self, tx: Tx, core: Core, raw_token: str, now: datetime) -> tuple[Actor, str | None]:
        if raw_token.startswith(KEY_PREFIX):
            return self._key(tx, raw_token, now), None
        if core.vault.is_access_token(raw_token):
            return self._oauth(tx, core, raw_token, now)
        return self._passport(tx, core, raw_token, now), None

    def _oauth(self, tx: Tx, core: Core, raw_token: str, now: datetime) -> tuple[Actor, str]:
        """RFC 9068, section 4; the consent behind it must hold still."""
        claims = core.vault.verify_access_token(raw_token, issuer=self._ports.appliance.base_url)
        expires_at = datetime.fromtimestamp(int(str(claims["exp"])), UTC)
        consent = consents.find(tx, str(claims["consent_id"]))
        if consent is None or not is_live(consent, now):
            raise Unauthorized("the consent was revoked", code="INVALID_TOKEN", hint="log in again; a person decides")
        if now >= expires_at:
            raise Unauthorized("the access token has expired", code="INVALID_TOKEN", hint="refresh it")
        scopes = frozenset(str(claims["scope"]).split())
        return actor_of_consent(consent, scopes, expires_at=expires_at), str(claims["aud"])

    def _passport(self, tx: Tx, core: Core, raw_token: str, now: datetime) -> Actor:
        claims = core.vault.verify(raw_token, issuer=self._ports.appliance.base_url)
        passport = passports.find(tx, str(claims["jti"]))
        if passport is None:
            raise Unauthorized("the passport is not one of this vault", hint="issue another")
        for link in passports.chain(tx, passport):
            _refuse_dead(state_of(link, now))
        return actor_of_passport(passport)

    def _key(self, tx: Tx, raw_token: str, now: datetime) -> Actor:
        key = keys.find_by_hash(tx, hash_key(raw_token))
        if key is None or not is_key_good(key, now) or (key.preset == "approver" and not self._is_person_side):
            is_over = key is not None and key.revoked_at is None and not is_key_good(key, now)
            raise Unauthorized(
                f"the API key {'has expired' if is_over else 'is unknown or revoked'}",
                code="INVALID_API_KEY",
                hint="a person mints one in the terminal",
            )
        return actor_of_key(key)


def _refuse_other_resource(resource: str | None, asked: str) -> None:
    """An OAuth token is for one resource and what lies below it (RFC 8707; RFC 9068, section 4)."""
    if resource is not None and asked != resource and not asked.startswith(f"{resource}/"):
        raise Unauthorized(
            "the access token is for another resource",
            code="INVALID_TOKEN",
            rule=resource,
            hint="ask a token for this one",
        )


def _bearer(authorization: str) -> str:
    scheme, _, raw_token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not raw_token or raw_token != raw_token.strip():
        raise Unauthorized("the Authorization header is not a bearer", rule="Authorization: Bearer <token>")
    if len(raw_token) > MAX_BEARER_CHARACTERS or not raw_token.isascii() or not raw_token.isprintable():
        raise Unauthorized("the bearer is malformed", rule=f"at most {MAX_BEARER_CHARACTERS} characters of ASCII")
    return raw_token


def _refuse_dead(state: State) -> None:
    if state is State.REVOKED:
        raise Unauthorized("the passport is revoked", code="PASSPORT_REVOKED", hint="stop; a person ended this access")
    if state is not State.ACTIVE:
        raise Unauthorized(f"the passport is {state}", code="PASSPORT_EXPIRED", hint="refresh it, or issue another")


def one_header(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The value of a header that may stand once.

    Raises:
        InvalidRequest: it stands twice.
    """
    values = [value for key, value in headers if key.lower() == name]
    if len(values) > 1:
        raise InvalidRequest(f"the header {name.decode()} stands twice", field=name.decode(), rule="once")
    return values[0].decode("latin-1") if values else None
