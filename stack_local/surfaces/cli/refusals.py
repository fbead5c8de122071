"""How the command says no: `error:` and `hint:` on stderr, or with `--json` the envelope as the one object."""

import json
import traceback
from types import TracebackType

import click

from stack_local.domain.errors import Broken, Detail, StackError
from stack_local.surfaces.cli import statuses
from stack_local.surfaces.errors import envelope
from stack_local.surfaces.printable import printable, printable_lines


def show_refusal(error: StackError, *, as_json: bool) -> int:
    """Say what was refused; the exit status for it."""
    _show(error, as_json=as_json)
    return statuses.status_of(error)


def show_usage(error: click.ClickException, *, as_json: bool) -> int:
    """Say what is wrong with the command line. Click repeats arguments as they came; here they are made printable."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
        click.echo(error.format_message(), err=True)
        return statuses.USAGE
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = None if context is None else f"{context.command_path} --help"
    _show(StackError(_first_line(error), code="USAGE", hint=hint), as_json=as_json)
    return statuses.USAGE


def show_interrupt(*, as_json: bool) -> int:
    """Say that a person ended it."""
    _show(StackError("interrupted", code="INTERRUPTED"), as_json=as_json)
    return statuses.INTERRUPTED


def show_defect(kind: type[BaseException], trace: TracebackType | None, *, as_json: bool) -> None:
    """Say that we failed: where, and the class. The message stays out, as it may quote a value."""
    for entry in traceback.format_tb(trace):
        click.echo("\n".join(printable_lines(entry.rstrip("\n"))), err=True)
    _show(Broken(f"a defect of ours ({kind.__name__})"), as_json=as_json)


def warn(text: str) -> None:
    """One line that changes nothing of the outcome."""
    click.echo(f"warning: {printable(text)}", err=True)


def _show(error: StackError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(envelope(error)))
        return
    click.echo(f"error: {printable(error.message)}", err=True)
    for name, detail in error.details.items():
        if name != "hint":
            click.echo(f"  {printable(name)}: {printable(_text(detail))}", err=True)
    if "hint" in error.details:
        click.echo(f"hint: {printable(_text(error.details['hint']))}", err=True)


def _first_line(error: click.ClickException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return "a command is missing"
    return error.format_message()


def _text(detail: Detail) -> str:
    return detail if isinstance(detail, str) else json.dumps(detail)
