"""The disguises that attacks are put in, each with the decoder that must see through it."""

import base64
import codecs
from collections.abc import Callable
from urllib.parse import quote

from stack_local.domain.scanning import Decoder

Disguise = Callable[[str], str]

_LEET = str.maketrans("oieastOIEAST", "01345701345" + "7")
_LIGHT_LEET = str.maketrans("oe", "03")
_SIGNS = str.maketrans("asi", "@$!")
_CYRILLIC = str.maketrans("aceopxyijsAEOPI", "асеорхуіјѕАЕОРІ")
_GREEK = str.maketrans("onut", "οηυτ")


def _wrapped(text: str, width: int = 24, end: str = "\r\n") -> str:
    encoded = base64.b64encode(text.encode()).decode()
    return end.join(encoded[at : at + width] for at in range(0, len(encoded), width))


def _by_byte(form: str, between: str = "") -> Disguise:
    return lambda text: between.join(form.format(byte) for byte in text.encode())


def _by_character(form: str) -> Disguise:
    return lambda text: "".join(form.format(ord(character)) for character in text)


def _shifted(first: int, *, of: str) -> Disguise:
    """Letters of a block of Unicode that begins there."""
    return lambda text: "".join(
        chr(first + ord(letter.lower()) - ord(of)) if letter.isascii() and letter.isalpha() else letter
        for letter in text
    )


def _inside_words(mark: str) -> Disguise:
    """A mark after every second letter of a word."""
    return lambda text: " ".join(mark.join(word[at : at + 2] for at in range(0, len(word), 2)) for word in text.split())


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in text.split())


def _words_backwards(text: str) -> str:
    return " ".join(word[::-1] for word in text.split())


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: tuple[tuple[str, Decoder, Disguise], ...] = (
    ("base64", Decoder.BASE64, _base64),
    ("base64 for URLs", Decoder.BASE64, lambda text: base64.urlsafe_b64encode(f"{text} ?>?>~".encode()).decode()),
    ("base64 in lines", Decoder.BASE64, _wrapped),
    ("base64 in lines of JSON", Decoder.BASE64, lambda text: _wrapped(text, end="\\n")),
    ("base64 of UTF-16", Decoder.BASE64, lambda text: base64.b64encode(text.encode("utf-16-le")).decode()),
    ("base64 of base64", Decoder.BASE64, lambda text: _base64(_base64(text))),
    ("base64 of ROT13", Decoder.BASE64, lambda text: _base64(codecs.encode(text, "rot13"))),
    ("hex", Decoder.HEX, lambda text: text.encode().hex()),
    ("hex in upper case", Decoder.HEX, lambda text: text.encode().hex().upper()),
    ("hex with spaces", Decoder.HEX, _by_byte("{:02x}", " ")),
    ("hex with colons", Decoder.HEX, _by_byte("{:02X}", ":")),
    ("hex as an array", Decoder.HEX, _by_byte("0x{:02x}", ", ")),
    ("percent", Decoder.PERCENT, _by_byte("%{:02X}")),
    ("percent twice", Decoder.PERCENT, lambda text: quote(_by_byte("%{:02x}")(text))),
    ("percent of base64", Decoder.BASE64, lambda text: _by_byte("%{:02x}")(_base64(text))),
    ("JSON escapes", Decoder.ESCAPES, _by_character("\\u{:04x}")),
    ("escapes of source code", Decoder.ESCAPES, _by_byte("\\x{:02x}")),
    ("escapes with braces", Decoder.ESCAPES, _by_character("\\u{{{:04X}}}")),
    ("HTML by number", Decoder.ESCAPES, _by_character("&#{};")),
    ("HTML by hex number", Decoder.ESCAPES, _by_character("&#x{:x};")),
    ("leetspeak", Decoder.LEETSPEAK, lambda text: text.translate(_LEET)),
    ("a little leetspeak", Decoder.LEETSPEAK, lambda text: text.translate(_LIGHT_LEET)),
    ("leetspeak with signs", Decoder.LEETSPEAK, lambda text: text.translate(_SIGNS)),
    ("fullwidth letters", Decoder.HOMOGLYPH, _shifted(0xFF41, of="a")),
    ("bold letters", Decoder.HOMOGLYPH, _shifted(0x1D41A, of="a")),
    ("script letters", Decoder.HOMOGLYPH, _shifted(0x1D4EA, of="a")),
    ("circled letters", Decoder.HOMOGLYPH, _shifted(0x24D0, of="a")),
    ("Cyrillic letters", Decoder.HOMOGLYPH, lambda text: text.translate(_CYRILLIC)),
    ("Greek letters", Decoder.HOMOGLYPH, lambda text: text.translate(_GREEK)),
    ("zero-width spaces", Decoder.ZERO_WIDTH, "\u200b".join),
    ("zero-width joiners", Decoder.ZERO_WIDTH, "\u2060".join),
    ("soft hyphens", Decoder.ZERO_WIDTH, "\u00ad".join),
    ("marks on letters", Decoder.ZERO_WIDTH, "\u0336".join),
    ("tag characters", Decoder.ZERO_WIDTH, lambda text: "".join(chr(0xE0000 + ord(letter)) for letter in text)),
    ("UTF-16 read as bytes", Decoder.ZERO_WIDTH, "\0".join),
    ("ROT13", Decoder.ROT13, lambda text: codecs.encode(text, "rot13")),
    ("hyphens inside words", Decoder.SEPARATORS, _inside_words("-")),
    ("points inside words", Decoder.SEPARATORS, _inside_words(".")),
    ("hyphens everywhere", Decoder.SEPARATORS, "-".join),
    ("spaces everywhere", Decoder.SEPARATORS, " ".join),
    ("no spaces", Decoder.SEPARATORS, _camel),
    ("reversed", Decoder.REVERSED, lambda text: text[::-1]),
    ("words reversed", Decoder.REVERSED, _words_backwards),
)
"""Name, the decoder that is said to have found it, and how the text is written then."""
