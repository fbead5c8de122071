"""The two forms of configuration files, JSON and TOML: read strictly, and written so that what is not ours stays."""

import json
import re
import tomllib
from itertools import dropwhile
from typing import Literal

from pydantic import JsonValue

from stack_local.surfaces.cli.config_entries import Tree, WrongShapeError
from stack_local.surfaces.cli.json_text import parse as parse_json

Form = Literal["json", "toml"]

MARK = "# made by `stack-local connect`; its --undo takes the tables of this server out again"
"""Stands above our tables in TOML."""


def parse(text: str, form: Form) -> Tree:
    """What the file says; an empty one says nothing.

    Raises:
        ValueError: it is not in this form; the message quotes nothing of it.
    """
    if form == "toml":
        return _parse_toml(text)
    value = parse_json(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise WrongShapeError("not a JSON object")
    return value


def render(text: str, tree: Tree, form: Form, tables: tuple[str, ...] = ()) -> str:
    """The text anew, so that it says the tree. In TOML only the lines of our `tables` change.

    Raises:
        ValueError: it cannot be said without touching what is not ours.
    """
    rendered = _render_toml(text, tree, tables) if form == "toml" else _render_json(text, tree)
    if "\r\n" in text:
        rendered = rendered.replace("\r\n", "\n").replace("\n", "\r\n")
    if parse(rendered, form) != tree:
        raise ValueError("more than our lines would change")
    return rendered


def _render_json(text: str, tree: Tree) -> str:
    found = re.search(r'\n([ \t]+)"', text)
    rendered = json.dumps(tree, indent=found[1] if found else 2, ensure_ascii=text.isascii())
    return rendered + ("\n" if text.endswith("\n") or not text else "")


def _parse_toml(text: str) -> Tree:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise ValueError("not TOML") from None
    except RecursionError:
        raise ValueError("nested too deep") from None


def _render_toml(text: str, tree: Tree, tables: tuple[str, ...]) -> str:
    kept = _without_tables(text, tables).rstrip()
    block = _tables_of(tree, tables)
    return "\n\n".join(part for part in (kept, block) if part) + "\n"


def _without_tables(text: str, tables: tuple[str, ...]) -> str:
    """The text without the tables of this name and below. What others say between them stays, comments included."""
    kept: list[str] = []
    aside: list[str] = []
    is_within = False
    for line in text.splitlines(keepends=True):
        if line.strip() == MARK:
            continue
        header = _header(line)
        if header is not None:
            is_within = header[: len(tables)] == tables
        if is_within and line.strip() and not line.lstrip().startswith("#"):
            aside.clear()  # a comment inside our table goes with it
        elif is_within:
            aside.append(line)
        else:
            kept += [*_after(kept, aside), line]
            aside.clear()
    return "".join([*kept, *_after(kept, aside)])


def _after(kept: list[str], aside: list[str]) -> list[str]:
    """What follows the lines that are kept: one blank line after another is enough."""
    has_gap = not kept or not kept[-1].strip()
    return list(dropwhile(str.isspace, aside)) if has_gap else aside


def _header(line: str) -> tuple[str, ...] | None:
    """The keys of a table's header; None for another line."""
    if not line.lstrip().startswith("["):
        return None
    try:
        value: JsonValue = _parse_toml(line)
    except ValueError:
        return None
    keys = []
    while value:
        if isinstance(value, list):
            value = value[0]
        elif isinstance(value, dict):
            ((key, value),) = value.items()
            keys.append(key)
    return tuple(keys)


def _tables_of(tree: Tree, tables: tuple[str, ...]) -> str:
    value: JsonValue = tree
    for key in tables:
        if not isinstance(value, dict) or key not in value:
            return ""
        value = value[key]
    if not isinstance(value, dict):
        raise WrongShapeError(f"{'.'.join(tables)} is not a table in it")
    return "\n".join([MARK, *_lines(tables, value)]).rstrip()


def _lines(tables: tuple[str, ...], value: Tree) -> list[str]:
    inner = {key: below for key, below in value.items() if isinstance(below, dict)}
    plain = [f"{_text(key)} = {_text(below, is_key=False)}" for key, below in value.items() if key not in inner]
    header = f"[{'.'.join(_text(key) for key in tables)}]"
    lines = [header, *plain, ""] if plain or not inner else []
    for key, below in inner.items():
        lines += _lines((*tables, key), below)
    return lines


def _text(value: JsonValue, *, is_key: bool = True) -> str:
    """A key or a value; for text, numbers, booleans and lists of them TOML writes as JSON does."""
    if is_key and isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]+", value):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        raise ValueError("our table holds a value that is not of ours") from None
