"""The small file that is served while the vault is sealed: who issues, for whom, and the public keys.

While sealed nobody can check it; when the vault opens, `verify` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from stack_local.domain.errors import InvalidRequest, Unauthorized, Unavailable
from stack_local.vault import strict_json
from stack_local.vault.files import find_bounded, write_atomically
from stack_local.vault.signing import PublicKey, Signer, decode_segment, encode_segment
from stack_local.vault.strict_json import Json

MAX_BYTES = 64 * 1024
"""Bytes of the file."""
MAX_KEYS = 16
"""Public keys in the file: the current one and those in their grace."""

_CONTEXT = b"stack-local/1/public-file\n"  # no token starts so: a signature here is never one of a passport


@dataclass(frozen=True, slots=True)
class PublicFacts:
    """What may be known of a sealed appliance."""

    issuer: str
    operator_id: str
    keys: tuple[PublicKey, ...]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The key set, as `/v1/.well-known/jwks.json` serves it."""
        return {"keys": [key.jwk() for key in self.keys]}


@dataclass(frozen=True, slots=True)
class UnverifiedPublicFile:
    """The file as found: well formed, and perhaps somebody else's."""

    claimed: PublicFacts
    signature: bytes


def write_public_file(path: Path, signer: Signer, facts: PublicFacts) -> None:
    """Sign and replace the file.

    Raises:
        Unavailable: it could not be written.
    """
    signature = encode_segment(signer.sign(_signed_bytes(facts)))
    write_atomically(path, strict_json.canonical({**_fields(facts), "signature": signature}) + b"\n")


def find_public_file(path: Path) -> UnverifiedPublicFile | None:
    """What a sealed appliance may serve, or None where there is no file.

    Raises:
        Unavailable: the file is not of the form we write.
    """
    raw = find_bounded(path, max_bytes=MAX_BYTES)
    if raw is None:
        return None
    try:
        fields = strict_json.read_object(raw)
        return _unverified(fields)
    except (strict_json.Malformed, Unauthorized, InvalidRequest):
        raise _damaged() from None


def verify(found: UnverifiedPublicFile, key: PublicKey) -> PublicFacts:
    """The facts, once the vault is open and its signing key known.

    Raises:
        Unavailable: the file was not signed by this vault.
    """
    try:
        key.verify(found.signature, _signed_bytes(found.claimed))
    except Unauthorized:
        raise Unavailable(
            "the public file was altered while the vault was sealed", code="PUBLIC_FILE_ALTERED"
        ) from None
    return found.claimed


def _unverified(fields: Mapping[str, Json]) -> UnverifiedPublicFile:
    if set(fields) != {"issuer", "operator_id", "jwks", "signature"}:
        _refuse()
    facts = PublicFacts(_text(fields["issuer"]), _text(fields["operator_id"]), _keys(fields["jwks"]))
    return UnverifiedPublicFile(facts, decode_segment(_text(fields["signature"])))


def _keys(jwks: Json) -> tuple[PublicKey, ...]:
    if not isinstance(jwks, dict) or set(jwks) != {"keys"}:
        _refuse()
    members = jwks["keys"]
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        _refuse()
    return tuple(_key(member) for member in members)


def _key(member: Json) -> PublicKey:
    if not isinstance(member, dict):
        _refuse()
    key = PublicKey(decode_segment(_text(member.get("x"))))
    if key.jwk() != member:  # so a private `d`, or a `kid` that is not the thumbprint, is never served
        _refuse()
    return key


def _text(value: Json) -> str:
    if not isinstance(value, str):
        _refuse()
    return value


def _fields(facts: PublicFacts) -> dict[str, Json]:
    return {"issuer": facts.issuer, "operator_id": facts.operator_id, "jwks": facts.jwks()}


def _signed_bytes(facts: PublicFacts) -> bytes:
    return _CONTEXT + strict_json.canonical(_fields(facts))


def _refuse() -> Never:
    raise _damaged()


def _damaged() -> Unavailable:
    return Unavailable("the public file is damaged", code="PUBLIC_FILE_DAMAGED", hint="unlock the vault to rewrite it")
