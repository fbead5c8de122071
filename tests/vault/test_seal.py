"""A sealed value opens for what it was sealed for, and for nothing else."""

import itertools
from typing import Any

import pytest

from stack_local.domain.errors import Unavailable
from stack_local.vault import seal
from stack_local.vault.keys import KeyMaterial
from tests.simulators.clock import TestSystem

KEY = KeyMaterial(b"k" * 32)
SYSTEM = TestSystem(seed="seal")
BINDING: dict[str, Any] = {
    "row_id": "scon_1",
    "service": "github",
    "hosts": ("api.github.com", "uploads.github.com"),
    "version": 3,
}
SEALED = seal.seal_credential(KEY, b"ghp_token", **BINDING, system=SYSTEM)
CONTENT = seal.seal_content(seal.content_key(KEY), b"body", row_id="aud_1", system=SYSTEM)

OTHER_BINDINGS: dict[str, dict[str, Any]] = {
    "another row": {"row_id": "scon_2"},
    "another service": {"service": "slack"},
    "another host": {"hosts": ("api.github.com", "evil.example")},
    "a host more": {"hosts": (*BINDING["hosts"], "evil.example")},
    "a host less": {"hosts": ("api.github.com",)},
    "no hosts": {"hosts": ()},
    "hosts joined": {"hosts": ("api.github.com,uploads.github.com",)},
    "another version": {"version": 2},
    "fields shifted": {"row_id": "scon_1github", "service": ""},
}


def test_what_is_sealed_opens_again() -> None:
    assert seal.open_credential(KEY, SEALED, **BINDING) == b"ghp_token"
    assert seal.open_content(seal.content_key(KEY), CONTENT, row_id="aud_1") == b"body"


@pytest.mark.parametrize("plaintext", [b"", b"\x00\xff", b"x" * 100_000], ids=["empty", "binary", "long"])
def test_any_bytes_can_be_sealed(plaintext: bytes) -> None:
    sealed = seal.seal_content(KEY, plaintext, row_id="aud_1", system=SYSTEM)
    assert seal.open_content(KEY, sealed, row_id="aud_1") == plaintext


def test_the_order_of_hosts_binds_nothing() -> None:
    assert seal.open_credential(KEY, SEALED, **{**BINDING, "hosts": BINDING["hosts"][::-1]}) == b"ghp_token"


@pytest.mark.parametrize("change", OTHER_BINDINGS.values(), ids=OTHER_BINDINGS.keys())
def test_another_binding_is_refused_without_details(change: dict[str, Any]) -> None:
    with pytest.raises(Unavailable) as refusal:
        seal.open_credential(KEY, SEALED, **{**BINDING, **change})
    assert (refusal.value.code, dict(refusal.value.details)) == ("SEALED_VALUE_REFUSED", {})
    assert refusal.value.__cause__ is None


def test_every_flipped_or_missing_byte_is_refused() -> None:
    flipped = (SEALED[:n] + bytes([SEALED[n] ^ 1]) + SEALED[n + 1 :] for n in range(len(SEALED)))
    cut = (SEALED[:n] for n in range(len(SEALED)))
    for damaged in itertools.chain(flipped, cut, [SEALED + b"\x00"]):
        with pytest.raises(Unavailable):
            seal.open_credential(KEY, damaged, **BINDING)


def test_another_key_is_refused() -> None:
    with pytest.raises(Unavailable):
        seal.open_credential(KeyMaterial(b"x" * 32), SEALED, **BINDING)


def test_a_body_of_another_row_is_refused() -> None:
    with pytest.raises(Unavailable):
        seal.open_content(seal.content_key(KEY), CONTENT, row_id="aud_2")


def test_a_credential_is_no_body_even_under_one_key() -> None:
    with pytest.raises(Unavailable):
        seal.open_content(KEY, SEALED, row_id=BINDING["row_id"])


def test_the_content_key_is_not_the_database_key() -> None:
    assert seal.content_key(KEY) != KEY


def test_no_nonce_comes_twice() -> None:
    nonces = {seal.seal_content(KEY, b"", row_id="r", system=SYSTEM)[1:13] for _ in range(2000)}
    assert len(nonces) == 2000
