"""Finding phrases among the words of a text: only around their key words, so that the whole is linear in the text.

`tests/domain/test_scan_search.py` counts the work.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress, count

from stack_local.domain.scan_decoders import Decoder
from stack_local.domain.scan_languages import ABROAD
from stack_local.domain.scan_patterns import Family, Phrase, Verdict, Words, Writing
from stack_local.domain.scan_phrases import ENGLISH

MOST_KEYS = 500
"""Key words that are looked around in one step."""

LEAST_SQUASHED_KEY = 5
"""Letters of a key that is looked for there: a shorter one stands in any data."""


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


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase, the disguise it was in, and the place in the text at which it begins."""

    hit: Hit
    decoder: Decoder | None
    start: int


Step = Found | None
"""The worst that one way to read the text brought; between two of them there is time to look at the clock."""


def places_of(keys: Container[str], words: Words) -> list[int]:
    """Where the key words stand; in no step of Python for each word, for every text is searched for them."""
    return list(compress(count(), map(keys.__contains__, words)))


def worst_by_steps(index: Index, words: Words, places: Sequence[int]) -> Iterator[Hit | None]:
    """The worst around each so many key words: a text of nothing else takes its time."""
    for first in range(0, len(places), MOST_KEYS):
        yield worst(index.search(words, places[first : first + MOST_KEYS]))


def worst(hits: Iterable[Hit]) -> Hit | None:
    """The first that is critical, or else the first."""
    found = None
    for hit in hits:
        if hit.verdict is Verdict.CRITICAL:
            return hit
        found = found or hit
    return found


@cache
def plain_index() -> Index:
    """The phrases as they are written."""
    return Index(ENGLISH + ABROAD)


@cache
def skeleton_index() -> Index:
    """The phrases with `l` read as `i`, for `1` stands for either."""
    return Index(_skeletons())


@cache
def squashed_index() -> SquashedIndex:
    """The same without spaces."""
    return SquashedIndex(_skeletons())


def _skeletons() -> tuple[Phrase, ...]:
    return tuple(phrase.spelled(lambda word: word.replace("l", "i")) for phrase in ENGLISH + ABROAD)
