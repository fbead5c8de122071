"""A text read as it stands (L1), and as it reads once a disguise of its characters is taken off (L2).

One pass splits the text into words; a phrase is looked for only where one of its key words stands, in plain, in ROT13
or backwards. Leetspeak and separators need a second pass.
"""

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from stack_local.domain.errors import Broken
from stack_local.domain.scan_decoders import Decoder, has_invisible, replaced
from stack_local.domain.scan_languages import ABROAD, CHINESE, MARKS
from stack_local.domain.scan_patterns import Hit, Index, SquashedIndex, Verdict, search_writing
from stack_local.domain.scan_phrases import ENGLISH

LEAST_SINGLES = 4
"""Letters in a row, with something between each two, that are read as a word."""

MOST_SINGLES = 8000
"""As many at most are read as one."""

LEAST_LETTERS = 16
"""Letters of a word that may be a whole phrase without its spaces."""

MOST_LETTERS = 1024
"""A longer word is no writing: it is data."""

MOST_KEYS = 500
"""Key words that are looked around in one step."""


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase, the disguise it was in, and the place in the text at which it begins."""

    hit: Hit
    decoder: Decoder | None
    start: int


Step = Found | None
"""The worst that one way to read the text brought; between two of them there is time to look at the clock."""


@dataclass(frozen=True, slots=True)
class _Lookups:
    """The phrases in the spellings in which they are searched."""

    plain: Index
    skeleton: Index
    squashed: SquashedIndex
    rot13: frozenset[str]
    backwards: frozenset[str]
    """The keys as they are seen in a text."""
    known: frozenset[str]


@cache
def _lookups() -> _Lookups:
    phrases = ENGLISH + ABROAD
    skeletons = tuple(phrase.spelled(lambda word: word.replace("l", "i")) for phrase in phrases)
    plain = Index(phrases)
    rot13 = frozenset(key.translate(_ROT13) for key in plain.keys)
    backwards = frozenset(key[::-1] for key in plain.keys)
    return _Lookups(
        plain=plain,
        skeleton=Index(skeletons),
        squashed=SquashedIndex(skeletons),
        rot13=rot13,
        backwards=backwards,
        known=plain.keys | rot13 | backwards,
    )


def readings(text: str) -> Iterator[Step]:
    """Every way to read a text, one after the other: first as it stands."""
    lowered = _lowered(text)
    flat = _flat(lowered)
    words = _words(flat)
    places = _places(words, _lookups().known)
    for hit in _hits(_lookups().plain, words, places):
        yield None if hit is None else Found(hit, None, _span(flat, hit)[0])
    yield _in_writing(lowered)
    yield from _turned(lowered, flat, {words[place] for place in places})
    yield from _undisguised(flat, None)
    if _has_singles(flat) and not has_invisible(text):
        yield from _undisguised(_SINGLES.sub(_joined, flat), Decoder.SEPARATORS)
    if _has_chinese(lowered):
        yield _rejoined(lowered)


def _places(words: Sequence[str], keys: Container[str]) -> list[int]:
    return [place for place, word in enumerate(words) if word in keys]


def _hits(index: Index, words: Sequence[str], places: Sequence[int]) -> Iterator[Hit | None]:
    """The worst around each so many key words: a text of nothing else takes its time."""
    for first in range(0, len(places), MOST_KEYS):
        yield _worst(index.search(words, places[first : first + MOST_KEYS]))


def _worst(hits: Iterable[Hit]) -> Hit | None:
    """The first that is critical, or else the first."""
    worst = None
    for hit in hits:
        if hit.verdict is Verdict.CRITICAL:
            return hit
        worst = worst or hit
    return worst


# -- as it stands ------------------------------------------------------------------------------------------------------

_BETWEEN = {code: " " for code in range(128) if not chr(code).isalnum()}
_WORD = re.compile("[a-z0-9]+")
_CHINESE_CHARACTER = re.compile("[\u4e00-\u9fff]")


def _lowered(text: str) -> str:
    """In small letters, and with the line ends that JSON writes as letters; every character keeps its place."""
    # The one character whose small form is two.
    lowered = text.lower() if text.isascii() else text.replace("\u0130", "i").lower()
    if "\\" not in lowered:
        return lowered
    return lowered.replace("\\n", " \n").replace("\\r", " \r").replace("\\t", "  ")


def _flat(lowered: str) -> str:
    """In ASCII: letters without their accents, and `?` for all else; every character keeps its place."""
    if lowered.isascii():
        return lowered
    return replaced(lowered, _unaccented()).encode("ascii", "replace").decode("ascii")


@cache
def _unaccented() -> dict[str, str]:
    """From each Latin letter with a mark to the letter."""
    latin = map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)))
    plain = {letter: unicodedata.normalize("NFKD", letter)[0] for letter in latin}
    return {letter: bare for letter, bare in plain.items() if bare.isascii() and bare.isalpha()}


def _words(flat: str) -> list[str]:
    return flat.translate(_BETWEEN).split()


def _span(flat: str, hit: Hit) -> tuple[int, int]:
    """From a hit in words to its characters."""
    words = list(_WORD.finditer(flat))
    return words[hit.start].start(), words[hit.end - 1].end()


def _in_writing(lowered: str) -> Step:
    hit = _worst(search_writing(lowered, (*CHINESE, *MARKS) if _has_chinese(lowered) else MARKS))
    return None if hit is None else Found(hit, None, hit.start)


def _has_chinese(lowered: str) -> bool:
    return not lowered.isascii() and _CHINESE_CHARACTER.search(lowered) is not None


# -- turned letters ----------------------------------------------------------------------------------------------------

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(_LETTERS, _LETTERS[13:] + _LETTERS[:13])
_BARE_WORD = re.compile("[a-z]+")


def _turned(lowered: str, flat: str, seen: set[str]) -> Iterator[Step]:
    """In ROT13, from the end of the whole, and each word from its own end."""
    if not seen.isdisjoint(_lookups().rot13):
        yield from _searched(flat.translate(_ROT13), Decoder.ROT13, lambda start, end: start)
    if not seen.isdisjoint(_lookups().backwards):
        yield from _searched(flat[::-1], Decoder.REVERSED, lambda start, end: len(flat) - end)
        by_word = _BARE_WORD.sub(lambda word: word[0][::-1], flat)
        yield from _searched(by_word, Decoder.REVERSED, lambda start, end: start)
    if _has_chinese(lowered):
        hit = _worst(search_writing(lowered[::-1], CHINESE))
        yield None if hit is None else Found(hit, Decoder.REVERSED, len(flat) - hit.end)


def _searched(text: str, decoder: Decoder, place: Callable[[int, int], int]) -> Iterator[Step]:
    words, plain = _words(text), _lookups().plain
    for hit in _hits(plain, words, _places(words, plain.keys)):
        yield None if hit is None else Found(hit, decoder, place(*_span(text, hit)))


# -- leetspeak and separators ------------------------------------------------------------------------------------------

_IN_WORD_MARKS = "-_.*~`^"
_MARKLESS = {ord(mark): None for mark in _IN_WORD_MARKS}
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s"}
_LEET |= {"!": "i", "|": "i", "+": "t", "l": "i"}
"""`l` is read as `i` in the text and in the phrases, for `1` stands for either."""

_SKELETON = _BETWEEN | {ord(sign): letter for sign, letter in _LEET.items()} | _MARKLESS
_LOOSE = re.compile("[!|+](?![a-z0-9@$])")
_SINGLES = re.compile(
    rf"(?<![^\W_])[a-z0-9@$](?:[\W_]{{1,3}}[a-z0-9@$](?![^\W_])){{{LEAST_SINGLES - 1},{MOST_SINGLES}}}"
)
_PLACES = {code: "a" if chr(code).isalnum() or chr(code) in "@$" else " " for code in range(128)}
_LETTERS_AT = {code: "a" if chr(code).isalpha() else " " for code in range(128)}
_SPACED = tuple(" " + (" " * width).join("a" * LEAST_SINGLES) + " " for width in (1, 2, 3))
_AMONG_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff])[\s_.*~|+·•/\\-]{1,3}(?=[\u4e00-\u9fff])")
_UNSPACED = re.compile(r"\S+")


def _skeleton(flat: str) -> str:
    """Without the marks inside words, and with the letters that digits and signs stand for."""
    if "!" in flat or "|" in flat or "+" in flat:
        flat = _LOOSE.sub(" ", flat)
    return flat.translate(_SKELETON)


def _undisguised(flat: str, decoder: Decoder | None) -> Iterator[Step]:
    """What stands in the skeleton of a text; without a decoder, it is told which of the two disguises it was."""
    skeleton, lookups = _skeleton(flat), _lookups()
    words = skeleton.split()
    for hit in _hits(lookups.skeleton, words, _places(words, lookups.skeleton.keys)):
        yield None if hit is None else Found(hit, decoder or _disguise(flat, hit), _skeleton_origin(flat, hit))
    long = [word for word in words if LEAST_LETTERS <= len(word) <= MOST_LETTERS]
    hit = _worst(lookups.squashed.search(" ".join(long)))
    if hit is not None:
        at = _place_among(long, hit.start, skeleton)
        yield Found(hit, Decoder.SEPARATORS, _origin(flat, _skeleton, at))


def _skeleton_origin(flat: str, hit: Hit) -> int:
    start = list(_UNSPACED.finditer(_skeleton(flat)))[hit.start].start()
    return _origin(flat, _skeleton, start)


def _place_among(words: Sequence[str], at: int, text: str) -> int:
    """From a place in words with a space between each two to the place in the text they are from."""
    place = 0
    for word in words:
        place = text.index(word, place)
        if at <= len(word):
            return place + at
        at -= len(word) + 1
        place += len(word)
    raise Broken("a place behind the last word")


def _origin(text: str, change: Callable[[str], str], at: int) -> int:
    """The place of the character that the one at `at` was made from; `change` goes character by character."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        if len(change(text[: middle + 1])) > at:
            high = middle
        else:
            low = middle + 1
    return low


def _disguise(flat: str, hit: Hit) -> Decoder:
    words, plain = _words(flat.translate(_MARKLESS)), _lookups().plain
    found = plain.search(words, _places(words, plain.keys))
    return Decoder.SEPARATORS if hit.pattern_id in {other.pattern_id for other in found} else Decoder.LEETSPEAK


def _has_singles(flat: str) -> bool:
    if " a " not in f" {flat.translate(_LETTERS_AT)} ":
        return False
    places = f" {flat.translate(_PLACES)} "
    return any(spaced in places for spaced in _SPACED)


def _joined(run: re.Match[str]) -> str:
    """The letters of a run in one word, at the place where it began."""
    letters = "".join(letter for letter in run[0] if letter.isalnum() or letter in "@$")
    return letters.ljust(len(run[0]))


def _rejoined(lowered: str) -> Step:
    """Chinese without what was put between its characters."""
    joined = _AMONG_CHINESE.sub("", lowered)
    hit = _worst(search_writing(joined, CHINESE)) if joined != lowered else None
    if hit is None:
        return None
    return Found(hit, Decoder.SEPARATORS, _origin(lowered, lambda part: _AMONG_CHINESE.sub("", part), hit.start))
