"""The key-slot file `vault.json`: its strict form, the wrapping of keys in a slot, and the MAC over the whole."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Never

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stack_local.domain.errors import Unavailable
from stack_local.system import System
from stack_local.vault import strict_json
from stack_local.vault.keys import KEY_BYTES, KeyMaterial, Keys
from stack_local.vault.passphrase import WrongPassphrase
from stack_local.vault.profiles import SALT_BYTES, Profile
from stack_local.vault.strict_json import Json

VERSION = 1
"""The only version this code reads."""
MAX_BYTES = 64 * 1024
"""Bytes of the file."""
MAX_SLOTS = 32
"""Slots in the file."""
ID_BYTES = 16
"""Random bytes in the id of a vault and of a slot, written as hex."""

_NONCE_BYTES = 12
_TAG_BYTES = 16
_MAC_BYTES = 32


class HeaderRefused(Unavailable):
    """The key-slot file is damaged, altered or of another version; no passphrase is at fault."""

    default_code = "VAULT_HEADER_REFUSED"


class SlotKind(StrEnum):
    """What opens a slot."""

    PASSPHRASE = "passphrase"  # noqa: S105 (the name of a kind)
    RECOVERY = "recovery"
    KEYRING = "keyring"


_WRAPS: Mapping[SlotKind, tuple[str, ...]] = {
    SlotKind.PASSPHRASE: ("database", "credential"),
    SlotKind.RECOVERY: ("database", "credential"),
    # Whoever is logged in opens the keyring, so it must not be enough to use a credential (house decision 9).
    SlotKind.KEYRING: ("database",),
}


@dataclass(frozen=True, slots=True)
class Kdf:
    """How the key of a passphrase slot is derived."""

    profile: Profile
    salt: bytes


@dataclass(frozen=True, slots=True)
class Slot:
    """The keys, wrapped for one way of opening."""

    id: str
    kind: SlotKind
    kdf: Kdf | None
    """Present in a passphrase slot and in no other."""
    nonce: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The whole file. What `parse` returns has the right form; only `authenticate` says it is ours."""

    vault_id: str
    slots: tuple[Slot, ...]
    mac: bytes

    def of_kind(self, kind: SlotKind) -> tuple[Slot, ...]:
        """The slots of one kind, in file order."""
        return tuple(slot for slot in self.slots if slot.kind is kind)


def wrap(keys: Keys, key: KeyMaterial, *, vault_id: str, kind: SlotKind, kdf: Kdf | None, system: System) -> Slot:
    """A new slot: what this kind holds of `keys`, under `key`."""
    slot_id, nonce = system.random_bytes(ID_BYTES).hex(), system.random_bytes(_NONCE_BYTES)
    plaintext = keys.database_key.reveal()
    if kind is not SlotKind.KEYRING and keys.credential_key is not None:
        plaintext += keys.credential_key.reveal()
    wrapped = AESGCM(key.reveal()).encrypt(nonce, plaintext, _bound(vault_id, slot_id, kind, kdf))
    return Slot(slot_id, kind, kdf, nonce, wrapped)


def unwrap(slot: Slot, key: KeyMaterial, *, vault_id: str) -> Keys:
    """The keys in this slot. Check them with `authenticate` before use.

    Raises:
        WrongPassphrase: `key` is not the slot's, or the slot is not this vault's.
    """
    bound = _bound(vault_id, slot.id, slot.kind, slot.kdf)
    try:
        plaintext = AESGCM(key.reveal()).decrypt(slot.nonce, slot.wrapped, bound)
    except InvalidTag:
        raise WrongPassphrase("the passphrase does not open this vault") from None
    credential = plaintext[KEY_BYTES:]
    return Keys(KeyMaterial(plaintext[:KEY_BYTES]), KeyMaterial(credential) if credential else None)


def build(vault_id: str, slots: tuple[Slot, ...], database_key: KeyMaterial) -> Header:
    """A header with its MAC."""
    return Header(vault_id, slots, _mac(vault_id, slots, database_key))


def authenticate(header: Header, database_key: KeyMaterial) -> None:
    """Check that whoever wrote this header held the database key: no slot was added, removed or moved since.

    Raises:
        HeaderRefused: it was altered.
    """
    if not hmac.compare_digest(header.mac, _mac(header.vault_id, header.slots, database_key)):
        raise HeaderRefused("the key-slot file was altered", hint="restore vault.json from a backup")


def serialize(header: Header) -> bytes:
    """The one form of this header: canonical JSON and a newline."""
    fields = {**_described(header.vault_id, header.slots), "mac": header.mac.hex()}
    # Anybody can compute the checksum: it protects from nobody. It tells a damaged file from a wrong passphrase.
    checksum = hashlib.sha256(strict_json.canonical(fields)).hexdigest()
    return strict_json.canonical({**fields, "checksum": checksum}) + b"\n"


def parse(raw: bytes) -> Header:
    """The header in these bytes. Runs no key derivation: what it lets through is cheap enough to try.

    Raises:
        HeaderRefused: anything is missing, extra, out of bounds, or not exactly as `serialize` writes it.
    """
    if len(raw) > MAX_BYTES:
        _refuse("it is too large")
    try:
        fields = strict_json.read_object(raw)
    except strict_json.Malformed:
        raise HeaderRefused("the key-slot file is damaged: it is not strict JSON") from None
    _refuse_other_version(fields)
    _demand_members(fields, {"version", "vault_id", "slots", "mac", "checksum"})
    header = Header(_hex_text(fields, "vault_id", ID_BYTES), _slots(fields["slots"]), _bytes(fields, "mac", _MAC_BYTES))
    if not hmac.compare_digest(serialize(header), raw):
        _refuse("its checksum or form is wrong")
    return header


def _described(vault_id: str, slots: tuple[Slot, ...]) -> dict[str, Json]:
    return {"version": VERSION, "vault_id": vault_id, "slots": [_slot_fields(slot) for slot in slots]}


def _slot_fields(slot: Slot) -> dict[str, Json]:
    return {
        "id": slot.id,
        "kind": slot.kind.value,
        "kdf": _kdf_fields(slot.kdf),
        "wraps": _WRAPS[slot.kind],
        "nonce": slot.nonce.hex(),
        "wrapped": slot.wrapped.hex(),
    }


def _kdf_fields(kdf: Kdf | None) -> dict[str, Json] | None:
    if kdf is None:
        return None
    return {
        "name": "argon2id",
        "memory_kib": kdf.profile.memory_kib,
        "iterations": kdf.profile.iterations,
        "lanes": kdf.profile.lanes,
        "salt": kdf.salt.hex(),
    }


def _bound(vault_id: str, slot_id: str, kind: SlotKind, kdf: Kdf | None) -> bytes:
    return strict_json.canonical(
        {
            "version": VERSION,
            "vault_id": vault_id,
            "slot": slot_id,
            "kind": kind.value,
            "kdf": _kdf_fields(kdf),
            "wraps": _WRAPS[kind],
        }
    )


def _mac(vault_id: str, slots: tuple[Slot, ...], database_key: KeyMaterial) -> bytes:
    key = database_key.derive("header-mac", salt=bytes.fromhex(vault_id))
    return hmac.digest(key.reveal(), strict_json.canonical(_described(vault_id, slots)), "sha256")


def _refuse_other_version(fields: Mapping[str, Json]) -> None:
    version = fields.get("version")
    if type(version) is not int:
        _refuse("it has no version")
    if version != VERSION:
        raise HeaderRefused("the vault is of another version of stack_local", hint="open it with the newer program")


def _slots(value: Json) -> tuple[Slot, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SLOTS:
        _refuse(f"it needs 1 to {MAX_SLOTS} slots")
    slots = tuple(_slot(entry) for entry in value)
    if len({slot.id for slot in slots}) != len(slots):
        _refuse("two slots have one id")
    return slots


def _slot(value: Json) -> Slot:
    fields = _object(value)
    _demand_members(fields, {"id", "kind", "kdf", "wraps", "nonce", "wrapped"})
    kind = _kind(fields["kind"])
    wraps = _WRAPS[kind]
    if fields["wraps"] != list(wraps):
        _refuse("a slot wraps what its kind may not")
    return Slot(
        id=_hex_text(fields, "id", ID_BYTES),
        kind=kind,
        kdf=_kdf(fields["kdf"], kind),
        nonce=_bytes(fields, "nonce", _NONCE_BYTES),
        wrapped=_bytes(fields, "wrapped", KEY_BYTES * len(wraps) + _TAG_BYTES),
    )


def _kind(value: Json) -> SlotKind:
    try:
        return SlotKind(str(value))
    except ValueError:
        _refuse("a slot is of an unknown kind")


def _kdf(value: Json, kind: SlotKind) -> Kdf | None:
    if (value is None) is (kind is SlotKind.PASSPHRASE):
        _refuse("a key derivation is missing or out of place")
    if value is None:
        return None
    fields = _object(value)
    _demand_members(fields, {"name", "memory_kib", "iterations", "lanes", "salt"})
    profile = Profile(_number(fields, "memory_kib"), _number(fields, "iterations"), _number(fields, "lanes"))
    if fields["name"] != "argon2id" or not profile.is_acceptable():
        _refuse("a key derivation is out of bounds")
    return Kdf(profile, _bytes(fields, "salt", SALT_BYTES))


def _object(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        _refuse("a part of it is not an object")
    return value


def _demand_members(fields: Mapping[str, Json], names: set[str]) -> None:
    if set(fields) != names:
        _refuse("a member is missing or unknown")


def _number(fields: Mapping[str, Json], name: str) -> int:
    value = fields[name]
    if type(value) is not int:  # a bool is an int to isinstance
        _refuse(f"{name} is not a number")
    return value


def _bytes(fields: Mapping[str, Json], name: str, count: int) -> bytes:
    return bytes.fromhex(_hex_text(fields, name, count))


def _hex_text(fields: Mapping[str, Json], name: str, count: int) -> str:
    value = fields[name]
    if not isinstance(value, str) or len(value) != count * 2 or not set(value) <= set("0123456789abcdef"):
        _refuse(f"{name} is not {count} bytes in hex")
    return value


def _refuse(what: str) -> Never:
    raise HeaderRefused(f"the key-slot file is damaged: {what}", hint="restore vault.json from a backup")
