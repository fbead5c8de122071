"""A held credential key: every part of a credential opens at its own place, as itself, and nowhere else."""

from dataclasses import replace

import pytest

from stack_local.domain.errors import Locked, Unavailable
from stack_local.domain.services import Place
from stack_local.vault.credential_key import CredentialKey, Part
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.vault import Vault
from tests.simulators.clock import TestSystem

PLACE = Place("scon_1", "demo", ("a.example.com:443", "b.example.com:443"), 3)
PARTS: tuple[Part, ...] = ("", ".renewal", ".previous")

ELSEWHERE = {
    "another connection": replace(PLACE, connection_id="scon_2"),
    "another service": replace(PLACE, provider="other"),
    "one host less": replace(PLACE, hosts=("a.example.com:443",)),
    "one host more": replace(PLACE, hosts=(*PLACE.hosts, "evil.example.com:443")),
    "another version": replace(PLACE, version=4),
}


def unlocked() -> tuple[Vault, Keys]:
    system = TestSystem()
    keys = Keys(KeyMaterial.generate(system), KeyMaterial.generate(system))
    return Vault(system, keys), keys


@pytest.mark.parametrize("part", PARTS)
def test_a_part_opens_where_and_as_what_it_was_sealed(part: Part) -> None:
    key = unlocked()[0].credential_key()
    sealed = key.seal(PLACE, b"secret", part=part)
    assert key.open(replace(PLACE, hosts=PLACE.hosts[::-1]), sealed, part=part) == b"secret"
    for other in PARTS:
        if other != part:
            with pytest.raises(Unavailable):
                key.open(PLACE, sealed, part=other)


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_part_opens_at_no_other_place(place: Place) -> None:
    key = unlocked()[0].credential_key()
    with pytest.raises(Unavailable):
        key.open(place, key.seal(PLACE, b"secret"))


def test_a_locked_vault_gives_none_and_one_that_was_held_ends_its_work() -> None:
    vault, keys = unlocked()
    held: CredentialKey = vault.credential_key()
    vault.lock()
    with pytest.raises(Locked):
        vault.credential_key()
    sealed = held.seal(PLACE, b"secret")
    vault.unlock(keys)
    assert vault.credential_key().open(PLACE, sealed) == b"secret"


def test_a_live_credential_is_what_the_vault_itself_seals() -> None:
    vault, _ = unlocked()
    sealed = vault.seal_credential(b"secret", row_id="scon_1", service="demo", hosts=PLACE.hosts, version=3)
    assert vault.credential_key().open(PLACE, sealed) == b"secret"
