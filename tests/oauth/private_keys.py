"""Private keys as other services hand them out, and the reading of what they sign without the library that signed."""

import base64
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

AT = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
PKCS8 = serialization.PrivateFormat.PKCS8
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key of a size for all tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    form: serialization.PrivateFormat = PKCS8,
    password: bytes | None = None,
) -> str:
    """The key as a service hands it out."""
    lock = serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    return (key or rsa_key()).private_bytes(serialization.Encoding.PEM, form, lock).decode()


def public_pem() -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key().public_key().public_bytes(encoding, form).decode()


def verified(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of an assertion that the key signed."""
    signed, _, signature = assertion.rpartition(".")
    rsa_key().public_key().verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    header, claims = (json.loads(_bytes(segment)) for segment in signed.split("."))
    return header, claims


def _bytes(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
