"""A vault in a folder: created, opened three ways, changed, and killed while it changes."""

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest, Locked, NotFound, StackError, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.vault import header as headers
from stack_local.vault import slots
from stack_local.vault.header import HeaderRefused, SlotKind
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.passphrase import WrongPassphrase
from stack_local.vault.profiles import CHEAPEST, Deriver
from tests.simulators import crash
from tests.simulators.clock import TestSystem
from tests.simulators.keyring import MemoryKeyring

PASSPHRASE = Secret("grüne wiesen weit")
NEW = Secret("blaue berge breit")
DERIVER = Deriver()


class Vault:
    """A vault with all three kinds of slot, in a folder of its own."""

    def __init__(self, home: Path, raw: bytes, keys: Keys, code: Secret, entries: dict[str, str]) -> None:
        self.home, self.keys, self.code = home, keys, code
        self.system, self.keyring = TestSystem(seed="later"), MemoryKeyring()
        self.keyring.entries = dict(entries)
        (home / slots.FILE_NAME).write_bytes(raw)

    @property
    def raw(self) -> bytes:
        return (self.home / slots.FILE_NAME).read_bytes()

    def slot_id(self, kind: SlotKind) -> str:
        return next(slot.id for slot in slots.list_slots(self.home) if slot.kind is kind)

    def kinds(self) -> list[SlotKind]:
        return [slot.kind for slot in slots.list_slots(self.home)]

    def opens_with(self, passphrase: Secret) -> bool:
        try:
            return slots.open_with_passphrase(self.home, passphrase, deriver=DERIVER) == self.keys
        except WrongPassphrase:
            return False

    def change(self) -> None:
        slots.change_passphrase(self.home, self.keys, NEW, CHEAPEST, system=self.system, deriver=DERIVER)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Keys, Secret, dict[str, str]]:
    home, system, keyring = tmp_path_factory.mktemp("made"), TestSystem(), MemoryKeyring()
    keys, code = slots.create(home, system, PASSPHRASE, CHEAPEST, deriver=DERIVER)
    assert stat.S_IMODE((home / slots.FILE_NAME).stat().st_mode) == 0o600
    slots.add_keyring_slot(home, keys, system=system, keyring=keyring)
    return (home / slots.FILE_NAME).read_bytes(), keys, code, keyring.entries


@pytest.fixture
def vault(tmp_path: Path, made: tuple[bytes, Keys, Secret, dict[str, str]]) -> Vault:
    return Vault(tmp_path, *made)


def test_passphrase_and_recovery_give_both_keys_the_keyring_one(vault: Vault) -> None:
    assert vault.opens_with(PASSPHRASE)
    assert slots.open_with_recovery(vault.home, vault.code) == vault.keys
    assert slots.open_with_keyring(vault.home, keyring=vault.keyring) == Keys(vault.keys.database_key, None)


def test_the_two_keys_are_independent(vault: Vault) -> None:
    assert vault.keys.database_key != vault.keys.credential_key


def test_a_decomposed_passphrase_opens_too(vault: Vault) -> None:
    assert vault.opens_with(Secret("gru\u0308ne wiesen weit"))


@pytest.mark.parametrize("typed", ["", "wrong", "grüne wiesen weit\n", "Grüne wiesen weit", "x" * 10**6, "x\udc80"])
def test_a_wrong_passphrase_is_one_error(vault: Vault, typed: str) -> None:
    with pytest.raises(WrongPassphrase) as refusal:
        slots.open_with_passphrase(vault.home, Secret(typed), deriver=DERIVER)
    assert refusal.value.code == "WRONG_PASSPHRASE"
    assert set(refusal.value.details) <= {"hint"}


def test_a_damaged_file_is_not_a_wrong_passphrase(vault: Vault) -> None:
    raw = bytearray(vault.raw)
    raw[len(raw) // 2] ^= 1
    (vault.home / slots.FILE_NAME).write_bytes(raw)
    with pytest.raises(HeaderRefused):
        slots.open_with_passphrase(vault.home, PASSPHRASE, deriver=DERIVER)
    with pytest.raises(HeaderRefused):
        slots.open_with_passphrase(vault.home, Secret("wrong"), deriver=DERIVER)


def test_a_file_with_a_slot_taken_out_opens_for_nobody(vault: Vault) -> None:
    header = headers.parse(vault.raw)
    for gone in range(3):
        left = header.slots[:gone] + header.slots[gone + 1 :]
        (vault.home / slots.FILE_NAME).write_bytes(headers.serialize(replace(header, slots=left)))
        openings = {
            SlotKind.PASSPHRASE: lambda: slots.open_with_passphrase(vault.home, PASSPHRASE, deriver=DERIVER),
            SlotKind.RECOVERY: lambda: slots.open_with_recovery(vault.home, vault.code),
            SlotKind.KEYRING: lambda: slots.open_with_keyring(vault.home, keyring=vault.keyring),
        }
        for slot in left:
            with pytest.raises(HeaderRefused):
                openings[slot.kind]()


def test_where_there_is_no_vault_nothing_opens_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        slots.open_with_passphrase(tmp_path, PASSPHRASE, deriver=DERIVER)
    assert list(tmp_path.iterdir()) == []


def test_a_second_vault_in_the_same_place_is_refused(vault: Vault) -> None:
    before = vault.raw
    with pytest.raises(Conflict):
        slots.create(vault.home, vault.system, NEW, CHEAPEST, deriver=DERIVER)
    assert vault.raw == before


def test_a_short_passphrase_makes_no_vault(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        slots.create(tmp_path, TestSystem(), Secret("short"), CHEAPEST, deriver=DERIVER)
    assert list(tmp_path.iterdir()) == []


def test_the_slots_of_another_vault_with_the_same_passphrase_do_not_open_this_one(vault: Vault, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    keys, code = slots.create(other, TestSystem(seed="other"), PASSPHRASE, CHEAPEST, deriver=DERIVER)
    assert keys != vault.keys
    with pytest.raises(WrongPassphrase):
        slots.open_with_recovery(vault.home, code)
    with pytest.raises(HeaderRefused):
        slots.renew_recovery(vault.home, keys, system=vault.system)


def test_a_changed_passphrase_replaces_the_old_one_alone(vault: Vault) -> None:
    vault.change()
    assert vault.opens_with(NEW)
    assert not vault.opens_with(PASSPHRASE)
    assert slots.open_with_recovery(vault.home, vault.code) == vault.keys
    assert slots.open_with_keyring(vault.home, keyring=vault.keyring).database_key == vault.keys.database_key


def test_a_renewed_recovery_code_replaces_the_old_one(vault: Vault) -> None:
    code = slots.renew_recovery(vault.home, vault.keys, system=vault.system)
    assert slots.open_with_recovery(vault.home, code) == vault.keys
    with pytest.raises(WrongPassphrase):
        slots.open_with_recovery(vault.home, vault.code)


def test_the_last_passphrase_stays_and_another_may_go(vault: Vault) -> None:
    first = vault.slot_id(SlotKind.PASSPHRASE)
    with pytest.raises(Conflict) as refusal:
        slots.remove_slot(vault.home, vault.keys, first, keyring=vault.keyring)
    assert refusal.value.code == "LAST_PASSPHRASE"
    slots.add_passphrase_slot(vault.home, vault.keys, NEW, CHEAPEST, system=vault.system, deriver=DERIVER)
    assert vault.opens_with(NEW)
    slots.remove_slot(vault.home, vault.keys, first, keyring=vault.keyring)
    assert vault.opens_with(NEW)
    assert not vault.opens_with(PASSPHRASE)


def test_a_removed_keyring_slot_leaves_no_entry(vault: Vault) -> None:
    slots.remove_slot(vault.home, vault.keys, vault.slot_id(SlotKind.KEYRING), keyring=vault.keyring)
    assert vault.kinds() == [SlotKind.PASSPHRASE, SlotKind.RECOVERY]
    assert vault.keyring.entries == {}
    with pytest.raises(Unavailable):
        slots.open_with_keyring(vault.home, keyring=vault.keyring)


def test_an_unknown_slot_is_not_found(vault: Vault) -> None:
    with pytest.raises(NotFound):
        slots.remove_slot(vault.home, vault.keys, "00" * 16, keyring=vault.keyring)


def test_a_second_keyring_slot_is_refused(vault: Vault) -> None:
    with pytest.raises(Conflict):
        slots.add_keyring_slot(vault.home, vault.keys, system=vault.system, keyring=vault.keyring)


def test_a_thirty_third_slot_is_refused(vault: Vault) -> None:
    header = slots._load(vault.home)
    missing = headers.MAX_SLOTS - len(header.slots)
    more = [
        slots._recovery_slot(vault.keys, vault.code, vault_id=header.vault_id, system=vault.system)
        for _ in range(missing)
    ]
    slots._write(vault.home, header.vault_id, (*header.slots, *more), vault.keys)
    with pytest.raises(Conflict):
        slots.add_passphrase_slot(vault.home, vault.keys, NEW, CHEAPEST, system=vault.system, deriver=DERIVER)


@pytest.mark.parametrize(
    "keyring", [MemoryKeyring(is_available=False), MemoryKeyring(forgets=True)], ids=["absent", "forgetful"]
)
def test_a_keyring_that_does_not_keep_makes_no_slot(vault: Vault, keyring: MemoryKeyring) -> None:
    slots.remove_slot(vault.home, vault.keys, vault.slot_id(SlotKind.KEYRING), keyring=vault.keyring)
    before = vault.raw
    with pytest.raises(Unavailable) as refusal:
        slots.add_keyring_slot(vault.home, vault.keys, system=vault.system, keyring=keyring)
    assert refusal.value.code == "KEYRING_UNAVAILABLE"
    assert vault.raw == before


@pytest.mark.parametrize("entry", [None, "", "zz", "00" * 31, "00" * 32])
def test_a_keyring_with_another_entry_does_not_open(vault: Vault, entry: str | None) -> None:
    names = list(vault.keyring.entries)
    vault.keyring.entries = {} if entry is None else dict.fromkeys(names, entry)
    with pytest.raises(Unavailable) as refusal:
        slots.open_with_keyring(vault.home, keyring=vault.keyring)
    assert refusal.value.code == "KEYRING_UNAVAILABLE"


CHANGES: dict[str, Callable[[Vault, Keys], object]] = {
    "change": lambda v, keys: slots.change_passphrase(v.home, keys, NEW, CHEAPEST, system=v.system, deriver=DERIVER),
    "add": lambda v, keys: slots.add_passphrase_slot(v.home, keys, NEW, CHEAPEST, system=v.system, deriver=DERIVER),
    "keyring": lambda v, keys: slots.add_keyring_slot(v.home, keys, system=v.system, keyring=v.keyring),
    "renew": lambda v, keys: slots.renew_recovery(v.home, keys, system=v.system),
    "remove": lambda v, keys: slots.remove_slot(v.home, keys, v.slot_id(SlotKind.RECOVERY), keyring=v.keyring),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_locked_vault_changes_no_slot(vault: Vault, change: Callable[[Vault, Keys], object]) -> None:
    before = vault.raw
    with pytest.raises(Locked):
        change(vault, Keys(vault.keys.database_key, None))
    assert vault.raw == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_keys_of_another_vault_change_no_slot(vault: Vault, change: Callable[[Vault, Keys], object]) -> None:
    before = vault.raw
    with pytest.raises(StackError):
        change(vault, Keys(KeyMaterial(b"x" * 32), KeyMaterial(b"y" * 32)))
    assert vault.raw == before


@pytest.mark.parametrize("name", ["change", "renew", "remove"])
def test_a_kill_at_any_step_leaves_a_vault_that_opens(vault: Vault, name: str) -> None:
    before, seen, outcome = vault.raw, set(), "killed"
    for step in range(20):
        (vault.home / slots.FILE_NAME).write_bytes(before)
        outcome = crash.run(lambda: CHANGES[name](vault, vault.keys), vault.home, fault="kill", at=step)
        seen.add(vault.raw)
        assert slots.open_with_keyring(vault.home, keyring=vault.keyring).database_key == vault.keys.database_key
        if outcome == "finished":
            break
    assert outcome == "finished"
    assert len(seen) == 2  # the old file and the new one: in a child the randomness is the same each time
    if name == "change":
        assert (vault.opens_with(PASSPHRASE), vault.opens_with(NEW)) == (False, True)


def test_a_full_disk_leaves_the_old_passphrase(vault: Vault) -> None:
    before, open_draft = vault.raw, 2
    assert crash.run(vault.change, vault.home, fault="full", at=open_draft) == "refused"
    assert vault.raw == before
