"""Outside text made safe for a terminal: what could act on it, reorder it or hide in it is shown as <U+XXXX>."""

import unicodedata

MAX_COMBINING = 3
"""Marks that may sit on one character; more would paint over the lines above and below."""

_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls (C0, C1, DEL), formats (bidi, zero width, tags), surrogates, private use, unassigned, separators."""

_FILLERS = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_BLANKS = frozenset([*_FILLERS, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
"""Characters of other categories that draw nothing: fillers and variation selectors."""

_MARKS = frozenset({"Mn", "Me"})


def printable(text: str) -> str:
    """The text on one line; newlines and tabs are shown too, as they could imitate our own lines."""
    shown = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        shown.append(_escape(character) if marks > MAX_COMBINING or _acts(character) else character)
    return "".join(shown)


def printable_lines(text: str) -> list[str]:
    """The text of several lines, each one printable; a tab becomes four blanks."""
    return [printable(line.replace("\t", "    ")) for line in text.split("\n")]


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _ACTING or ord(character) in _BLANKS


def _escape(character: str) -> str:
    return f"<U+{ord(character):04X}>"
