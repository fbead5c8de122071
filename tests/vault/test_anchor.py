"""When a vault is older than what the second directory remembers."""

from pathlib import Path

import pytest

from stack_local.domain.errors import Unavailable
from stack_local.vault.anchor import (
    Anchor,
    Fresh,
    Older,
    OlderReason,
    UnreadableAnchor,
    judge,
    read_anchor,
    write_anchor,
)
from stack_local.vault.keys import KeyMaterial

KEY = KeyMaterial(b"k" * 32)
ANCHOR = Anchor(sequence=100, head="ab" * 32, revocation_epoch=7)
HEAD, OTHER = ANCHOR.head, "cd" * 32

JUDGED: dict[str, tuple[Anchor | UnreadableAnchor | None, int, str | None, int, bool, Fresh | Older]] = {
    "at the anchor": (ANCHOR, 100, HEAD, 7, True, Fresh()),
    "past the anchor": (ANCHOR, 250, HEAD, 9, True, Fresh()),
    "one entry behind": (ANCHOR, 99, None, 7, True, Older(OlderReason.ENTRIES_MISSING, 1)),
    "empty": (ANCHOR, 0, None, 0, False, Older(OlderReason.ENTRIES_MISSING, 100)),
    "behind, whatever it says of its head": (ANCHOR, 99, HEAD, 9, True, Older(OlderReason.ENTRIES_MISSING, 1)),
    "another history": (ANCHOR, 100, OTHER, 7, True, Older(OlderReason.HEAD_DIFFERS, 0)),
    "another and longer history": (ANCHOR, 500, OTHER, 9, True, Older(OlderReason.HEAD_DIFFERS, 0)),
    "no entry at the anchor": (ANCHOR, 500, None, 9, True, Older(OlderReason.HEAD_DIFFERS, 0)),
    "a lower epoch": (ANCHOR, 100, HEAD, 6, True, Older(OlderReason.EPOCH_LOWER, 0)),
    "no anchor, never written": (None, 0, None, 0, False, Fresh()),
    "no anchor, but written once": (None, 100, None, 7, True, Older(OlderReason.ANCHOR_MISSING, 0)),
    "unreadable": (UnreadableAnchor(), 100, HEAD, 7, True, Older(OlderReason.ANCHOR_UNREADABLE, 0)),
    "unreadable, never written": (UnreadableAnchor(), 0, None, 0, False, Older(OlderReason.ANCHOR_UNREADABLE, 0)),
}


@pytest.mark.parametrize("case", JUDGED.values(), ids=JUDGED.keys())
def test_a_vault_is_judged_by_its_anchor(
    case: tuple[Anchor | UnreadableAnchor | None, int, str | None, int, bool, Fresh | Older],
) -> None:
    anchor, sequence, head, epoch, ever, verdict = case
    found = judge(anchor, sequence=sequence, head_at_anchor_sequence=head, revocation_epoch=epoch, ever_anchored=ever)
    assert found == verdict


def test_an_anchor_is_read_as_written_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    assert read_anchor(path, KEY) is None
    write_anchor(path, KEY, ANCHOR)
    assert read_anchor(path, KEY) == ANCHOR
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_anchor_of_another_vault_is_unreadable(tmp_path: Path) -> None:
    write_anchor(tmp_path / "a", KeyMaterial(b"x" * 32), ANCHOR)
    assert read_anchor(tmp_path / "a", KEY) == UnreadableAnchor()


def test_every_cut_and_every_flip_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_anchor(path, KEY, ANCHOR)
    raw = path.read_bytes()
    for place in range(len(raw) - 1):  # the newline at the end says nothing
        for damaged in (raw[:place], raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]):
            path.write_bytes(damaged)
            assert read_anchor(path, KEY) == UnreadableAnchor()


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"mac":1}', b'{"mac":"\xc3\xbc"}', b"x" * 5000])
def test_what_is_no_anchor_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert read_anchor(tmp_path / "a", KEY) == UnreadableAnchor()


def test_an_anchor_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        write_anchor(tmp_path / "absent" / "a", KEY, ANCHOR)
