"""JSON as the vault trusts it: one canonical form to write and a strict reader. There are no floats here."""

import json
from collections.abc import Mapping, Sequence
from typing import Never, Union

Json = Union[str, int, bool, None, Sequence["Json"], Mapping[str, "Json"]]  # noqa: UP007 (a string cannot be joined by `|`)
"""What a file or a token may hold."""

MAX_DIGITS = 20
"""Digits of an integer; longer ones are refused before they are turned into a number."""


class Malformed(ValueError):
    """The bytes are not JSON of the strict kind. Each caller turns it into the error of its own file or token."""


def canonical(value: Json) -> bytes:
    """The one encoding of this value: sorted members, no blanks, UTF-8.

    Raises:
        Malformed: a string in it is not Unicode text.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Malformed("not unicode text") from None


def read_object(raw: bytes) -> dict[str, Json]:
    """The object these bytes hold; the caller has bounded their length.

    Raises:
        Malformed: not UTF-8, not an object, a repeated member, a float, a long integer or a lone surrogate.
    """
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique,
            parse_float=_refuse,
            parse_int=_integer,
            parse_constant=_refuse,
        )
        canonical(value)  # a lone surrogate parses, and would fail later in a less careful place
    except (ValueError, RecursionError):
        raise Malformed("not strict JSON") from None  # the cause quotes the document
    if not isinstance(value, dict):
        raise Malformed("not an object")
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a repeated member")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Malformed("a long integer")
    return int(digits)


def _refuse(_text: str) -> Never:
    raise Malformed("a number that is not an integer")
