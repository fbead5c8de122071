"""Tests of what a connection trusts and shows: what cannot be used is refused by its field; no key stays on disk."""

import ssl
import tempfile
from pathlib import Path

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.egress import tls
from tests.simulators.certificates import NAME, NO_NAME, VERSION_2, VERSION_3, Authority, make_authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


def test_without_certificates_there_is_no_context_of_its_own() -> None:
    assert tls.context_of({"value": Secret("secret-token")}, None) is None


def test_an_authority_is_trusted_besides_the_public_ones(authority: Authority) -> None:
    context = tls.context_of({}, authority.ca)
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    public = tls.make_tls_context().cert_store_stats()["x509_ca"]
    assert context.cert_store_stats()["x509_ca"] == public + 1


def test_an_authority_is_known_by_its_fingerprint(authority: Authority) -> None:
    other = make_authority(authority.folder)
    found = tls.fingerprints(authority.ca + other.ca)
    assert [len(bytes.fromhex(one)) for one in found] == [32, 32]
    assert found[0] == tls.fingerprints(authority.ca)[0] != found[1]


CASES = [
    "no certificate",
    "half a certificate",
    "an old version",
    "a name of no type",
    "no key",
    "another's key",
    "a key with a password",
    "the key alone",
]


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_used_is_refused_with_its_field(case: str, authority: Authority) -> None:
    chain, key = authority.client_pair()
    given: dict[str, tuple[dict[str, str], str | None, str]] = {
        "no certificate": ({}, "not a certificate", "ca"),
        "half a certificate": ({}, authority.ca[:200], "ca"),
        "an old version": ({}, authority.altered_ca(VERSION_3, VERSION_2), "ca"),
        "a name of no type": ({}, authority.altered_ca(NAME, NO_NAME), "ca"),
        "no key": ({tls.CERTIFICATE: chain, tls.KEY: "not a key"}, None, "credential.tls_key"),
        "another's key": ({tls.CERTIFICATE: chain, tls.KEY: authority.client_pair()[1]}, None, "credential.tls_key"),
        "a key with a password": (
            {tls.CERTIFICATE: chain, tls.KEY: key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")},
            None,
            "credential.tls_key",
        ),
        "the key alone": ({tls.KEY: key}, None, "credential"),
    }
    fields, ca, field = given[case]
    with pytest.raises(InvalidRequest) as refused:
        tls.context_of({name: Secret(value) for name, value in fields.items()}, ca)
    assert refused.value.details["field"] == field
    assert key not in str(refused.value.details)


def test_the_key_lies_nowhere_afterwards(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And while OpenSSL reads it, only under a password."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    written: list[bytes] = []
    write = Path.write_bytes

    def noted(path: Path, data: bytes) -> int:
        written.append(data)
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", noted)
    chain, key = authority.client_pair()
    tls.context_of({tls.CERTIFICATE: Secret(chain), tls.KEY: Secret(key)}, None)
    assert list(folder.iterdir()) == []
    assert len(written) == 1
    assert b"ENCRYPTED PRIVATE KEY" in written[0]
    assert key.splitlines()[1].encode() not in written[0]
