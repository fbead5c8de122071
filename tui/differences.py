"""What changed between two calls of the same kind: query, headers and body, the body as a tree where it is JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from textual.content import Content

from stack_local.wire.intents import ExactCall
from tui.calls import is_json
from tui.format import byte_size, visible

COMPARED_CHARACTERS = 1_000_000
"""A longer body is not compared as a tree: the screen must stay quick."""

_BLOCK = 4096
VALUE_CHARACTERS = 60
"""How much of a changed value is shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place in which two calls differ; None is an absent value."""

    place: str
    before: str | None
    after: str | None

    def in_words(self) -> Content:
        """`amount: 10 → 10000`, `note: new "x"`, `draft: gone, was true`."""
        place = Content.assemble(visible(self.place, VALUE_CHARACTERS).stylize("bold"), ": ")
        match self.before, self.after:
            case None, str(after):
                return Content.assemble(place, "new, ", visible(after, VALUE_CHARACTERS))
            case str(before), None:
                return Content.assemble(place, "gone, was ", visible(before, VALUE_CHARACTERS))
            case before, after:
                was, now = visible(before or "", VALUE_CHARACTERS), visible(after or "", VALUE_CHARACTERS)
                return Content.assemble(place, was, " → ", now)


class _Number(str):
    """A number of JSON as it was written: 1.0 and 1.00 differ."""

    __slots__ = ()


_reader = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_Number)

_Tree = None | bool | _Number | str | list["_Tree"] | dict[str, "_Tree"]


def changes(before: ExactCall, after: ExactCall) -> Iterator[Change]:
    """Every place in which the later call differs from the earlier one."""
    yield from _named_changes("connection", {"": before.label}, {"": after.label})
    yield from _named_changes("method", {"": before.method}, {"": after.method})
    yield from _named_changes("host", {"": before.host}, {"": after.host})
    yield from _named_changes("path", {"": before.path}, {"": after.path})
    yield from _named_changes("query", _query(before), _query(after))
    yield from _named_changes("header", before.headers, after.headers)
    yield from _named_changes("content type", _optional(before.content_type), _optional(after.content_type))
    yield from _body_changes(before, after)


def _named_changes(kind: str, before: dict[str, str], after: dict[str, str]) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            yield Change(f"{kind} {name}".strip(), before.get(name), after.get(name))


def _optional(value: str | None) -> dict[str, str]:
    return {} if value is None else {"": value}


def _query(call: ExactCall) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, value in parse_qsl(call.query or "", keep_blank_values=True):
        named[name] = f"{named[name]}, {value}" if name in named else value
    if not named and call.query:
        return {"": call.query}
    return named


def _body_changes(before: ExactCall, after: ExactCall) -> Iterator[Change]:
    if before.body == after.body:
        return
    if before.body is None or after.body is None:
        yield Change("body", _size(before), _size(after))
        return
    trees = _trees(before, after)
    if trees is None:
        yield _text_change(before.body, after.body)
        return
    yield from _tree_changes(*trees, "")


def _size(call: ExactCall) -> str | None:
    return None if call.body is None else byte_size(call.body_bytes)


def _trees(before: ExactCall, after: ExactCall) -> tuple[_Tree, _Tree] | None:
    if before.body is None or after.body is None or not (is_json(before) and is_json(after)):
        return None
    if max(len(before.body), len(after.body)) > COMPARED_CHARACTERS:
        return None
    try:
        return _reader.decode(before.body), _reader.decode(after.body)
    except (ValueError, RecursionError):
        return None


def _tree_changes(before: _Tree, after: _Tree, place: str) -> Iterator[Change]:
    match before, after:
        case dict(), dict():
            yield from _member_changes(before, after, place)
        case list(), list():
            yield from _member_changes(
                {f"[{index}]": item for index, item in enumerate(before)},
                {f"[{index}]": item for index, item in enumerate(after)},
                place,
            )
        case _ if type(before) is not type(after) or before != after:
            yield Change(place or "body", _leaf(before), _leaf(after))
        case _:
            return


def _member_changes(before: dict[str, _Tree], after: dict[str, _Tree], place: str) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        within = f"{place}{name}" if name.startswith("[") or not place else f"{place}.{name}"
        if name not in after:
            yield Change(within, _leaf(before[name]), None)
        elif name not in before:
            yield Change(within, None, _leaf(after[name]))
        else:
            yield from _tree_changes(before[name], after[name], within)


def _leaf(value: _Tree) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            return f"an object of {len(value)}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _text_change(before: str, after: str) -> Change:
    start = _first_difference(before, after)
    return Change(f"body from character {start}", before[start:] or None, after[start:] or None)


def _first_difference(before: str, after: str) -> int:
    """Where two texts part; block by block, so that ten megabytes do not hold up the screen."""
    shorter = min(len(before), len(after))
    at = next((at for at in range(0, shorter, _BLOCK) if before[at : at + _BLOCK] != after[at : at + _BLOCK]), shorter)
    end = min(at + _BLOCK, shorter)
    return next((place for place in range(at, end) if before[place] != after[place]), end)
