"""Answers as lines for a person: labels with values, tables for lists, a left bar before text that others wrote."""

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Union

from stack_local.surfaces.printable import printable, printable_lines

Shown = Union[str, int, float, bool, None, Sequence["Shown"], Mapping[str, "Shown"]]  # noqa: UP007 (a string cannot be joined by `|`)
"""What an answer is made of, once it is JSON."""

MAX_CELL = 40
"""Columns of a table's cell; longer text is cut and marked. Ids are shorter."""

MAX_INDENT = 16
"""Blanks before a nested value; what lies deeper is shown as JSON, since an outsider may nest without end."""

MIN_PIECE = 8
"""Columns of a wrapped piece, however narrow the terminal."""

BAR = "│ "


def lines(answer: Mapping[str, Shown], *, width: int | None) -> Iterator[str]:
    """The lines of an answer; `width` is the terminal's, None where there is no terminal to fit."""
    if len(answer) == 1 and isinstance(only := next(iter(answer.values())), list):
        yield from _rows(only, indent="", width=width)
        return
    yield from _block(answer, indent="", width=width)


def columns(text: str) -> int:
    """How many columns a terminal gives to printable text."""
    return sum(_columns(character) for character in text)


def chop(text: str, width: int) -> list[str]:
    """Printable text in pieces of at most `width` columns, so that the terminal never wraps it to our column 0."""
    pieces, piece, used = [], "", 0
    for character in text:
        if piece and used + _columns(character) > width:
            pieces.append(piece)
            piece, used = "", 0
        piece += character
        used += _columns(character)
    return [*pieces, piece]


def barred(text: str, *, indent: str, width: int | None) -> Iterator[str]:
    """Text that others wrote, on lines that cannot be taken for ours."""
    for line in printable_lines(text):
        for piece in chop(line, max(width - len(indent) - len(BAR), MIN_PIECE)) if width else [line]:
            yield f"{indent}{BAR}{piece}"


def labeled(pairs: Sequence[tuple[str, str]], *, indent: str, width: int | None) -> Iterator[str]:
    """One `label  value` a line, aligned; a long value goes on below itself."""
    room = max((columns(label) for label, _ in pairs), default=0) + 2
    for label, value in pairs:
        head = f"{indent}{label}{' ' * (room - columns(label))}"
        pieces = chop(value, max(width - len(indent) - room, MIN_PIECE)) if width else [value]
        yield (head + pieces[0]).rstrip()
        yield from (f"{indent}{' ' * room}{piece}" for piece in pieces[1:])


def _block(answer: Mapping[str, Shown], *, indent: str, width: int | None) -> Iterator[str]:
    present = [(_label(name), value) for name, value in answer.items() if value is not None]
    short = [(label, _short(value)) for label, value in present if _is_short(value)]
    yield from labeled(short, indent=indent, width=width)
    for label, value in present:
        if not _is_short(value):
            yield f"{indent}{label}:"
            yield from _long(value, indent=indent + "  ", width=width)


def _long(value: Shown, *, indent: str, width: int | None) -> Iterator[str]:
    if isinstance(value, str):
        return barred(value, indent=indent, width=width)
    if len(indent) > MAX_INDENT:
        return barred(json.dumps(value), indent=indent, width=width)
    if isinstance(value, list):
        return _rows(value, indent=indent, width=width)
    if isinstance(value, dict):
        return _block(value, indent=indent, width=width)
    return iter([f"{indent}{_short(value)}"])


def _rows(items: Sequence[Shown], *, indent: str, width: int | None) -> Iterator[str]:
    rows = [item for item in items if isinstance(item, dict)]
    if not items:
        yield f"{indent}none"
    elif len(rows) == len(items):
        yield from _table(rows, indent=indent, width=width)
    else:
        for item in items:
            yield from [f"{indent}{_short(item)}"] if _is_short(item) else _long(item, indent=indent, width=width)


def _table(items: Sequence[Mapping[str, Shown]], *, indent: str, width: int | None) -> Iterator[str]:
    names = [name for name in dict.fromkeys(name for item in items for name in item) if _is_column(items, name)]
    cells = {name: [_label(name), *(_cell(item.get(name)) for item in items)] for name in names}
    widths = {name: max(columns(cell) for cell in cells[name]) for name in names}
    fitting = _fitting(names, widths, None if width is None else width - len(indent))
    for row in range(len(items) + 1):
        padded = [cells[name][row] + " " * (widths[name] - columns(cells[name][row])) for name in fitting]
        yield (indent + "  ".join(padded)).rstrip()
    if len(fitting) < len({name for item in items for name in item}):
        yield f"{indent}(more fields with --json)"


def _is_column(items: Sequence[Mapping[str, Shown]], name: str) -> bool:
    values = [item.get(name) for item in items]
    return any(value is not None for value in values) and all(value is None or _is_flat(value) for value in values)


def _fitting(names: list[str], widths: Mapping[str, int], width: int | None) -> list[str]:
    if width is None:
        return names
    fitting: list[str] = []
    used = 0
    for name in names:
        used += widths[name] + 2
        if fitting and used - 2 > width:
            break
        fitting.append(name)
    return fitting


def _cell(value: Shown) -> str:
    return "–" if value is None else _cut(_short(value))


def _is_flat(value: Shown) -> bool:
    return not isinstance(value, dict | list) or (
        isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
    )


def _is_short(value: Shown) -> bool:
    return _is_flat(value) and not (isinstance(value, str) and "\n" in value)


def _short(value: Shown) -> str:
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def _label(name: str) -> str:
    return _cut(printable(name.replace("_", " ")))


def _cut(text: str) -> str:
    return text if columns(text) <= MAX_CELL else chop(text, MAX_CELL - 1)[0] + "…"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
