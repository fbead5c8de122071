"""Key slots: creating a vault, opening it, and changing what opens it.

A change rewrites `vault.json` whole. It cannot reach copies: an old backup still opens with the old passphrase.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stack_local.domain.errors import Conflict, Locked, NotFound, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.vault import header as headers
from stack_local.vault import passphrase as passphrases
from stack_local.vault import recovery_code
from stack_local.vault.files import find_bounded, write_atomically
from stack_local.vault.header import Header, HeaderRefused, Kdf, Slot, SlotKind
from stack_local.vault.keyring import KeyringPort
from stack_local.vault.keys import KEY_BYTES, KeyMaterial, Keys
from stack_local.vault.passphrase import WrongPassphrase
from stack_local.vault.profiles import SALT_BYTES, Deriver, Profile

FILE_NAME = "vault.json"
"""The key-slot file, in the home of the appliance."""


@dataclass(frozen=True, slots=True)
class SlotSummary:
    """What may be shown of a slot."""

    id: str
    kind: SlotKind


def create(
    home: Path, system: System, passphrase: Secret, profile: Profile, *, deriver: Deriver
) -> tuple[Keys, Secret]:
    """A new vault: its keys, and the recovery code to show once.

    Raises:
        Conflict: there is a vault already.
        InvalidRequest: the passphrase is too short.
    """
    if os.path.lexists(home / FILE_NAME):
        raise Conflict("there is a vault here already")
    secret = passphrases.encode_new(passphrase)
    keys = Keys(KeyMaterial.generate(system), KeyMaterial.generate(system))
    vault_id, code = system.random_bytes(headers.ID_BYTES).hex(), recovery_code.generate(system)
    slots = (
        _passphrase_slot(keys, secret, profile, vault_id=vault_id, system=system, deriver=deriver),
        _recovery_slot(keys, code, vault_id=vault_id, system=system),
    )
    _write(home, vault_id, slots, keys)
    return keys, code


def open_with_passphrase(home: Path, passphrase: Secret, *, deriver: Deriver) -> Keys:
    """Both keys. Blocks while it derives: call it in a thread, and after `UnlockBackoff.admit`.

    Raises:
        WrongPassphrase: no slot opens.
        HeaderRefused: the file is damaged or altered.
    """
    header = _load(home)
    secret = passphrases.encode(passphrase)
    for slot in header.of_kind(SlotKind.PASSPHRASE):
        with suppress(WrongPassphrase):
            return _unwrap(header, slot, _derive(secret, slot, deriver))
    raise WrongPassphrase("the passphrase does not open this vault", hint="type it again, or use the recovery code")


def open_with_recovery(home: Path, code: Secret) -> Keys:
    """Both keys.

    Raises:
        InvalidRequest: the code is mistyped.
        WrongPassphrase: it is of another vault, or was renewed since.
        HeaderRefused: the file is damaged or altered.
    """
    header = _load(home)
    key = recovery_code.derive(code, vault_id=header.vault_id)
    for slot in header.of_kind(SlotKind.RECOVERY):
        with suppress(WrongPassphrase):
            return _unwrap(header, slot, key)
    raise WrongPassphrase("the recovery code does not open this vault", hint="use the newest code of this vault")


def open_with_keyring(home: Path, *, keyring: KeyringPort) -> Keys:
    """The database key alone: the vault is then open and locked.

    Raises:
        Unavailable: there is no keyring slot, no keyring, or it holds another key.
        HeaderRefused: the file is damaged or altered.
    """
    header = _load(home)
    for slot in header.of_kind(SlotKind.KEYRING):
        key = _find_keyring_key(keyring, _entry_name(header, slot))
        if key is None:
            continue
        with suppress(WrongPassphrase):
            return _unwrap(header, slot, key)
    raise Unavailable("the keyring does not open this vault", code="KEYRING_UNAVAILABLE", hint="use the passphrase")


def list_slots(home: Path) -> tuple[SlotSummary, ...]:
    """What opens this vault, as the file says; nothing here is authenticated yet."""
    return tuple(SlotSummary(slot.id, slot.kind) for slot in _load(home).slots)


def add_keyring_slot(home: Path, keys: Keys, *, system: System, keyring: KeyringPort) -> SlotSummary:
    """Let the person's keyring open the database, and nothing more.

    Raises:
        Conflict: there is one already.
        Unavailable: the keyring is not there, or does not keep what it is given.
    """
    header = _load_to_change(home, keys)
    if header.of_kind(SlotKind.KEYRING):
        raise Conflict("the keyring opens this vault already")
    key = KeyMaterial.generate(system)
    slot = headers.wrap(keys, key, vault_id=header.vault_id, kind=SlotKind.KEYRING, kdf=None, system=system)
    # The keyring first: an entry without a slot opens nothing, a slot without an entry looks like protection.
    _keep(keyring, _entry_name(header, slot), key)
    _write(home, header.vault_id, (*header.slots, slot), keys)
    return SlotSummary(slot.id, slot.kind)


def add_passphrase_slot(
    home: Path, keys: Keys, passphrase: Secret, profile: Profile, *, system: System, deriver: Deriver
) -> SlotSummary:
    """Let a second passphrase open the vault.

    Raises:
        InvalidRequest: it is too short.
        Conflict: there are as many slots as there may be.
    """
    secret = passphrases.encode_new(passphrase)
    header = _load_to_change(home, keys)
    if len(header.slots) >= headers.MAX_SLOTS:
        raise Conflict("the vault has as many slots as it can have")
    slot = _passphrase_slot(keys, secret, profile, vault_id=header.vault_id, system=system, deriver=deriver)
    _write(home, header.vault_id, (*header.slots, slot), keys)
    return SlotSummary(slot.id, slot.kind)


def change_passphrase(
    home: Path, keys: Keys, new: Secret, profile: Profile, *, system: System, deriver: Deriver
) -> None:
    """Let this passphrase, and no earlier one, open the vault. One write: there is always a slot that works.

    Raises:
        InvalidRequest: it is too short.
        Locked: the credential key is not at hand to be wrapped.
    """
    secret = passphrases.encode_new(new)
    header = _load_to_change(home, keys)
    slot = _passphrase_slot(keys, secret, profile, vault_id=header.vault_id, system=system, deriver=deriver)
    others = tuple(other for other in header.slots if other.kind is not SlotKind.PASSPHRASE)
    _write(home, header.vault_id, (slot, *others), keys)


def renew_recovery(home: Path, keys: Keys, *, system: System) -> Secret:
    """A new recovery code to show once; the old one opens this file no more."""
    header = _load_to_change(home, keys)
    code = recovery_code.generate(system)
    slot = _recovery_slot(keys, code, vault_id=header.vault_id, system=system)
    others = tuple(other for other in header.slots if other.kind is not SlotKind.RECOVERY)
    _write(home, header.vault_id, (*others, slot), keys)
    return code


def remove_slot(home: Path, keys: Keys, slot_id: str, *, keyring: KeyringPort) -> None:
    """Take away one way of opening.

    Raises:
        NotFound: there is no such slot.
        Conflict: it is the last passphrase.
        Unavailable: the slot is gone, but the keyring kept its entry, which now opens nothing.
    """
    header = _load_to_change(home, keys)
    slot = _slot_named(header, slot_id)
    if header.of_kind(SlotKind.PASSPHRASE) == (slot,):
        raise Conflict("the last passphrase cannot be removed", code="LAST_PASSPHRASE", hint="add another one first")
    _write(home, header.vault_id, tuple(other for other in header.slots if other is not slot), keys)
    if slot.kind is SlotKind.KEYRING:
        keyring.delete(_entry_name(header, slot))


def _load(home: Path) -> Header:
    raw = find_bounded(home / FILE_NAME, max_bytes=headers.MAX_BYTES)
    if raw is None:
        raise NotFound("there is no vault here", hint="create one with `stack-local init`")
    return headers.parse(raw)


def _load_to_change(home: Path, keys: Keys) -> Header:
    if keys.credential_key is None:
        raise Locked("unlock the vault to change what opens it")
    header = _load(home)
    headers.authenticate(header, keys.database_key)
    return header


def _write(home: Path, vault_id: str, slots: tuple[Slot, ...], keys: Keys) -> None:
    write_atomically(home / FILE_NAME, headers.serialize(headers.build(vault_id, slots, keys.database_key)))


def _unwrap(header: Header, slot: Slot, key: KeyMaterial) -> Keys:
    keys = headers.unwrap(slot, key, vault_id=header.vault_id)
    headers.authenticate(header, keys.database_key)
    return keys


def _derive(secret: bytes, slot: Slot, deriver: Deriver) -> KeyMaterial:
    if slot.kdf is None:
        raise HeaderRefused("a passphrase slot names no key derivation")
    return deriver.derive(secret, slot.kdf.profile, salt=slot.kdf.salt)


def _passphrase_slot(
    keys: Keys, secret: bytes, profile: Profile, *, vault_id: str, system: System, deriver: Deriver
) -> Slot:
    kdf = Kdf(profile, system.random_bytes(SALT_BYTES))
    key = deriver.derive(secret, profile, salt=kdf.salt)
    return headers.wrap(keys, key, vault_id=vault_id, kind=SlotKind.PASSPHRASE, kdf=kdf, system=system)


def _recovery_slot(keys: Keys, code: Secret, *, vault_id: str, system: System) -> Slot:
    key = recovery_code.derive(code, vault_id=vault_id)
    return headers.wrap(keys, key, vault_id=vault_id, kind=SlotKind.RECOVERY, kdf=None, system=system)


def _slot_named(header: Header, slot_id: str) -> Slot:
    for slot in header.slots:
        if slot.id == slot_id:
            return slot
    raise NotFound("there is no such key slot")


def _entry_name(header: Header, slot: Slot) -> str:
    return f"{header.vault_id}/{slot.id}"


def _keep(keyring: KeyringPort, name: str, key: KeyMaterial) -> None:
    keyring.set(name, Secret(key.reveal().hex()))
    # Some backends take an entry and keep nothing: better to learn it now than at the next start.
    if _find_keyring_key(keyring, name) != key:
        raise Unavailable("the keyring did not keep the key", code="KEYRING_UNAVAILABLE")


def _find_keyring_key(keyring: KeyringPort, name: str) -> KeyMaterial | None:
    entry = keyring.find(name)
    if entry is None:
        return None
    try:
        value = bytes.fromhex(entry.reveal())
    except ValueError:
        return None
    return KeyMaterial(value) if len(value) == KEY_BYTES else None
