"""JSON as a person hands it over: inline, `@file` or `-` for stdin; repeated members and NaN are refused."""

import json
from typing import Never

import click
from pydantic import JsonValue

from stack_local.surfaces.cli.stdin import STDIN, read_stdin

MAX_INPUT_BYTES = 16 * 1024 * 1024
"""The longest JSON read from a file or stdin."""


class JsonType(click.ParamType[JsonValue]):
    """JSON, `@file` or `-`."""

    name = "JSON"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> JsonValue:
        try:
            return parse(_text(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        except OSError as error:
            self.fail(f"the file cannot be read: {error.strerror}", param, ctx)


JSON = JsonType()


def parse(text: str) -> JsonValue:
    """The value this JSON stands for.

    Raises:
        ValueError: it is not JSON; the message does not quote it.
    """
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at character {error.pos}") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def is_inline(value: str) -> bool:
    """Whether the JSON itself stands on the command line, where every process can read it."""
    return value != STDIN and not value.startswith("@")


def _text(value: str) -> str:
    if is_inline(value):
        return value
    if value == STDIN:
        return _decode(read_stdin(MAX_INPUT_BYTES))
    with open(value[1:], "rb") as file:
        return _decode(file.read(MAX_INPUT_BYTES + 1))


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_INPUT_BYTES:
        raise ValueError(f"longer than {MAX_INPUT_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _refuse(_text: str) -> Never:
    raise ValueError("NaN and Infinity are not JSON")
