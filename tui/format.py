"""Outside text made visible: the one sanitizer of everything a screen draws, and the words for times and sizes.

What an agent, a service or a file wrote reaches the terminal as plain characters only. There is no markup here.
"""

import re
import unicodedata
from datetime import datetime
from functools import lru_cache

from rich.cells import get_character_cell_size
from textual.content import Content

LINE_CHARACTERS = 200
"""How much of an outside text stands in one line."""

BLOCK_CHARACTERS = 20_000
"""How much of an outside text stands in a scrolling block."""

MARKS_IN_A_ROW = 2
"""Combining marks that one letter may carry; a flood of them climbs over the lines above."""

NEWLINE_SIGN = "⏎"
_CODE_STYLE = "reverse"
_CUT_STYLE = "bold"
_ROOM_TO_COUNT = 24
_PREFIX = 5
_CUT_MARK = re.compile(r"… \(\+\d+\)$")

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Me"})
_BLANK_OR_WANDERING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0" + NEWLINE_SIGN)
"""Letters and marks that draw nothing, and the sign that only we draw."""


@lru_cache(maxsize=4096)
def is_hidden(character: str) -> bool:
    """Whether a character would act on the terminal, draw nothing, draw a frame, or take another width than it says."""
    category = unicodedata.category(character)
    if category in _HIDDEN_CATEGORIES or (category == "Zs" and character != " "):
        return True
    if character in _BLANK_OR_WANDERING or "\u2500" <= character <= "\u259f":
        return True
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True
    if "\U0001f1e6" <= character <= "\U0001f1ff" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    return category != "Mn" and get_character_cell_size(character) == 0


def is_plain(text: str) -> bool:
    """Whether a text can be drawn as it is, line breaks aside."""
    return all(character == "\n" or not is_hidden(character) for character in text)


def visible(text: str, limit: int = LINE_CHARACTERS) -> Content:
    """An outside text as one line: what hides is shown as `<U+202E>`, a line break as ⏎, a cut as `… (+N)`."""
    return _drawn(text, limit, newline=NEWLINE_SIGN)


def visible_block(text: str, limit: int = BLOCK_CHARACTERS) -> Content:
    """An outside text as lines, for a box of its own: line breaks stay, the rest is as in `visible`."""
    return _drawn(text, limit, newline="\n")


def _drawn(text: str, limit: int, *, newline: str) -> Content:
    pieces: list[str | tuple[str, str]] = []
    length = marks = 0
    for position, character in enumerate(text):
        if length >= limit:
            return Content.assemble(*pieces, (f"… (+{len(text) - position})", _CUT_STYLE))
        if " " <= character <= "~" and character != "<":
            pieces.append(character)
            length, marks = length + 1, 0
            continue
        marks = marks + 1 if unicodedata.category(character) == "Mn" else 0
        piece = _piece(text, position, marks, newline)
        pieces.append(piece)
        length += len(piece if isinstance(piece, str) else piece[0])
    return Content.assemble(*pieces)


def _piece(text: str, position: int, marks: int, newline: str) -> str | tuple[str, str]:
    character = text[position]
    if character == "\n":
        return newline
    floods = marks > MARKS_IN_A_ROW or (marks > 0 and position == 0)
    imitates = character == "<" and text.startswith("<U+", position)
    if floods or imitates or is_hidden(character):
        return (f"<U+{ord(character):04X}>", _CODE_STYLE)
    return character


def ends_cut(content: Content) -> bool:
    """Whether something was left out at the end. A text that imitates the mark is taken for cut: the careful side."""
    return _CUT_MARK.search(content.plain) is not None


def fitted(text: str, width: int) -> Content:
    """An outside text within so many cells; a cut says how much is missing."""
    whole = visible(text, width)
    if len(text) <= width and whole.cell_length <= width:
        return whole
    if width < _ROOM_TO_COUNT:
        return visible(text, width + 1).truncate(width, ellipsis=True)
    shown = len(text)
    for limit in range(min(width, shown) - 4, 0, -1):
        cut = visible(text, limit)
        if cut.cell_length <= width:
            return cut
    return visible(text, width).truncate(width, ellipsis=True)


def column(content: Content, width: int) -> Content:
    """The content cut or padded to exactly this many cells."""
    return content.truncate(width, ellipsis=True, pad=True)


def short_id(identifier: str) -> str:
    """An id as a person tells it from others: its prefix and its last four characters."""
    prefix, _, rest = identifier.partition("_")
    short = f"{prefix[:_PREFIX]}_…{rest[-4:]}" if len(rest) > 8 else identifier
    return visible(short, 24).plain


def duration(seconds: float) -> str:
    """A length of time in its two largest units at most: `9 s`, `14 min`, `3 h 5 min`, `2 d`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        minutes = whole % 3600 // 60
        return f"{whole // 3600} h" + (f" {minutes} min" if minutes else "")
    return f"{whole // 86_400} d"


def time_left(until: datetime, now: datetime) -> str:
    """`14 min left`, or that it is over."""
    seconds = (until - now).total_seconds()
    return f"{duration(seconds)} left" if seconds > 0 else "expired"


def time_ago(moment: datetime, now: datetime) -> str:
    """`12 s ago`."""
    return f"{duration((now - moment).total_seconds())} ago"


def clock_time(moment: datetime) -> str:
    """The time of day as this machine's owner reads it, with its zone: `14:05 CET`."""
    return f"{moment.astimezone():%H:%M %Z}"


def byte_size(count: int) -> str:
    """`124 bytes`, `198.4 kB`."""
    if count < 10_000:
        return f"{count} byte" + ("" if count == 1 else "s")
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def plural(count: int, noun: str) -> str:
    """`1 passport`, `3 passports`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
