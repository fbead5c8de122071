"""TLS towards a service: whose certificates are trusted, and which certificate is shown to it."""

import secrets
import ssl
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret

CERTIFICATE, KEY = "tls_certificate", "tls_key"
"""The fields of a credential that hold a certificate to show, with its chain, and the key to it (PEM, RFC 7468)."""

FIELDS = frozenset({CERTIFICATE, KEY})


def make_tls_context(*, ca: str | None = None, shown: Mapping[str, Secret] | None = None) -> ssl.SSLContext:
    """The context for a service: `ca`, in PEM, adds to the public authorities; `shown` holds the two FIELDS.

    It is built by hand because `create_default_context` obeys SSLKEYLOGFILE, and the system's default paths obey
    SSL_CERT_FILE: the environment has no say here.

    Raises:
        InvalidRequest: a certificate or the key cannot be read, or they do not belong together; names the field.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(certifi.where())
    if ca is not None:
        _trust(context, ca)
    if shown is not None:
        _show(context, shown)
    return context


@cache
def public_context() -> ssl.SSLContext:
    """The one context of whoever names no authority; nobody changes it. To read the authorities takes 25 ms."""
    return make_tls_context()


def context_of(fields: Mapping[str, Secret], ca: str | None) -> ssl.SSLContext | None:
    """The context of one connection, by its credential; None where it is that of every other.

    Raises:
        InvalidRequest: as `make_tls_context`, or one of the two FIELDS is there without the other.
    """
    shown = {name: secret for name, secret in fields.items() if name in FIELDS}
    if shown and shown.keys() != FIELDS:
        raise InvalidRequest(
            "a certificate is shown with the key to it", field="credential", rule=f"{CERTIFICATE} and {KEY}, or neither"
        )
    return make_tls_context(ca=ca, shown=shown or None) if shown or ca is not None else None


def fingerprints(ca: str) -> list[str]:
    """The SHA-256 of each certificate, in hex: by it a person knows one.

    Raises:
        InvalidRequest: they cannot be read.
    """
    return [certificate.fingerprint(hashes.SHA256()).hex() for certificate in _certificates(ca, field="ca")]


def _certificates(pem: str, *, field: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, x509.InvalidVersion):
        raise _unreadable(field) from None


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _unreadable(field: str) -> InvalidRequest:
    return InvalidRequest("the certificate cannot be read", field=field, rule="X.509 in PEM (RFC 7468)")


def _trust(context: ssl.SSLContext, ca: str) -> None:
    """OpenSSL reads more of a certificate than `_certificates`, and refuses some that pass there."""
    try:
        context.load_verify_locations(cadata="".join(map(_pem, _certificates(ca, field="ca"))))
    except ssl.SSLError:
        raise _unreadable("ca") from None


def _show(context: ssl.SSLContext, shown: Mapping[str, Secret]) -> None:
    """OpenSSL takes a key from a file alone: there it lies under a password that lives as long as this call."""
    chain = "".join(map(_pem, _certificates(shown[CERTIFICATE].reveal(), field=f"credential.{CERTIFICATE}")))
    try:
        key = serialization.load_pem_private_key(shown[KEY].reveal().encode(), password=None)
    except (ValueError, TypeError):
        raise InvalidRequest(
            "the key cannot be read", field=f"credential.{KEY}", rule="PEM, without a password of its own"
        ) from None
    password = secrets.token_bytes(32)
    sealed = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(password)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "client.pem"
        path.write_bytes(chain.encode() + sealed)
        try:
            context.load_cert_chain(path, password=password)
        except ssl.SSLError:
            raise InvalidRequest(
                "the key is not that of the certificate", field=f"credential.{KEY}", rule="the certificate's own key"
            ) from None
