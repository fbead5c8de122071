"""Sealing single values: credentials, bound to where they may go, and the bodies beside audit entries.

AES-256-GCM with a random 96-bit nonce: one key is good for 2**32 values, far beyond what one appliance keeps.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stack_local.domain.errors import Unavailable
from stack_local.system import System
from stack_local.vault import strict_json
from stack_local.vault.keys import KeyMaterial
from stack_local.vault.strict_json import Json

_FORM = b"\x01"
_NONCE_BYTES = 12


def seal_credential(
    credential_key: KeyMaterial,
    plaintext: bytes,
    *,
    row_id: str,
    service: str,
    hosts: tuple[str, ...],
    version: int,
    system: System,
) -> bytes:
    """The credential, readable only for this row, service, set of hosts and version."""
    return _seal(credential_key, plaintext, _credential_binding(row_id, service, hosts, version), system)


def open_credential(
    credential_key: KeyMaterial, sealed: bytes, *, row_id: str, service: str, hosts: tuple[str, ...], version: int
) -> bytes:
    """The credential.

    Raises:
        Unavailable: another key, another binding or damaged; it does not say which.
    """
    return _open(credential_key, sealed, _credential_binding(row_id, service, hosts, version))


def content_key(database_key: KeyMaterial) -> KeyMaterial:
    """The key of bodies beside audit entries.

    It comes from the database key and not from the credential key, because a locked vault still records calls.
    """
    return database_key.derive("content")


def seal_content(key: KeyMaterial, plaintext: bytes, *, row_id: str, system: System) -> bytes:
    """A body, readable only for this row; `key` is `content_key`. Deleting the row is what shreds it."""
    return _seal(key, plaintext, _content_binding(row_id), system)


def open_content(key: KeyMaterial, sealed: bytes, *, row_id: str) -> bytes:
    """The body.

    Raises:
        Unavailable: another key, another row or damaged; it does not say which.
    """
    return _open(key, sealed, _content_binding(row_id))


def _credential_binding(row_id: str, service: str, hosts: tuple[str, ...], version: int) -> Json:
    return {
        "purpose": "credential",
        "row": row_id,
        "service": service,
        "hosts": sorted(set(hosts)),  # a set of hosts: the order in which they were named binds nothing
        "version": version,
    }


def _content_binding(row_id: str) -> Json:
    return {"purpose": "content", "row": row_id}


def _seal(key: KeyMaterial, plaintext: bytes, binding: Json, system: System) -> bytes:
    nonce = system.random_bytes(_NONCE_BYTES)
    return _FORM + nonce + AESGCM(key.reveal()).encrypt(nonce, plaintext, strict_json.canonical(binding))


def _open(key: KeyMaterial, sealed: bytes, binding: Json) -> bytes:
    form, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if form != _FORM or len(nonce) != _NONCE_BYTES:
        raise _refused()
    try:
        return AESGCM(key.reveal()).decrypt(nonce, ciphertext, strict_json.canonical(binding))
    except InvalidTag:
        raise _refused() from None


def _refused() -> Unavailable:
    return Unavailable("a sealed value does not open", code="SEALED_VALUE_REFUSED")
