"""The passport signing key (Ed25519) and the compact JWT it signs. Times are judged by the caller."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Never, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stack_local.domain.errors import InvalidRequest, TooLarge, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.vault import strict_json
from stack_local.vault.keys import KeyMaterial
from stack_local.vault.strict_json import Json

MAX_TOKEN_BYTES = 8 * 1024
"""Bytes of a token; more is refused before anything is decoded."""
PASSPORT_TYPE = "passport+jwt"
"""The `typ` of a passport."""
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 (a type)
"""The `typ` of an OAuth access token (RFC 9068, section 2.1)."""
MAX_TIME_SECONDS = 2**53 - 1
"""The latest `iat`, `nbf` or `exp`: what every JSON reader keeps exact."""

_ALGORITHM = "EdDSA"
_SIGNATURE_BYTES = 64
_PUBLIC_BYTES = 32
_TEXT_CLAIMS = ("iss", "aud", "sub", "jti")
_TIME_CLAIMS = ("iat", "nbf", "exp")
_FIELD_PRIME = 2**255 - 19
# The y of every point of order 1, 2, 4 and 8. One constant signature verifies under such a key for any message.
_WEAK_Y = {
    0,
    1,
    _FIELD_PRIME - 1,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key that is neither weak nor written in a second way."""

    raw: bytes

    def __post_init__(self) -> None:
        y = int.from_bytes(self.raw, "little") & (2**255 - 1)
        if len(self.raw) != _PUBLIC_BYTES or y >= _FIELD_PRIME or y in _WEAK_Y:
            raise InvalidRequest("the public key is not a usable Ed25519 key", field="public_key")

    @property
    def kid(self) -> str:
        """The thumbprint of RFC 7638."""
        members: Json = {"crv": "Ed25519", "kty": "OKP", "x": encode_segment(self.raw)}
        return encode_segment(hashlib.sha256(strict_json.canonical(members)).digest())

    def jwk(self) -> dict[str, str]:
        """The public JWK, as it stands in a key set."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode_segment(self.raw),
            "kid": self.kid,
            "alg": _ALGORITHM,
            "use": "sig",
        }

    def verify(self, signature: bytes, payload: bytes) -> None:
        """Check a signature.

        Raises:
            Unauthorized: it is not this key's over these bytes.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, payload)
        except (InvalidSignature, ValueError):  # ValueError: bytes that are no point of the curve
            raise Unauthorized("the signature does not match") from None


class Signer:
    """The signing key, handed over as a port. The caller keeps its 32 bytes in the database."""

    __slots__ = ("_key", "public")

    def __init__(self, raw: KeyMaterial) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw.reveal())
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The signer whose `raw_bytes` these are."""
        return cls(KeyMaterial(raw))

    @classmethod
    def generate(cls, system: System) -> Self:
        """A new signing key."""
        return cls(KeyMaterial.generate(system))

    @property
    def kid(self) -> str:
        """The name of the key in token headers and key sets."""
        return self.public.kid

    def sign(self, payload: bytes) -> bytes:
        """The signature. Give each purpose a payload no other purpose can have."""
        return self._key.sign(payload)

    def raw_bytes(self) -> KeyMaterial:
        """The private key, to be stored in the database and nowhere else."""
        return KeyMaterial(self._key.private_bytes_raw())

    def __repr__(self) -> str:
        return "Signer(…)"

    def __reduce__(self) -> Never:
        raise TypeError("a signing key is not pickled")


def encode_jwt(signer: Signer, claims: Mapping[str, Json], *, typ: str = PASSPORT_TYPE) -> Secret:
    """A signed token: whoever holds it may use it, so it is a secret.

    Raises:
        TooLarge: the claims do not fit into a token.
    """
    signed = f"{token_head(signer.public, typ=typ)}.{encode_segment(strict_json.canonical(claims))}"
    token = f"{signed}.{encode_segment(signer.sign(signed.encode()))}"
    if len(token) > MAX_TOKEN_BYTES:
        raise TooLarge("the token would be too large", max_bytes=MAX_TOKEN_BYTES)
    return Secret(token)


def token_head(key: PublicKey, *, typ: str = PASSPORT_TYPE) -> str:
    """The first segment of every token that this key signs."""
    header: Json = {"alg": _ALGORITHM, "kid": key.kid, "typ": typ}
    return encode_segment(strict_json.canonical(header))


def decode_jwt(raw_token: str, keys: Mapping[str, PublicKey], *, typ: str = PASSPORT_TYPE) -> Mapping[str, Json]:
    """The claims of a token that one of `keys` signed. Issuer, audience and times are checked by the caller.

    Raises:
        Unauthorized: anything at all is wrong with it; it does not say what.
    """
    if len(raw_token) > MAX_TOKEN_BYTES or not raw_token.isascii():
        _refuse()
    signed, _, encoded_signature = raw_token.rpartition(".")
    encoded_header, _, encoded_claims = signed.partition(".")  # a fourth segment leaves a dot, which is not base64url
    key = _named_key(decode_segment(encoded_header), keys, typ)
    signature = decode_segment(encoded_signature)
    if len(signature) != _SIGNATURE_BYTES:
        _refuse()
    claims = decode_segment(encoded_claims)
    _verify(key, signature, signed.encode())
    return _checked(_object(claims))


def encode_segment(value: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode_segment(segment: str) -> bytes:
    """The bytes, from their one canonical spelling: a second one would be the same token under another name.

    Raises:
        Unauthorized: it is not base64url, is padded, or has stray bits at its end.
    """
    try:
        value = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        _refuse()
    if not segment or encode_segment(value) != segment:
        _refuse()
    return value


def _named_key(header: bytes, keys: Mapping[str, PublicKey], typ: str) -> PublicKey:
    fields = _object(header)
    # Exactly these three: `jku`, `jwk`, `x5c` and `crit` would let the token say how to check it.
    if set(fields) != {"alg", "kid", "typ"} or fields["alg"] != _ALGORITHM or fields["typ"] != typ:
        _refuse()
    kid = fields["kid"]
    if not isinstance(kid, str) or kid not in keys:
        _refuse()
    return keys[kid]


def _verify(key: PublicKey, signature: bytes, signed: bytes) -> None:
    try:
        key.verify(signature, signed)
    except Unauthorized:
        _refuse()


def _checked(claims: Mapping[str, Json]) -> Mapping[str, Json]:
    for name in _TEXT_CLAIMS:
        if not isinstance(claims.get(name), str) or not claims[name]:
            _refuse()
    for name in _TIME_CLAIMS:
        if not _is_time(claims.get(name)):
            _refuse()
    return claims


def _is_time(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TIME_SECONDS


def _object(raw: bytes) -> Mapping[str, Json]:
    try:
        return strict_json.read_object(raw)
    except strict_json.Malformed:
        _refuse()


def _refuse() -> Never:
    raise Unauthorized("the token is not accepted", hint="issue one with stack_issue_passport") from None
