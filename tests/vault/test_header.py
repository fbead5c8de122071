"""Attacks on the key-slot file. The attacker can write the file and repair its checksum; the keys he has not."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stack_local.vault import header as headers
from stack_local.vault.header import Header, HeaderRefused, Kdf, Slot, SlotKind
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.passphrase import WrongPassphrase
from stack_local.vault.profiles import CHEAPEST, LOW_MEMORY
from tests.simulators.clock import TestSystem

SYSTEM = TestSystem(seed="header")
VAULT, OTHER_VAULT = "aa" * 16, "bb" * 16
KEYS = Keys(KeyMaterial(b"d" * 32), KeyMaterial(b"c" * 32))
KEKS = {kind: KeyMaterial(hashlib.sha256(kind.encode()).digest()) for kind in SlotKind}
"""The key of each slot. The same in both vaults, as with one passphrase and, by chance, one salt: the worst case."""


def sample(vault_id: str = VAULT, keys: Keys = KEYS) -> Header:
    kdf = Kdf(CHEAPEST, b"s" * 16)
    slots = tuple(
        headers.wrap(
            keys,
            KEKS[kind],
            vault_id=vault_id,
            kind=kind,
            kdf=kdf if kind is SlotKind.PASSPHRASE else None,
            system=SYSTEM,
        )
        for kind in SlotKind
    )
    return headers.build(vault_id, slots, keys.database_key)


HEADER = sample()
RAW = headers.serialize(HEADER)


def open_raw(raw: bytes) -> list[Keys]:
    """Whatever any slot gives to someone who knows every slot's key, as `slots` does it."""
    header = headers.parse(raw)
    return [open_slot(header, slot) for slot in header.slots]


def open_slot(header: Header, slot: Slot) -> Keys:
    keys = headers.unwrap(slot, KEKS[slot.kind], vault_id=header.vault_id)
    headers.authenticate(header, keys.database_key)
    return keys


def open_kind(raw: bytes, kind: SlotKind) -> Keys:
    header = headers.parse(raw)
    return open_slot(header, header.of_kind(kind)[0])


def repaired(fields: dict[str, Any]) -> bytes:
    """The file with these fields and a right checksum, written without the code under test."""
    body = {name: value for name, value in fields.items() if name != "checksum"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    body["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    fields = json.loads(RAW)
    edit(fields)
    return repaired(fields)


def test_the_sample_opens_and_the_repair_is_right() -> None:
    both, recovery, keyring = open_raw(RAW)
    assert both == recovery == KEYS
    assert keyring == Keys(KEYS.database_key, None)
    assert repaired(json.loads(RAW)) == RAW


def test_every_truncation_is_refused() -> None:
    for length in range(len(RAW)):
        with pytest.raises(HeaderRefused):
            headers.parse(RAW[:length])


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_flipped_byte_is_refused(mask: int) -> None:
    for place in range(len(RAW)):
        with pytest.raises(HeaderRefused):
            headers.parse(RAW[:place] + bytes([RAW[place] ^ mask]) + RAW[place + 1 :])


def test_every_flipped_byte_with_a_repaired_checksum_is_refused() -> None:
    parsed = 0
    for place in range(len(RAW)):
        try:
            fields = json.loads(RAW[:place] + bytes([RAW[place] ^ 0x01]) + RAW[place + 1 :])
        except ValueError:
            continue
        raw = repaired(fields)
        if raw == RAW:  # only the checksum itself was hit
            continue
        parsed += 1
        for kind in SlotKind:
            with pytest.raises((HeaderRefused, WrongPassphrase)):
                open_kind(raw, kind)
    assert parsed > 500


REFUSED_BEFORE_ANY_KDF: dict[str, Callable[[dict[str, Any]], object]] = {
    "version 0": lambda f: f.update(version=0),
    "version 2": lambda f: f.update(version=2),
    "version as text": lambda f: f.update(version="1"),
    "version true": lambda f: f.update(version=True),
    "no version": lambda f: f.pop("version"),
    "no mac": lambda f: f.pop("mac"),
    "an extra member": lambda f: f.update(extra=1),
    "vault id too short": lambda f: f.update(vault_id="aa"),
    "vault id a number": lambda f: f.update(vault_id=5),
    "vault id in capitals": lambda f: f.update(vault_id="AA" * 16),
    "mac too long": lambda f: f.update(mac="00" * 33),
    "slots an object": lambda f: f.update(slots={}),
    "no slots": lambda f: f.update(slots=[]),
    "33 slots": lambda f: f.update(slots=[{**f["slots"][2], "id": f"{n:032x}"} for n in range(33)]),
    "a slot a number": lambda f: f.update(slots=[1]),
    "a slot null": lambda f: f.update(slots=[None]),
    "an extra member in a slot": lambda f: f["slots"][0].update(extra=1),
    "a member of a slot missing": lambda f: f["slots"][0].pop("nonce"),
    "duplicate ids": lambda f: f["slots"][1].update(id=f["slots"][0]["id"]),
    "an id that is a path": lambda f: f["slots"][0].update(id="../../../../etc/passwd__________"),
    "unknown kind": lambda f: f["slots"][0].update(kind="fido2"),
    "kind a list": lambda f: f["slots"][0].update(kind=["passphrase"]),
    "passphrase without kdf": lambda f: f["slots"][0].update(kdf=None),
    "keyring with kdf": lambda f: f["slots"][2].update(kdf=f["slots"][0]["kdf"]),
    "kdf a text": lambda f: f["slots"][0].update(kdf="argon2id"),
    "kdf pbkdf2": lambda f: f["slots"][0]["kdf"].update(name="pbkdf2"),
    "extra member in kdf": lambda f: f["slots"][0]["kdf"].update(version=16),
    "memory 8 KiB": lambda f: f["slots"][0]["kdf"].update(memory_kib=8),
    "memory one below": lambda f: f["slots"][0]["kdf"].update(memory_kib=19455),
    "memory 2**32-1": lambda f: f["slots"][0]["kdf"].update(memory_kib=2**32 - 1),
    "memory as text": lambda f: f["slots"][0]["kdf"].update(memory_kib="19456"),
    "memory as float": lambda f: f["slots"][0]["kdf"].update(memory_kib=19456.0),
    "memory with 4 000 digits": lambda f: f["slots"][0]["kdf"].update(memory_kib=10**4000),
    "one pass": lambda f: f["slots"][0]["kdf"].update(iterations=1),
    "2**31 passes": lambda f: f["slots"][0]["kdf"].update(iterations=2**31),
    "lanes true": lambda f: f["slots"][0]["kdf"].update(lanes=True),
    "no lanes": lambda f: f["slots"][0]["kdf"].update(lanes=0),
    "2**24 lanes": lambda f: f["slots"][0]["kdf"].update(lanes=2**24),
    "empty salt": lambda f: f["slots"][0]["kdf"].update(salt=""),
    "short salt": lambda f: f["slots"][0]["kdf"].update(salt="00" * 15),
    "salt of 30 000 bytes": lambda f: f["slots"][0]["kdf"].update(salt="00" * 30_000),
    "salt not hex": lambda f: f["slots"][0]["kdf"].update(salt="zz" * 16),
    "salt with blanks": lambda f: f["slots"][0]["kdf"].update(salt=" 0" * 16),
    "salt in Arabic digits": lambda f: f["slots"][0]["kdf"].update(salt="٠" * 32),
    "nonce too short": lambda f: f["slots"][0].update(nonce="00" * 11),
    "wrapped too short": lambda f: f["slots"][0].update(wrapped="00" * 48),
    "keyring wraps both": lambda f: f["slots"][2].update(wraps=["database", "credential"], wrapped="00" * 80),
    "passphrase wraps one": lambda f: f["slots"][0].update(wraps=["database"], wrapped="00" * 48),
    "wraps a text": lambda f: f["slots"][2].update(wraps="database"),
}


@pytest.mark.parametrize("edit", REFUSED_BEFORE_ANY_KDF.values(), ids=REFUSED_BEFORE_ANY_KDF.keys())
def test_a_wrong_form_is_refused_by_the_parser(edit: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(HeaderRefused) as refusal:
        headers.parse(edited(edit))
    assert refusal.value.code == "VAULT_HEADER_REFUSED"


REFUSED_BYTES = {
    "empty": b"",
    "too large": b" " * (headers.MAX_BYTES + 1),
    "a list": b"[]\n",
    "nested deep": b"[" * 60_000,
    "no newline": RAW[:-1],
    "two newlines": RAW + b"\n",
    "blanks": RAW.replace(b":", b": ", 1),
    "repeated member": RAW.replace(b'"version":1', b'"version":1,"version":1'),
    "members in another order": b'{"version":1,' + RAW[1:].replace(b',"version":1', b""),
}


@pytest.mark.parametrize("raw", REFUSED_BYTES.values(), ids=REFUSED_BYTES.keys())
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(HeaderRefused):
        headers.parse(raw)


def refuses_to_open(header: Header) -> None:
    for slot in header.slots:
        with pytest.raises((HeaderRefused, WrongPassphrase)):
            open_slot(headers.parse(headers.serialize(header)), slot)


ALTERED: dict[str, Header] = {
    "a slot removed": replace(HEADER, slots=HEADER.slots[:2]),
    "slots in another order": replace(HEADER, slots=HEADER.slots[::-1]),
    "a slot of another vault put in": replace(HEADER, slots=(sample(OTHER_VAULT).slots[0], *HEADER.slots[1:])),
    "a slot of another vault added": replace(HEADER, slots=(*HEADER.slots, sample(OTHER_VAULT).slots[0])),
    "an own slot of another time added": replace(HEADER, slots=(*HEADER.slots, sample().slots[0])),
    "all slots of another vault": replace(HEADER, slots=sample(OTHER_VAULT).slots),
    "the id of another vault": replace(HEADER, vault_id=OTHER_VAULT),
    "the mac of another vault": replace(HEADER, mac=sample(OTHER_VAULT).mac),
    "two slots with swapped ids": replace(
        HEADER,
        slots=(
            replace(HEADER.slots[0], id=HEADER.slots[1].id),
            replace(HEADER.slots[1], id=HEADER.slots[0].id),
            HEADER.slots[2],
        ),
    ),
    "two slots with swapped contents": replace(
        HEADER,
        slots=(
            replace(HEADER.slots[0], nonce=HEADER.slots[1].nonce, wrapped=HEADER.slots[1].wrapped),
            replace(HEADER.slots[1], nonce=HEADER.slots[0].nonce, wrapped=HEADER.slots[0].wrapped),
            HEADER.slots[2],
        ),
    ),
    "a dearer derivation within bounds": replace(
        HEADER, slots=(replace(HEADER.slots[0], kdf=Kdf(LOW_MEMORY, b"s" * 16)), *HEADER.slots[1:])
    ),
}


@pytest.mark.parametrize("header", ALTERED.values(), ids=ALTERED.keys())
def test_an_altered_header_opens_for_nobody(header: Header) -> None:
    refuses_to_open(header)


def test_the_binding_alone_refuses_a_renamed_slot() -> None:
    for slot in HEADER.slots:
        with pytest.raises(WrongPassphrase):
            headers.unwrap(replace(slot, id="00" * 16), KEKS[slot.kind], vault_id=VAULT)


def test_the_binding_alone_refuses_another_derivation() -> None:
    slot = replace(HEADER.slots[0], kdf=Kdf(LOW_MEMORY, b"s" * 16))
    with pytest.raises(WrongPassphrase):
        headers.unwrap(slot, KEKS[slot.kind], vault_id=VAULT)


def test_the_binding_alone_refuses_a_moved_slot() -> None:
    moved = sample(OTHER_VAULT).slots[0]
    with pytest.raises(WrongPassphrase):
        headers.unwrap(moved, KEKS[SlotKind.PASSPHRASE], vault_id=VAULT)
    with pytest.raises(WrongPassphrase):
        headers.unwrap(replace(moved, kind=SlotKind.RECOVERY), KEKS[SlotKind.PASSPHRASE], vault_id=OTHER_VAULT)


def test_another_database_key_behind_the_same_passphrase_is_refused() -> None:
    foreign = Keys(KeyMaterial(b"x" * 32), KeyMaterial(b"y" * 32))
    slot = sample(VAULT, foreign).slots[0]
    header = replace(HEADER, slots=(slot, *HEADER.slots[1:]))
    with pytest.raises(HeaderRefused):
        open_slot(header, slot)


def test_a_wrong_key_is_a_wrong_passphrase_and_no_damage() -> None:
    with pytest.raises(WrongPassphrase):
        headers.unwrap(HEADER.slots[0], KeyMaterial(b"w" * 32), vault_id=VAULT)


def test_no_key_stands_in_the_file() -> None:
    assert KEYS.database_key.reveal().hex().encode() not in RAW
    assert b"d" * 32 not in RAW
