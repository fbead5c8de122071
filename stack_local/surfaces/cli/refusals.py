"""How the command says no: `error:` and `hint:` on stderr, or with `--json` the envelope as the one object."""

import json
import traceback
from collections.abc import Mapping
from types import TracebackType

import click

from stack_local.domain.errors import Detail, StackError
from stack_local.surfaces.cli import statuses
from stack_local.surfaces.printable import printable, printable_lines


def show_refusal(error: StackError, *, as_json: bool) -> int:
    """Say what was refused; the exit status for it."""
    _show(error.message, code=error.code, details=error.details, as_json=as_json)
    return statuses.status_of(error)


def show_usage(error: click.ClickException, *, as_json: bool) -> int:
    """Say what is wrong with the command line. Click repeats arguments as they came; here they are made printable."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"{context.command_path} --help" if context is not None else None
    _show(error.format_message(), code="USAGE", details={"hint": hint} if hint else {}, as_json=as_json)
    return statuses.USAGE


def show_interrupt(*, as_json: bool) -> int:
    """Say that a person ended it."""
    _show("interrupted", code="INTERRUPTED", details={}, as_json=as_json)
    return statuses.INTERRUPTED


def show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say that we failed: where, and the class. The message stays out, as it may quote a value. For `sys.excepthook`."""
    for line in traceback.format_tb(trace):
        click.echo("\n".join(printable_lines(line.rstrip("\n"))), err=True)
    context = click.get_current_context(silent=True)
    _show(f"a defect of ours ({kind.__name__})", code="BROKEN", details={}, as_json=_json_asked(context))


def warn(text: str) -> None:
    """One line that changes nothing of the outcome."""
    click.echo(f"warning: {printable(text)}", err=True)


def _json_asked(context: click.Context | None) -> bool:
    return context is not None and bool(context.meta.get("stack_local.json"))


def _show(message: str, *, code: str, details: Mapping[str, Detail], as_json: bool) -> None:
    if as_json:
        error = {"message": message, "code": code, **({"details": dict(details)} if details else {})}
        click.echo(json.dumps({"error": error}))
        return
    click.echo(f"error: {printable(message)}", err=True)
    for name, detail in details.items():
        if name != "hint":
            click.echo(f"  {printable(name)}: {printable(_text(detail))}", err=True)
    if "hint" in details:
        click.echo(f"hint: {printable(_text(details['hint']))}", err=True)


def _text(detail: Detail) -> str:
    return detail if isinstance(detail, str) else json.dumps(detail)
