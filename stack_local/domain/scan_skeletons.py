"""Leetspeak and separators taken off a text: what stands in its skeleton (product.md 6.3, L2).

The skeleton is without the marks inside words, and has the letters that digits and signs stand for.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import compress

from stack_local.domain.scan_decoders import Decoder
from stack_local.domain.scan_patterns import LEAST_SQUASHED
from stack_local.domain.scan_search import (
    Found,
    Hit,
    Step,
    places_of,
    plain_index,
    skeleton_index,
    squashed_index,
    worst,
    worst_by_steps,
)

LEAST_SINGLES = 4
"""Letters in a row, with something between each two, that are read as a word."""

MOST_SINGLES = 8000
"""As many at most are read as one."""

LEAST_LETTERS = 16
"""Letters of a word that may be a whole phrase without its spaces."""

MOST_LETTERS = 1024
"""A longer word is no writing: it is data."""

BETWEEN = {code: " " for code in range(128) if not chr(code).isalnum()}
"""What parts the words of a text in ASCII."""

_IN_WORD_MARKS = "-_.*~`^"
_MARKLESS = {ord(mark): None for mark in _IN_WORD_MARKS}
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s"}
_LEET |= {"!": "i", "|": "i", "+": "t", "l": "i"}
"""`l` is read as `i` in the text and in the phrases, for `1` stands for either."""

_SKELETON = BETWEEN | {ord(sign): letter for sign, letter in _LEET.items()} | _MARKLESS
_LOOSE = re.compile("[!|+](?![a-z0-9@$])")
_SINGLES = re.compile(
    rf"(?<![^\W_])[a-z0-9@$](?:[\W_]{{1,3}}+[a-z0-9@$](?![^\W_])){{{LEAST_SINGLES - 1},{MOST_SINGLES}}}+"
)
_LETTER = re.compile("[a-z0-9@$]")
_PLACES = {code: "a" if chr(code).isalnum() or chr(code) in "@$" else " " for code in range(128)}
_LETTERS_AT = {code: "a" if chr(code).isalpha() else " " for code in range(128)}
_SPACED = tuple(" " + (" " * width).join("a" * LEAST_SINGLES) + " " for width in (1, 2, 3))
_UNSPACED = re.compile(r"\S+")


def _skeleton(flat: str) -> str:
    """Without the marks inside words, and with the letters that digits and signs stand for."""
    if "!" in flat or "|" in flat or "+" in flat:
        flat = _LOOSE.sub(" ", flat)
    return flat.translate(_SKELETON)


def undisguised(flat: str) -> Iterator[Step]:
    """What stands in the skeleton of a text; which of the two disguises it was is told then."""
    skeleton, index = _skeleton(flat), skeleton_index()
    words = skeleton.split()
    for hit in worst_by_steps(index, words, places_of(index.keys, words)):
        yield None if hit is None else Found(hit, _disguise(flat, hit), _skeleton_origin(flat, hit))
    long = [word for word in _long_enough(words) if len(word) <= MOST_LETTERS]
    hit = worst(squashed_index().search(" ".join(long))) if long else None
    if hit is not None:
        at = _place_among(long, hit.start, skeleton)
        yield Found(hit, Decoder.SEPARATORS, origin(flat, _skeleton, at))


def _long_enough(words: Sequence[str]) -> Iterator[str]:
    """In no step of Python for each word: hardly one is."""
    return compress(words, map(LEAST_LETTERS.__le__, map(len, words)))


def in_single_letters(flat: str) -> Iterator[Step]:
    """The same where runs of single letters are read as words."""
    for found in undisguised(_SINGLES.sub(_joined, flat)):
        yield None if found is None else Found(found.hit, Decoder.SEPARATORS, _single_origin(flat, found.start))
    for run in _SINGLES.finditer(flat):
        if len(run[0]) < LEAST_SQUASHED:  # no phrase without its spaces is so short
            continue
        letters = [pair for pair in _letters(run) if pair[0] != " "]
        hit = worst(squashed_index().search(_skeleton("".join(letter for letter, _ in letters))))
        yield None if hit is None else Found(hit, Decoder.SEPARATORS, letters[hit.start][1])


def _skeleton_origin(flat: str, hit: Hit) -> int:
    start = list(_UNSPACED.finditer(_skeleton(flat)))[hit.start].start()
    return origin(flat, _skeleton, start)


def _place_among(words: Sequence[str], at: int, text: str) -> int:
    """From a place in words with a space between each two to the place in the text they are from."""
    joined, place = " ".join(words), 0
    number = joined.count(" ", 0, at)
    for word in words[:number]:
        place = text.index(word, place) + len(word)
    return text.index(words[number], place) + at - (joined.rfind(" ", 0, at) + 1)


def origin(text: str, change: Callable[[str], str], at: int) -> int:
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
    words, plain = flat.translate(_MARKLESS).translate(BETWEEN).split(), plain_index()
    found = plain.search(words, places_of(plain.keys, words))
    return Decoder.SEPARATORS if hit.pattern_id in {other.pattern_id for other in found} else Decoder.LEETSPEAK


def has_singles(flat: str) -> bool:
    """Whether single letters stand in a row: a quick look, which may be wrong when it says so."""
    if " a " not in f" {flat.translate(_LETTERS_AT)} ":
        return False
    places = f" {flat.translate(_PLACES)} "
    return any(spaced in places for spaced in _SPACED)


def _joined(run: re.Match[str]) -> str:
    """The words of a run, at the place where it began."""
    return "".join(letter for letter, _ in _letters(run)).ljust(len(run[0]))


def _letters(run: re.Match[str]) -> list[tuple[str, int]]:
    """The letters of a run and their places in the text, with a space where the gap is wider than between letters."""
    found = [(letter[0], run.start() + letter.start()) for letter in _LETTER.finditer(run[0])]
    gaps = [found[number][1] - found[number - 1][1] for number in range(1, len(found))]
    spaced, usual = found[:1], min(gaps)
    for gap, letter in zip(gaps, found[1:], strict=True):
        spaced += [(" ", letter[1]), letter] if gap > usual else [letter]
    return spaced


def _single_origin(flat: str, at: int) -> int:
    """From a place in a text whose runs were joined to the place in the text."""
    for run in _SINGLES.finditer(flat):
        if run.start() <= at < run.end():
            return _letters(run)[at - run.start()][1]
    return at
