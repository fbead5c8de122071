"""How a phrase of an injection is written down, and how it is found among the words of a text.

A phrase is a row of slots: words one of which must stand there, words that may, or any few words. It is looked for
where one of its key words stands, and nowhere else; there it is followed slot by slot over a set of places, without
going back. So each key word costs so much at most, whatever stands around it (`tests/domain/test_scan_patterns.py`
counts it), and the whole is linear in the text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property

LEAST_SQUASHED = 14
"""Letters that a phrase must have to be looked for without its spaces: a shorter one stands inside other words."""

LEAST_SQUASHED_KEY = 5
"""Letters of a key that is looked for there: a shorter one stands in any data."""


class Verdict(StrEnum):
    """What is thought of a content."""

    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """How bad it is; more is worse."""
        return tuple(Verdict).index(self)


class Family(StrEnum):
    """What a phrase is after (product.md 6.3)."""

    OVERRIDE = "instruction_override"
    BREAKOUT = "role_play_breakout"
    EXTRACTION = "system_prompt_extraction"
    JAILBREAK = "jailbreak_name"
    BYPASS = "safety_bypass"
    CLASSIFIED = "classified"
    """A plugin's classifier said so; no phrase was found."""


Spelling = Callable[[str], str]
"""How a word of ours is written in the text that is searched."""

Words = Sequence[str]
"""The words of a text, in its order and in small letters."""


@dataclass(frozen=True)
class Slot:
    """A place in a phrase. Without words, any word fits. `_` in a word parts two words of the text."""

    words: tuple[str, ...]
    least: int = 1
    most: int = 1
    is_key: bool = False
    """One of these words is in every match, and few other texts have it."""

    @cached_property
    def tails(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """From the first word of each alternative to what must follow it."""
        found: dict[str, tuple[tuple[str, ...], ...]] = {}
        for first, *tail in (word.split("_") for word in self.words):
            found[first] = (*found.get(first, ()), tuple(tail))
        return found

    @property
    def most_words(self) -> int:
        """Words of a text that it covers at most."""
        return self.most * max((word.count("_") + 1 for word in self.words), default=1)

    def spelled(self, spelling: Spelling) -> "Slot":
        """The same in another spelling."""
        return Slot(tuple(map(spelling, self.words)), self.least, self.most, self.is_key)

    def after(self, words: Words, places: set[int]) -> set[int]:
        """Where the next slot may begin, for each place at which this one may."""
        if not self.words:
            counts = range(self.least, self.most + 1)
            return {place + count for place in places for count in counts if place + count <= len(words)}
        reached, front = (set() if self.least else set(places)), places
        for _ in range(self.most):
            front = {place + length for place in front for length in self._lengths(words, place)}
            if not front:
                break
            reached |= front
        return reached

    def _lengths(self, words: Words, place: int) -> Iterator[int]:
        if place < len(words):
            for tail in self.tails.get(words[place], ()):
                if tuple(words[place + 1 : place + 1 + len(tail)]) == tail:
                    yield 1 + len(tail)


@dataclass(frozen=True)
class Phrase:
    """A phrase in words that spaces part. Its first and its last slot must be filled."""

    id: str
    family: Family
    verdict: Verdict
    slots: tuple[Slot, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The words that are looked for first; of one with `_` its last part."""
        return tuple(word.rpartition("_")[2] for slot in self.slots if slot.is_key for word in slot.words)

    @cached_property
    def reach(self) -> int:
        """Words that may stand before the key."""
        keyed = next(number for number, slot in enumerate(self.slots) if slot.is_key)
        return sum(slot.most_words for slot in self.slots[: keyed + 1]) - 1

    @cached_property
    def is_squashable(self) -> bool:
        """Whether it tells enough where no space parts its words."""
        letters = sum(min(map(len, slot.words)) for slot in self.slots if slot.least)
        return letters >= LEAST_SQUASHED and all(slot.words for slot in self.slots)

    def spelled(self, spelling: Spelling) -> "Phrase":
        """The same in another spelling."""
        return Phrase(self.id, self.family, self.verdict, tuple(slot.spelled(spelling) for slot in self.slots))

    def end(self, words: Words, start: int) -> int | None:
        """Where it ends if it begins at this word; None if it does not."""
        places = {start}
        for slot in self.slots:
            places = slot.after(words, places)
            if not places:
                return None
        return max(places)

    def squashed(self) -> str:
        """The regular expression of its letters, without what parts the words."""
        return "".join(_squashed(slot) for slot in self.slots)


def written(name: str, verdict: Verdict, slots: str) -> Phrase:
    """Read a phrase: `forget|ignore! the|your?2 *?3 rules`.

    Its slots are parted by spaces, the words of one by `|`. `!` marks the key, `?2` says that as many may stand there
    or none, `*` is any word. The family is what stands before the point in the name.
    """
    return Phrase(name, _FAMILIES[name.partition(".")[0]], verdict, tuple(map(_slot, slots.split())))


_FAMILIES = {
    "override": Family.OVERRIDE,
    "breakout": Family.BREAKOUT,
    "extraction": Family.EXTRACTION,
    "jailbreak": Family.JAILBREAK,
    "bypass": Family.BYPASS,
}


def _slot(text: str) -> Slot:
    words, _, most = text.partition("?")
    alternatives = () if words == "*" else tuple(words.removesuffix("!").split("|"))
    return Slot(alternatives, least=0 if most else 1, most=int(most or 1), is_key=words.endswith("!"))


def _squashed(slot: Slot) -> str:
    words = "|".join(word.replace("_", "") for word in slot.words)
    return f"(?:{words})" if slot.least else f"(?:{words}){{0,{slot.most}}}"


@dataclass(frozen=True, slots=True)
class Writing:
    """A phrase that no spaces part: Chinese, and the marks by which a chat is written down."""

    id: str
    family: Family
    verdict: Verdict
    keys: tuple[str, ...]
    """One of these strings is in every match."""
    text: str
    """Its regular expression; every repeat in it has an end."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that was found: from where to where, in words or in characters of what was searched."""

    pattern_id: str
    family: Family
    verdict: Verdict
    start: int
    end: int


class Index:
    """Phrases by their key words, and by the words they begin with."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_key: dict[str, dict[str, list[Phrase]]] = {}
        self._reach: dict[str, int] = {}
        for phrase in phrases:
            for word in dict.fromkeys(phrase.keys):
                self._reach[word] = max(phrase.reach, self._reach.get(word, 0))
                beginnings = self._by_key.setdefault(word, {})
                for first in phrase.slots[0].tails:
                    beginnings.setdefault(first, []).append(phrase)
        self.keys = frozenset(self._by_key)

    def search(self, words: Words, places: Iterable[int]) -> Iterator[Hit]:
        """What stands around the key words at these places."""
        for place in places:
            word = words[place]
            beginnings = self._by_key[word] if word in self.keys else {}
            first = max(0, place - self._reach.get(word, 0))
            for start, beginning in enumerate(words[first : place + 1], first):
                for phrase in beginnings.get(beginning, ()):
                    end = phrase.end(words, start) if place - start <= phrase.reach else None
                    if end is not None:
                        yield Hit(phrase.id, phrase.family, phrase.verdict, start, end)


class SquashedIndex:
    """Phrases long enough to be known without their spaces."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_key: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            for word in dict.fromkeys(phrase.keys) if phrase.is_squashable else ():
                if len(word) >= LEAST_SQUASHED_KEY:
                    self._by_key.setdefault(word, []).append(phrase)

    def search(self, letters: str) -> Iterator[Hit]:
        """What stands in a text of letters alone; the places are characters."""
        seen = [word for word in self._by_key if word in letters]
        for phrase in {phrase.id: phrase for word in seen for phrase in self._by_key[word]}.values():
            found = _compiled(phrase.squashed()).search(letters)
            if found is not None:
                yield Hit(phrase.id, phrase.family, phrase.verdict, *found.span())


def search_writing(text: str, writings: Iterable[Writing]) -> Iterator[Hit]:
    """What stands in a text of small letters; the places are characters."""
    for writing in writings:
        if any(word in text for word in writing.keys):
            found = _compiled(writing.text).search(text)
            if found is not None:
                yield Hit(writing.id, writing.family, writing.verdict, *found.span())


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)
