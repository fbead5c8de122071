"""How a phrase of an injection is written down, and whether it stands at a place in a text.

A phrase is a row of slots: words one of which must stand there, words that may, or any few words. It is followed slot
by slot over a set of places, without going back: so much work at most, whatever the text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

LEAST_SQUASHED = 14
"""Letters that a phrase must have to be looked for without its spaces: a shorter one stands inside other words."""


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
        letters = sum(min(map(len, slot.words), default=0) for slot in self.slots if slot.least)
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
