"""The chain: any change of any field, and any record gone, doubled or moved, is noticed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.audit import GENESIS, Layer, Outcome, Record, commitment, first_break, hash_of

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "audit_chain.json").read_text(encoding="utf-8"))


def record(raw: dict[str, Any]) -> Record:
    return Record(**raw | {"layer": Layer(raw["layer"]), "outcome": Outcome(raw["outcome"])})


CHAIN = [record(raw) for raw in VECTORS["chain"]]


def flipped(text: str) -> Iterator[str]:
    """The text with one bit changed, at every place; and one character more or less."""
    yield from (
        text[:at] + chr(ord(character) ^ 1 << bit) + text[at + 1 :]
        for at, character in enumerate(text)
        for bit in range(8)
    )
    yield text + "x"
    yield text + "\0"
    if text:
        yield text[:-1]
        yield text[1:]


def changed(value: object) -> Iterator[object]:
    """Every small change of one field's value."""
    match value:
        case Layer() | Outcome():
            yield from (other for other in type(value) if other is not value)
        case None:
            yield from ("", "x", "None", 0)
        case bool():
            yield from (not value, int(value), str(value))
        case int():
            yield from (value ^ 1 << bit for bit in range(53))
            yield from (-value if value else -1, str(value), None)
        case str():
            yield from flipped(value)
            yield None
        case dict():
            yield from changed_members(value)


def changed_members(members: dict[str, Any]) -> Iterator[object]:
    yield members | {"more": None}
    yield {}
    for name, value in members.items():
        others = {other: kept for other, kept in members.items() if other != name}
        yield others
        yield from (others | {renamed: value} for renamed in flipped(name))
        yield from (members | {name: other} for other in changed(value))


@pytest.mark.parametrize("name", [field.name for field in fields(Record)])
@pytest.mark.parametrize("at", range(len(CHAIN)))
def test_every_change_of_every_field_is_noticed_where_it_is(at: int, name: str) -> None:
    original = getattr(CHAIN[at], name)
    changes = 0
    for value in changed(original):
        if value == original and type(value) is type(original):
            continue
        chain = [*CHAIN[:at], replace(CHAIN[at], **{name: value}), *CHAIN[at + 1 :]]
        found = first_break(chain)
        assert found is not None
        assert found.sequence == at + 1
        changes += 1
    assert changes


@pytest.mark.parametrize("at", range(len(CHAIN)))
def test_a_changed_record_that_is_hashed_again_is_noticed_at_the_next(at: int) -> None:
    changed = replace(CHAIN[at], actor="nobody")
    forged = replace(changed, entry_hash=hash_of(changed))
    found = first_break([*CHAIN[:at], forged, *CHAIN[at + 1 :]])
    # The last one has no next: only the anchored head tells (vault/anchor.py).
    assert (found.sequence if found else None) == (at + 2 if at + 1 < len(CHAIN) else None)
    assert forged.entry_hash != CHAIN[at].entry_hash


@pytest.mark.parametrize("change", [{"timestamp": 2**60}, {"detail": {"status": 1.5}}, {"subject": "\ud800"}], ids=repr)
def test_a_change_that_has_no_canonical_form_is_a_break_and_no_crash(change: dict[str, Any]) -> None:
    found = first_break([CHAIN[0], replace(CHAIN[1], **change), *CHAIN[2:]])
    assert found is not None
    assert found.sequence == 2


A, B, C = 0, 1, 2
MOVES: list[tuple[str, list[int], int | None]] = [
    ("as it is", [A, B, C], None),
    ("the first deleted", [B, C], 1),
    ("one in the middle deleted", [A, C], 2),
    ("two swapped", [B, A, C], 1),
    ("the last two swapped", [A, C, B], 2),
    ("one doubled", [A, A, B, C], 2),
    ("one inserted again", [A, B, A, C], 3),
    ("the last doubled", [A, B, C, C], 4),
    ("all doubled", [A, B, C, A, B, C], 4),
    ("reversed", [C, B, A], 1),
    ("only the last", [C], 1),
]


@pytest.mark.parametrize(("order", "sequence"), [move[1:] for move in MOVES], ids=[move[0] for move in MOVES])
def test_a_record_that_is_gone_doubled_or_moved_is_noticed(order: list[int], sequence: int | None) -> None:
    found = first_break(CHAIN[at] for at in order)
    assert (found.sequence if found else None) == sequence


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_cut_end_holds_as_a_chain_and_has_another_head(length: int) -> None:
    cut = CHAIN[:length]
    assert first_break(cut) is None
    assert [CHAIN[-1].entry_hash] != [last.entry_hash for last in cut[-1:]]


def test_a_part_is_verified_from_the_record_before_it() -> None:
    assert first_break(CHAIN[1:], sequence=2, prev_entry_hash=CHAIN[0].entry_hash) is None
    assert first_break(CHAIN[1:], sequence=2, prev_entry_hash=GENESIS) is not None
    assert first_break(CHAIN[1:], sequence=1, prev_entry_hash=CHAIN[0].entry_hash) is not None


@pytest.mark.parametrize("at", range(len(CHAIN)))
def test_the_hash_is_the_one_on_file(at: int) -> None:
    assert hash_of(replace(CHAIN[at], entry_hash="")) == VECTORS["chain"][at]["entry_hash"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=[case["name"] for case in VECTORS["cases"]])
def test_a_chain_on_file_gets_its_verdict(case: dict[str, Any]) -> None:
    found = first_break(record(raw) for raw in case["records"])
    assert (found.sequence if found else None) == case["first_break"]


def test_a_commitment_needs_its_salt() -> None:
    assert commitment(b"salt", b"body") == hashlib.sha256(b"saltbody").hexdigest()
    assert commitment(b"pepper", b"body") != commitment(b"salt", b"body")
