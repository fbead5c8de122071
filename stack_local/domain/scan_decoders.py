"""The disguises of single characters that the content scanner peels off a text (product.md 6.3, L2).

Percent and other escapes, invisible characters and look-alikes: one after the other, and what is left is read again
after each. Bytes written as letters are opened in `scan_bytes.py`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from urllib.parse import unquote

MOST_LAYERS = 3
"""Times that all disguises are peeled off one after the other."""


class Decoder(StrEnum):
    """What a phrase was hidden by. Escapes are those of JSON, source code and HTML."""

    BASE64 = "base64"
    ESCAPES = "escapes"
    HEX = "hex"
    HOMOGLYPH = "homoglyph"
    LEETSPEAK = "leetspeak"
    PERCENT = "percent"
    REVERSED = "reversed"
    ROT13 = "rot13"
    SEPARATORS = "separators"
    ZERO_WIDTH = "zero_width"


Locate = Callable[[int], int]
"""From a place in a decoded text to the place in the text it was decoded from."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Another reading of a text."""

    decoder: Decoder
    text: str
    locate: Locate


@dataclass(frozen=True, slots=True)
class _Peel:
    """One disguise: whether a text may have it on, the text without it, and the same character by character."""

    decoder: Decoder
    is_on: Callable[[str], bool]
    off: Callable[[str], str]
    pattern: re.Pattern[str]
    shown: Callable[[re.Match[str]], str]

    def place(self, text: str, at: int) -> int:
        """From a place in what `off` makes of a text to the place in the text."""
        before = begin = 0
        for disguised in self.pattern.finditer(text):
            plain = disguised.start() - begin
            length = len(self.shown(disguised))
            if at < before + plain:
                break
            if at < before + plain + length:
                return disguised.start()
            before += plain + length
            begin = disguised.end()
        return begin + at - before


def peeled(text: str) -> Iterator[Decoded]:
    """The text after each disguise that was on it, the outer first; each with its place in the text as it was."""
    locate: Locate = _same_place
    for _ in range(MOST_LAYERS):
        whole = text
        for peel in _PEELS:
            bare = peel.off(text) if peel.is_on(text) else text
            if bare != text:
                locate = _through(locate, peel, text)
                text = bare
                yield Decoded(peel.decoder, text, locate)
        if text == whole:
            return


def _same_place(at: int) -> int:
    return at


def _through(locate: Locate, peel: _Peel, text: str) -> Locate:
    return lambda at: locate(peel.place(text, at))


# -- invisible characters and look-alikes ------------------------------------------------------------------------------

_INVISIBLE = re.compile(
    "[\0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\U000e0000-\U000e01ef]"
)
"""What has no width of its own, marks that are put on the letter before among them; a nul is UTF-16 read as UTF-8."""

_LOOK_ALIKES = {
    "a": "аɑαӓᴀ",
    "b": "ьƅвʙᏼ",
    "c": "сϲᴄⅽ",
    "d": "ԁɗᴅⅾ",
    "e": "еҽєεᴇ",
    "f": "ғϝꜰ",
    "g": "ɡցɢ",
    "h": "һհнʜ",
    "i": "іıιɩɪⅰ",
    "j": "јϳᴊ",
    "k": "кκᴋ",
    "l": "ӏⅼʟǀ",
    "m": "мᴍⅿ",
    "n": "пոɴη",
    "o": "оοօσᴏ",
    "p": "рρᴘ",
    "q": "ԛգ",
    "r": "гʀᴦ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υսᴜ",
    "v": "νѵᴠⅴ",
    "w": "ԝωᴡш",
    "x": "хχⅹ",
    "y": "уүγʏ",
    "z": "ᴢ",
}
"""Letters of other alphabets that look like ours; small letters, as the text is read in lower case too."""

_COMPATIBLE = (
    (0x1D2C, 0x1D6A),
    (0x2070, 0x209F),
    (0x2100, 0x214F),
    (0x2160, 0x217F),
    (0x2460, 0x24FF),
    (0xFB00, 0xFB06),
    (0xFF01, 0xFF5E),
    (0x1D400, 0x1D7FF),
    (0x1F100, 0x1F189),
)
"""Blocks in which Unicode itself says of what letter each is a form (NFKC): bold, fullwidth, circled, raised."""

_FOREIGN = re.compile(r"[^\x00-\x7f]")

_TAGS = 0xE0000
"""Tag characters stand for ASCII this much further on, and are not shown."""


def has_invisible(text: str) -> bool:
    """Whether something in the text has no width of its own."""
    return _INVISIBLE.search(text) is not None if not text.isascii() else "\0" in text


def _without_invisible(text: str) -> str:
    return _INVISIBLE.sub(_shown, text)


def _shown(invisible: re.Match[str]) -> str:
    code = ord(invisible[0]) - _TAGS
    return chr(code) if 0x20 <= code < 0x7F else ""


def _without_look_alikes(text: str) -> str:
    return replaced(text, _forms())


def _look_alike(character: re.Match[str]) -> str:
    return _forms().get(character[0], character[0])


def replaced(text: str, forms: Mapping[str, str]) -> str:
    """With each of these characters replaced; quicker than `translate` where few different ones are in the text."""
    for character in forms.keys() & set(text):
        text = text.replace(character, forms[character])
    return text


@cache
def _forms() -> dict[str, str]:
    """From each look-alike, and each form of a letter, to the letters it is read as."""
    small = {twin: letter for letter, twins in _LOOK_ALIKES.items() for twin in twins}
    large = {twin.upper(): letter for twin, letter in small.items()}
    compatible = {chr(code): _plain(chr(code)) for first, last in _COMPATIBLE for code in range(first, last + 1)}
    return {twin: read for twin, read in (compatible | large | small).items() if read.isascii() and not twin.isascii()}


def _plain(character: str) -> str:
    return unicodedata.normalize("NFKC", character).strip("()")


# -- escapes -----------------------------------------------------------------------------------------------------------

_PERCENT = re.compile("%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+")
_ESCAPE = re.compile(r"\\u\{?([0-9A-Fa-f]{4})\}?|\\x([0-9A-Fa-f]{2})|&#[xX]([0-9A-Fa-f]{1,5});?|&#([0-9]{1,6});?")


def _has_percent(text: str) -> bool:
    return "%" in text and _PERCENT.search(text) is not None


def _unquoted(escape: re.Match[str]) -> str:
    return unquote(escape[0])


def _has_escapes(text: str) -> bool:
    return "\\u" in text or "\\x" in text or "&#" in text


def _without_escapes(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    return chr(min(int(digits, 16) if digits else int(escape[4]), 0x10FFFF))


_PEELS = (
    _Peel(Decoder.PERCENT, _has_percent, unquote, _PERCENT, _unquoted),
    _Peel(Decoder.ESCAPES, _has_escapes, _without_escapes, _ESCAPE, _character),
    _Peel(Decoder.ZERO_WIDTH, has_invisible, _without_invisible, _INVISIBLE, _shown),
    _Peel(Decoder.HOMOGLYPH, lambda text: not text.isascii(), _without_look_alikes, _FOREIGN, _look_alike),
)
