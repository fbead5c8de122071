"""A text read as it stands (L1), and as it reads once a disguise of its characters is taken off (L2).

One pass splits the text into words; a phrase is looked for only where one of its key words stands, in plain, in ROT13
or backwards. Leetspeak and separators need a second pass.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

from stack_local.domain.scan_decoders import Decoder, has_invisible, replaced
from stack_local.domain.scan_languages import CHINESE, MARKS
from stack_local.domain.scan_search import (
    Found,
    Hit,
    Step,
    places_of,
    plain_index,
    search_writing,
    worst,
    worst_by_steps,
)
from stack_local.domain.scan_skeletons import BETWEEN, has_singles, in_single_letters, origin, undisguised


def readings(text: str) -> Iterator[Step]:
    """Every way to read a text, one after the other: first as it stands."""
    lowered = _lowered(text)
    flat = _flat(lowered)
    words = _words(flat)
    places = places_of(_known(), words)
    for hit in worst_by_steps(plain_index(), words, places):
        yield None if hit is None else Found(hit, None, _span(flat, hit)[0])
    yield _in_writing(lowered)
    yield from _turned(lowered, flat, {words[place] for place in places})
    yield from undisguised(flat)
    if has_singles(flat) and not has_invisible(text):
        yield from in_single_letters(flat)
    if _has_chinese(lowered):
        yield _rejoined(lowered)


# -- as it stands ------------------------------------------------------------------------------------------------------

_WORD = re.compile("[a-z0-9]+")
_CHINESE_CHARACTER = re.compile("[\u4e00-\u9fff]")
_AMONG_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff])[\s_.*~|+·•/\\-]{1,3}(?=[\u4e00-\u9fff])")


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
    return flat.translate(BETWEEN).split()


def _span(flat: str, hit: Hit) -> tuple[int, int]:
    """From a hit in words to its characters."""
    words = list(_WORD.finditer(flat))
    return words[hit.start].start(), words[hit.end - 1].end()


def _in_writing(lowered: str) -> Step:
    hit = worst(search_writing(lowered, (*CHINESE, *MARKS) if _has_chinese(lowered) else MARKS))
    return None if hit is None else Found(hit, None, hit.start)


def _has_chinese(lowered: str) -> bool:
    return not lowered.isascii() and _CHINESE_CHARACTER.search(lowered) is not None


# -- turned letters ----------------------------------------------------------------------------------------------------

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(_LETTERS, _LETTERS[13:] + _LETTERS[:13])
_BARE_WORD = re.compile("[a-z]+")


@cache
def _in_rot13() -> frozenset[str]:
    return frozenset(key.translate(_ROT13) for key in plain_index().keys)


@cache
def _from_the_end() -> frozenset[str]:
    return frozenset(key[::-1] for key in plain_index().keys)


@cache
def _known() -> frozenset[str]:
    """Every key as it may be seen in a text."""
    return plain_index().keys | _in_rot13() | _from_the_end()


def _turned(lowered: str, flat: str, seen: set[str]) -> Iterator[Step]:
    """In ROT13, from the end of the whole, and each word from its own end."""
    if not seen.isdisjoint(_in_rot13()):
        yield from _searched(flat.translate(_ROT13), Decoder.ROT13, lambda start, end: start)
    if not seen.isdisjoint(_from_the_end()):
        yield from _searched(flat[::-1], Decoder.REVERSED, lambda start, end: len(flat) - end)
        by_word = _BARE_WORD.sub(lambda word: word[0][::-1], flat)
        yield from _searched(by_word, Decoder.REVERSED, lambda start, end: start)
    if _has_chinese(lowered):
        hit = worst(search_writing(lowered[::-1], CHINESE))
        yield None if hit is None else Found(hit, Decoder.REVERSED, len(flat) - hit.end)


def _searched(text: str, decoder: Decoder, place: Callable[[int, int], int]) -> Iterator[Step]:
    words, plain = _words(text), plain_index()
    for hit in worst_by_steps(plain, words, places_of(plain.keys, words)):
        yield None if hit is None else Found(hit, decoder, place(*_span(text, hit)))


def _rejoined(lowered: str) -> Step:
    """Chinese without what was put between its characters."""
    joined = _AMONG_CHINESE.sub("", lowered)
    hit = worst(search_writing(joined, CHINESE)) if joined != lowered else None
    if hit is None:
        return None
    return Found(hit, Decoder.SEPARATORS, origin(lowered, lambda part: _AMONG_CHINESE.sub("", part), hit.start))
