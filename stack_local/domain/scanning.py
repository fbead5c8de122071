"""The content scanner (product.md 6.3): does a text hold instructions that were planted there for an agent?

It raises the cost of an attack and leaves a trace. It is not the boundary: whoever rewords a phrase passes it, and the
policy, the bound hosts and the approval hold all the same. It has no clock: a `HasTime` says when to stop, and what was
not read then is never called clean.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from stack_local.domain.scan_bytes import opened
from stack_local.domain.scan_decoders import Decoder, Locate, peeled
from stack_local.domain.scan_patterns import Family, Verdict
from stack_local.domain.scan_readings import readings
from stack_local.domain.scan_search import Found

__all__ = ["Decoder", "Family", "HasTime", "Layer", "Match", "Scanned", "Scanner", "Verdict", "scan_content"]

WINDOW = 32_768
"""Characters that are looked at together."""

OVERLAP = 4_096
"""Characters at the end of a window that are looked at again with the next: a disguised phrase is shorter."""

MOST_DEPTH = 3
"""Disguises one inside the other that are taken off."""

MOST_DECODED = 8
"""Decoded characters that are looked at, for each character of a window."""

FIELD_NAMES = "(names)"
"""The field of a match in the names of an object's fields."""

HasTime = Callable[[], bool]
"""Whether there is time left."""


class Layer(StrEnum):
    """How a match was found: as it stands, behind a disguise, or by a plugin's classifier."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase that was found. It never holds the text itself."""

    pattern_id: str
    family: Family
    verdict: Verdict
    layer: Layer
    decoder: Decoder | None = None
    """What it was hidden by; where it was by several, one of them."""
    offset: int | None = None
    """Characters before it, in the content or in its field."""
    field: str | None = None
    """The name of the object's field it stands in."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is thought of a content, and of how much of it."""

    match: Match | None
    complete: bool
    """Whether all of it was looked at, in every way."""

    @property
    def verdict(self) -> Verdict:
        """That of the worst match."""
        return Verdict.CLEAN if self.match is None else self.match.verdict


def scan_content(content: str | Mapping[str, object], has_time: HasTime) -> Scanned:
    """Scan a text, or an object one level deep: its fields' names, its texts, and all else as JSON text."""
    if isinstance(content, str):
        return _scan_text(content, has_time)
    fields = tuple(_fields(content))
    # All of it at once first: most objects are clean, and what is not is looked at field by field.
    together = _scan_text(_BETWEEN_FIELDS.join(text for _, text in fields), has_time)
    if together.match is None:
        return together
    worst, complete = None, True
    for field, text in fields:
        scanned = _scan_text(text, has_time)
        complete = complete and scanned.complete
        if scanned.match is not None and (worst is None or scanned.verdict.rank > worst.verdict.rank):
            worst = replace(scanned.match, field=field)
        if worst is not None and worst.verdict is together.verdict:
            break
    if not complete and (worst is None or worst.verdict is not together.verdict):
        # It is known to be there; in which field there was no time to see.
        worst = replace(together.match, offset=None)
    return Scanned(worst, complete and together.complete)


def _scan_text(text: str, has_time: HasTime) -> Scanned:
    scanner = Scanner(has_time)
    scanner.feed(text)
    scanner.end()
    return scanner.scanned


_BETWEEN_FIELDS = "\n(0)\n"
"""A word that is in no phrase: two fields together say nothing."""


def _fields(content: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    yield FIELD_NAMES, _BETWEEN_FIELDS.join(content)
    for name, value in content.items():
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


class Scanner:
    """Scans a content that comes in pieces. It keeps no more than one window, and ends at the first critical match."""

    def __init__(self, has_time: HasTime) -> None:
        self._has_time = has_time
        self._bytes = b""
        self._held: list[str] = []
        self._held_length = 0
        self._tail = ""
        self._at = 0
        """Characters before `_tail`."""
        self._left_to_decode = 0
        self._is_late = False
        self.scanned = Scanned(None, complete=True)
        """What is thought of it so far."""

    def feed(self, piece: bytes | str) -> Match | None:
        """Take the next piece; a match if it brought a worse one than there was."""
        before = self.scanned.match
        text = piece if isinstance(piece, str) else self._decoded(piece)
        self._held.append(text)
        self._held_length += len(text)
        if self._held_length >= WINDOW:
            self._look_at_held()
        return None if self.scanned.match is before else self.scanned.match

    def end(self) -> Match | None:
        """There is no more; a match if what was left brought a worse one than there was."""
        before = self.scanned.match
        self._held.append(self._bytes.decode("utf-8", "replace"))
        self._bytes = b""
        self._look_at_held(is_last=True)
        return None if self.scanned.match is before else self.scanned.match

    def _decoded(self, piece: bytes) -> str:
        """The characters that are whole by now."""
        content = self._bytes + piece
        whole = len(content) - _cut_off(content)
        self._bytes = content[whole:]
        return content[:whole].decode("utf-8", "replace")

    def _look_at_held(self, *, is_last: bool = False) -> None:
        text, seen = self._tail + "".join(self._held), len(self._tail)
        while self._goes_on() and (len(text) - seen >= WINDOW or (is_last and len(text) > seen)):
            begin, end = max(0, seen - OVERLAP), min(seen + WINDOW, len(text))
            self._look_at(text[begin:end], self._at + begin)
            seen = end
        if not self._goes_on():
            seen = len(text)
        begin = max(0, seen - OVERLAP)
        self._tail, self._at = text[begin:seen], self._at + begin
        self._held, self._held_length = [text[seen:]], len(text) - seen

    def _goes_on(self) -> bool:
        return not self._is_late and self.scanned.verdict is not Verdict.CRITICAL

    def _look_at(self, window: str, at: int) -> None:
        self._left_to_decode = MOST_DECODED * max(len(window), OVERLAP)
        if self._may_go_on():
            self._examine(window, depth=0, outer=None, locate=lambda place: at + place)

    def _examine(self, text: str, *, depth: int, outer: Decoder | None, locate: Locate) -> None:
        """Read a text in every way; then without its disguises; then what is written in it as bytes."""
        self._read(text, outer, locate)
        inner = locate
        for bared in peeled(text):
            if not self._may_go_on(spends=len(bared.text)):
                return
            text, inner = bared.text, _inside(locate, bared.locate)
            self._read(text, outer or bared.decoder, inner)
        for written in opened(text) if depth < MOST_DEPTH else ():
            if not self._may_go_on(spends=len(written.text)):
                return
            place = _inside(inner, written.locate)
            self._examine(written.text, depth=depth + 1, outer=outer or written.decoder, locate=place)

    def _read(self, text: str, outer: Decoder | None, locate: Locate) -> None:
        for found in readings(text):
            if found is not None:
                self._note(found, outer, locate)
            if not self._may_go_on():
                return

    def _may_go_on(self, *, spends: int = 0) -> bool:
        """Whether this window may be looked at further; what is left out of it then is said."""
        self._left_to_decode -= spends
        self._is_late = self._is_late or not self._has_time()
        if self._is_late or self._left_to_decode < 0:
            self.scanned = replace(self.scanned, complete=False)
        return self._goes_on() and self._left_to_decode >= 0

    def _note(self, found: Found, outer: Decoder | None, locate: Locate) -> None:
        """Keep a match that is worse than the one there was."""
        if found.hit.verdict.rank <= self.scanned.verdict.rank:
            return
        decoder = outer or found.decoder
        match = Match(
            pattern_id=found.hit.pattern_id,
            family=found.hit.family,
            verdict=found.hit.verdict,
            layer=Layer.L1 if decoder is None else Layer.L2,
            decoder=decoder,
            offset=locate(found.start),
        )
        self.scanned = replace(self.scanned, match=match)


def _inside(outer: Locate, inner: Locate) -> Locate:
    return lambda at: outer(inner(at))


def _cut_off(content: bytes) -> int:
    """How many bytes at the end begin a character that is not whole yet (RFC 3629, section 3)."""
    for back in range(1, min(3, len(content)) + 1):
        byte = content[-back]
        if byte >= 0xC0:
            needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            return back if back < needed else 0
        if byte < 0x80:
            return 0
    return 0
