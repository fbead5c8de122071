"""What the command prints when it worked: lines for a person, or one JSON object in ASCII for a program."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping

import click
from pydantic import BaseModel

from stack_local.surfaces.cli import layout
from stack_local.surfaces.cli.layout import Shown
from stack_local.surfaces.cli.shell import Shell

MIN_READING_WIDTH = 40
"""Below this a card is wider than its terminal."""


def show(shell: Shell, answer: BaseModel) -> None:
    """Print an answer."""
    show_object(shell, as_object(answer))


def show_object(shell: Shell, answer: Mapping[str, Shown]) -> None:
    """Print an object that has no view of its own."""
    if shell.wants_json:
        click.echo(json.dumps(answer))
    else:
        show_lines(layout.lines(answer, width=width()))


def show_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines that are printable already."""
    for line in lines:
        click.echo(line, err=err)


def as_object(answer: BaseModel) -> dict[str, Shown]:
    """An answer as JSON holds it. A secret is open only where its view says so."""
    return answer.model_dump(mode="json")


def width() -> int | None:
    """The columns to fit into; None where stdout is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def reading_width() -> int:
    """The columns of a card; it is wrapped by us, never by the terminal, so that it cannot imitate our own lines."""
    return max(shutil.get_terminal_size().columns, MIN_READING_WIDTH)
