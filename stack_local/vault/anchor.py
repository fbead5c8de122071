"""The freshness anchor: a few numbers in a second directory that tell when the vault is an older copy of itself.

It cannot tell when both directories are put back together, nor what happened after it was last written.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from stack_local.domain.errors import Unavailable
from stack_local.vault import strict_json
from stack_local.vault.files import find_bounded, write_atomically
from stack_local.vault.keys import KeyMaterial
from stack_local.vault.strict_json import Json

MAX_BYTES = 4096
"""Bytes of the file."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """How far the vault had come."""

    sequence: int
    """Number of the last audit entry."""
    head: str
    """Hash of that entry, in hex."""
    revocation_epoch: int


@dataclass(frozen=True, slots=True)
class UnreadableAnchor:
    """There is a file, and it is not one that this vault wrote."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The vault is at its anchor or past it."""


class OlderReason(StrEnum):
    """Why a vault is not taken for the newest."""

    ENTRIES_MISSING = "entries_missing"
    HEAD_DIFFERS = "head_differs"
    EPOCH_LOWER = "epoch_lower"
    ANCHOR_MISSING = "anchor_missing"
    ANCHOR_UNREADABLE = "anchor_unreadable"


@dataclass(frozen=True, slots=True)
class Older:
    """The vault opens read-only, with an alarm."""

    reason: OlderReason
    missing_entries: int
    """How many entries the anchor knows of and the vault does not; 0 where that cannot be told."""


def write_anchor(path: Path, database_key: KeyMaterial, anchor: Anchor) -> None:
    """Replace the anchor, durably. One writer at a time; it never looks at the old one.

    Raises:
        Unavailable: it could not be written; whatever waits for it is not acknowledged.
    """
    fields = _fields(anchor)
    content = {**fields, "mac": _mac(database_key, fields)}
    write_atomically(path, strict_json.canonical(content) + b"\n")


def read_anchor(path: Path, database_key: KeyMaterial) -> Anchor | UnreadableAnchor | None:
    """The anchor, or None where there is no file."""
    try:
        raw = find_bounded(path, max_bytes=MAX_BYTES)
    except Unavailable:
        return UnreadableAnchor()
    return None if raw is None else _decode(raw, database_key)


def judge(
    anchor: Anchor | UnreadableAnchor | None,
    *,
    sequence: int,
    head_at_anchor_sequence: str | None,
    revocation_epoch: int,
    ever_anchored: bool,
) -> Fresh | Older:
    """Whether the vault is the newest we know of.

    `head_at_anchor_sequence` is the hash of the vault's own entry of the anchor's number, None if it has none.
    """
    match anchor:
        case None:
            return Older(OlderReason.ANCHOR_MISSING, 0) if ever_anchored else Fresh()
        case UnreadableAnchor():
            return Older(OlderReason.ANCHOR_UNREADABLE, 0)
        case Anchor():
            return _compare(anchor, sequence, head_at_anchor_sequence, revocation_epoch)
        case _:
            assert_never(anchor)


def _compare(
    anchor: Anchor, sequence: int, head_at_anchor_sequence: str | None, revocation_epoch: int
) -> Fresh | Older:
    if sequence < anchor.sequence:
        return Older(OlderReason.ENTRIES_MISSING, anchor.sequence - sequence)
    if head_at_anchor_sequence != anchor.head:
        return Older(OlderReason.HEAD_DIFFERS, 0)
    if revocation_epoch < anchor.revocation_epoch:
        return Older(OlderReason.EPOCH_LOWER, 0)
    return Fresh()


def _decode(raw: bytes, database_key: KeyMaterial) -> Anchor | UnreadableAnchor:
    try:
        fields = strict_json.read_object(raw)
    except strict_json.Malformed:
        return UnreadableAnchor()
    mac = fields.pop("mac", None)
    if not isinstance(mac, str) or not hmac.compare_digest(mac.encode(), _mac(database_key, fields).encode()):
        return UnreadableAnchor()
    return _anchor(fields)


def _anchor(fields: dict[str, Json]) -> Anchor | UnreadableAnchor:
    sequence, head, epoch = fields.get("sequence"), fields.get("head"), fields.get("revocation_epoch")
    if len(fields) != 3 or type(sequence) is not int or type(epoch) is not int or not isinstance(head, str):
        return UnreadableAnchor()
    return Anchor(sequence, head, epoch)


def _fields(anchor: Anchor) -> dict[str, Json]:
    return {"sequence": anchor.sequence, "head": anchor.head, "revocation_epoch": anchor.revocation_epoch}


def _mac(database_key: KeyMaterial, fields: dict[str, Json]) -> str:
    return hmac.digest(database_key.derive("anchor").reveal(), strict_json.canonical(fields), "sha256").hex()
