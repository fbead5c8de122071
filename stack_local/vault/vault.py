"""The open vault: its keys while they are here, what they seal and sign, and locking them away."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import StrEnum

from stack_local.domain.errors import Locked, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.vault import seal
from stack_local.vault.credential_key import CredentialKey
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.signing import ACCESS_TOKEN_TYPE, PublicKey, Signer, decode_jwt, encode_jwt, token_head

Claims = Mapping[str, object]

REMEMBERED_TOKENS = 4096
"""Tokens whose signature is not checked again. Whether they are still good is asked each time."""


class State(StrEnum):
    """How far the vault is open."""

    EMPTY = "empty"
    SEALED = "sealed"
    LOCKED = "locked"
    UNLOCKED = "unlocked"


class Vault:
    """The keys of an open database. Without the credential key it is locked: no injecting, revealing, approving."""

    def __init__(self, system: System, keys: Keys) -> None:
        self._system = system
        self._database_key = keys.database_key
        self._content_key = seal.content_key(keys.database_key)
        self._credential_key = keys.credential_key
        self._on_lock: list[Callable[[], None]] = []
        self._signers: list[Signer] = []
        self._public: dict[str, PublicKey] = {}
        self._token_marks: tuple[str, ...] = ()
        self._access_token_marks: tuple[str, ...] = ()
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    @property
    def state(self) -> State:
        return State.LOCKED if self._credential_key is None else State.UNLOCKED

    @property
    def is_unlocked(self) -> bool:
        return self._credential_key is not None

    @property
    def database_key(self) -> KeyMaterial:
        """For the database and the anchor."""
        return self._database_key

    def unlock(self, keys: Keys) -> None:
        """Take the credential key back."""
        self._credential_key = keys.credential_key

    def lock(self) -> None:
        """Forget the credential key and everything opened with it."""
        self._credential_key = None
        for forget in self._on_lock:
            forget()

    def on_lock(self, forget: Callable[[], None]) -> None:
        """Call this when the vault is locked."""
        self._on_lock.append(forget)

    def _credential(self) -> KeyMaterial:
        if self._credential_key is None:
            raise Locked("the vault is locked", hint="ask the person at the terminal to unlock it")
        return self._credential_key

    def credential_key(self) -> CredentialKey:
        """The key, for work that must not be left half-way when somebody locks the vault.

        Raises:
            Locked: it is not here.
        """
        return CredentialKey(self._credential(), self._system)

    def seal_credential(
        self, plaintext: bytes, *, row_id: str, service: str, hosts: tuple[str, ...], version: int
    ) -> bytes:
        """Seal a credential for one row, service, set of hosts and version.

        Raises:
            Locked: the credential key is not here.
        """
        key = self._credential()
        return seal.seal_credential(
            key, plaintext, row_id=row_id, service=service, hosts=hosts, version=version, system=self._system
        )

    def open_credential(
        self, sealed: bytes, *, row_id: str, service: str, hosts: tuple[str, ...], version: int
    ) -> bytes:
        """Open a credential.

        Raises:
            Locked: the credential key is not here.
            Unavailable: it is not sealed for this row, service, hosts and version.
        """
        key = self._credential()
        return seal.open_credential(key, sealed, row_id=row_id, service=service, hosts=hosts, version=version)

    def seal_content(self, plaintext: bytes, *, row_id: str) -> bytes:
        """Seal a body beside the audit log."""
        return seal.seal_content(self._content_key, plaintext, row_id=row_id, system=self._system)

    def open_content(self, sealed: bytes, *, row_id: str) -> bytes:
        """Open a body."""
        return seal.open_content(self._content_key, sealed, row_id=row_id)

    def hold_signers(self, signers: list[Signer]) -> None:
        """The signing keys from the database, newest first: it signs, all verify."""
        self._signers = signers
        self._public = {signer.kid: signer.public for signer in signers}
        keys = self._public.values()
        self._access_token_marks = tuple(token_head(key, typ=ACCESS_TOKEN_TYPE) for key in keys)
        self._token_marks = tuple(token_head(key) for key in keys) + self._access_token_marks
        self._verified.clear()

    def jwks(self) -> list[dict[str, str]]:
        """The public keys (RFC 7517)."""
        return [key.jwk() for key in self._public.values()]

    def sign(self, claims: Mapping[str, object]) -> Secret:
        """A passport token."""
        return encode_jwt(self._signers[0], claims)  # type: ignore[arg-type]  # claims are JSON by construction

    def verify(self, raw_token: str, *, issuer: str) -> Claims:
        """The claims of a passport token of ours: form, signature, issuer, audience; not whether it is still good.

        Raises:
            Unauthorized: it is not one.
        """
        key = hashlib.sha256(raw_token.encode("utf-8", "surrogatepass")).digest()
        claims = self._verified.get(key)
        if claims is None:
            claims = decode_jwt(raw_token, self._public)
            self._remember(key, claims)
        if claims.get("iss") != issuer or claims.get("aud") != AUDIENCE:
            raise Unauthorized("the passport is not one of this appliance", hint="issue one with stack_issue_passport")
        return claims

    def sign_access_token(self, claims: Mapping[str, object]) -> Secret:
        """An OAuth access token."""
        return encode_jwt(self._signers[0], claims, typ=ACCESS_TOKEN_TYPE)  # type: ignore[arg-type]  # JSON, too

    def is_access_token(self, raw_token: str) -> bool:
        """Whether it says so of itself; whether it is one, `verify_access_token` says."""
        return raw_token.startswith(self._access_token_marks)

    def verify_access_token(self, raw_token: str, *, issuer: str) -> Claims:
        """The claims of an OAuth access token of ours: form, type, signature, issuer; not audience, not whether it is
        still good.

        Raises:
            Unauthorized: it is not one.
        """
        claims = decode_jwt(raw_token, self._public, typ=ACCESS_TOKEN_TYPE)
        if claims.get("iss") != issuer:
            raise Unauthorized("the access token is not one of this appliance", hint="log in again")
        return claims

    def token_marks(self) -> tuple[str, ...]:
        """How every token of ours that is a JWT begins: none may leave in a proxied call."""
        return self._token_marks

    def _remember(self, key: bytes, claims: Claims) -> None:
        self._verified[key] = claims
        if len(self._verified) > REMEMBERED_TOKENS:
            self._verified.popitem(last=False)


AUDIENCE = "stack:passport"
"""`aud` of a passport (house decision 1)."""
