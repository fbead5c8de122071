"""A certificate authority for tests, and server contexts with the certificates it signs or does not sign."""

import datetime
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
PAST = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)


VERSION_3, VERSION_2 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"
"""How a certificate says which version it is of (RFC 5280, section 4.1)."""

NAME, NO_NAME = b"\x55\x04\x03\x0c", b"\x55\x04\x03\x00"
"""A common name of UTF-8, and of no type that there is: not every reader of certificates looks so far."""


@dataclass(frozen=True)
class Authority:
    """A self-signed authority whose certificate lies in `folder`."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def ca_file(self) -> str:
        return str(self.folder / "ca.pem")

    @property
    def ca(self) -> str:
        """In PEM."""
        return _pem(self.certificate).decode()

    def altered_ca(self, old: bytes, new: bytes) -> str:
        """The same with other bytes in its DER, in PEM."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        assert old in der
        return ssl.DER_cert_to_PEM_cert(der.replace(old, new))

    def client_pair(self, name: str = "client") -> tuple[str, str]:
        """A certificate for whoever calls, and its key; both in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _builder(name, key, END).issuer_name(self.certificate.subject).sign(self.key, hashes.SHA256())
        return _pem(signed).decode(), _key_pem(key).decode()

    def server_context(
        self, *names: str, common_name: str = "server", is_expired: bool = False, is_self_signed: bool = False
    ) -> ssl.SSLContext:
        """A server's context with a certificate for these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(common_name, key, END if not is_expired else PAST)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
        issuer = x509.Name([_common_name(common_name)]) if is_self_signed else self.certificate.subject
        signed = builder.issuer_name(issuer).sign(key if is_self_signed else self.key, hashes.SHA256())
        path = self.folder / f"server-{signed.serial_number}.pem"
        path.write_bytes(_pem(signed) + _key_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def make_authority(folder: Path) -> Authority:
    """A fresh authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("test authority", key, END).issuer_name(x509.Name([_common_name("test authority")]))
    basic = x509.BasicConstraints(ca=True, path_length=None)
    certificate = builder.add_extension(basic, critical=True).sign(key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(_pem(certificate))
    return Authority(folder, key, certificate)


def _builder(common_name: str, key: ec.EllipticCurvePrivateKey, end: datetime.datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([_common_name(common_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(end)
    )


def _common_name(name: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, name)


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
