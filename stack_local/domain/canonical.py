"""The bytes that are hashed and signed, and JSON as trees: strict reading, RFC 8785 writing, exact comparison."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Union

from stack_local.domain.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: 1.0 and 1.00 are different to us. For comparing alone."""

    text: str


Json = Union[None, bool, int, float, Number, str, list["Json"], dict[str, "Json"]]  # noqa: UP007 (forward strings)
"""A JSON tree."""

MAX_DEPTH = 64
"""Levels of nesting."""

MAX_NUMBER_CHARACTERS = 64
"""Characters of one number."""


def _kept(text: str) -> Number:
    _refuse_long(text)
    return Number(text)


def _fraction(text: str) -> float:
    _refuse_long(text)
    number = float(text)
    if not isfinite(number):
        raise InvalidRequest("a number in the JSON is too large", field="body", rule="within the range of a double")
    return number


def _refuse_long(text: str) -> None:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise InvalidRequest(
            "a number in the JSON is too long", field="body", rule=f"at most {MAX_NUMBER_CHARACTERS} characters"
        )


def _integer(text: str) -> int:
    _refuse_long(text)
    return int(text)


def _no_constant(text: str) -> float:
    raise InvalidRequest("the JSON holds a number that JSON does not have", field="body", rule=f"{text} is not JSON")


def _no_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidRequest("the JSON names one member twice", field="body", rule="each member of an object once")
    return members


_reader = json.JSONDecoder(
    object_pairs_hook=_no_doubles, parse_float=_fraction, parse_int=_integer, parse_constant=_no_constant
)
_lexeme_reader = json.JSONDecoder(
    object_pairs_hook=_no_doubles, parse_float=_kept, parse_int=_kept, parse_constant=_no_constant
)


def read_json(raw: bytes, *, keep_numbers: bool = False) -> Json:
    """One JSON text in strict UTF-8: no BOM, no member twice, no NaN, at most 64 deep.

    With `keep_numbers` each number stays as written, for comparison only.

    Raises:
        InvalidRequest: it is not that; the message never repeats the text.
    """
    try:
        text = raw.decode("utf-8")
        tree: Json = (_lexeme_reader if keep_numbers else _reader).decode(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise InvalidRequest(
            "the body is not one JSON text in UTF-8", field="body", hint="one JSON value, no byte order mark"
        ) from None
    _refuse_oddities(tree, depth=0)
    return tree


def _refuse_oddities(tree: Json, *, depth: int) -> None:
    if isinstance(tree, str):
        _refuse_surrogates(tree)
        return
    if isinstance(tree, dict | list) and depth == MAX_DEPTH:
        raise InvalidRequest("the JSON is nested too deeply", field="body", rule=f"at most {MAX_DEPTH} levels")
    if isinstance(tree, dict):
        for name, member in tree.items():
            _refuse_surrogates(name)
            _refuse_oddities(member, depth=depth + 1)
    elif isinstance(tree, list):
        for item in tree:
            _refuse_oddities(item, depth=depth + 1)


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidRequest("the JSON holds half a character", field="body", rule="no lone surrogates") from None


def write_json(tree: Json) -> bytes:
    """The bytes we send for a tree: members in the order given, no blanks."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def canonical(tree: Json) -> bytes:
    """The RFC 8785 form of a tree that holds no fractions: what is hashed and signed.

    We hash strings, whole numbers, booleans and null alone, so that no two languages can print a number differently.

    Raises:
        TypeError: it holds a fraction, or an integer beyond 2**53.
    """
    text = _plain_writer.encode(tree) if _is_plain(tree) else _canonical_text(tree)
    return text.encode("utf-8")


# For plain trees the library's own order and form are those of RFC 8785, and it writes them in C.
_plain_writer = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


_LEAVES = frozenset({str, bool, type(None)})


def _is_plain(tree: Json) -> bool:
    """Whether names sort alike in every encoding and nothing has to be refused."""
    waiting = [tree]
    for item in waiting:
        if isinstance(item, dict):
            if not "".join(item).isascii():
                return False
            waiting += [member for member in item.values() if type(member) not in _LEAVES]
        elif isinstance(item, list):
            waiting += [member for member in item if type(member) not in _LEAVES]
        elif isinstance(item, int):
            if abs(item) > 2**53:
                return False
        elif item is not None and not isinstance(item, str):
            return False
    return True


def _canonical_text(tree: Json) -> str:
    if isinstance(tree, dict):
        members = sorted(tree.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{_quoted(name)}:{_canonical_text(value)}" for name, value in members) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(_canonical_text(item) for item in tree) + "]"
    if isinstance(tree, str):
        return _quoted(tree)
    if tree is None or isinstance(tree, bool):
        return json.dumps(tree)
    if isinstance(tree, int) and abs(tree) <= 2**53:
        return str(tree)
    raise TypeError("only strings, whole numbers up to 2**53, booleans and null have our canonical form")


def _quoted(text: str) -> str:
    # json.dumps escapes exactly what RFC 8785 section 3.2.2.2 names, and in its form.
    return json.dumps(text, ensure_ascii=False)


def digest(tree: Json) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(tree)).hexdigest()


def first_difference(approved: Json, attempted: Json, path: str = "body") -> str | None:
    """Where two trees first differ, as a dotted path; None where they are equal.

    Order of members is free; a number differs when it is written differently, a string when one character does.
    """
    if isinstance(approved, dict) and isinstance(attempted, dict):
        return _first(
            first_difference(approved[name], attempted[name], f"{path}.{name}")
            if name in approved and name in attempted
            else f"{path}.{name}"
            for name in sorted(approved.keys() | attempted.keys())
        )
    if isinstance(approved, list) and isinstance(attempted, list):
        if len(approved) != len(attempted):
            return path
        pairs = enumerate(zip(approved, attempted, strict=True))
        return _first(first_difference(left, right, f"{path}[{index}]") for index, (left, right) in pairs)
    return None if _same_leaf(approved, attempted) else path


def _first(differences: Iterable[str | None]) -> str | None:
    return next((difference for difference in differences if difference is not None), None)


def _same_leaf(approved: Json, attempted: Json) -> bool:
    return type(approved) is type(attempted) and approved == attempted
