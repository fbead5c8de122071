"""`connect`: prints how a client reaches the appliance, or writes it into the client's own files, or takes it out."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from stack_local import settings
from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces.cli import config_entries, config_text
from stack_local.surfaces.cli.clients import CLIENTS, READ_TOOL, Place, Setup
from stack_local.surfaces.cli.config_files import ConfigFile, Edit, carry_out, plan_undo, plan_write
from stack_local.surfaces.cli.layout import Shown
from stack_local.surfaces.cli.printing import show_lines, show_object
from stack_local.surfaces.cli.session import ask_openly
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.surfaces.printable import printable, printable_lines
from stack_local.wire.vault import GetStatus

BASE_URL = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}")
"""One name for the appliance: for a client's login another name is another server."""

ANY_URL = "http://127.0.0.1:7822/mcp"
"""For what is taken out: that is ours whichever port it names."""

DECIDES = "the browser shows a page: have it ask you in the terminal; nobody is let in until you say yes there"


def connect_command() -> click.Command:
    """The command `connect`."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.Command(
        "connect",
        params=[
            click.Argument(["client"], type=click.Choice(list(CLIENTS))),
            click.Option(
                ["--write"], is_flag=True, help="Edit the client's files; a backup of each is kept beside it."
            ),
            click.Option(["--undo"], is_flag=True, help="Take out again what --write put in."),
            click.Option(["--core"], is_flag=True, help="The short list of tools, at /mcp/core."),
            click.Option(["--project"], metavar="DIR", type=folder, help="For this folder, not for the whole user."),
            click.Option(["--url"], metavar="URL", help="The appliance, when it is not the one of this home."),
            click.Option(["--replace"], is_flag=True, help="Even where something else stands in the place of ours."),
            click.Option(["--no-allow-rule"], is_flag=True, help=f"Leave out the client's rule for {READ_TOOL}."),
            json_option(),
        ],
        callback=_connect,
        help="Show how a client reaches the appliance, or set it up with --write.",
    )


@click.pass_obj
def _connect(
    shell: Shell,
    client: str,
    write: bool,
    undo: bool,
    core: bool,
    project: Path | None,
    url: str | None,
    replace: bool,
    no_allow_rule: bool,
) -> None:
    if write and undo:
        raise click.UsageError("--write puts in what --undo takes out: give one of them")
    place = Place(
        url=ANY_URL if undo else _base_url(shell, url) + ("/mcp/core" if core else "/mcp"),
        home=Path.home(),
        environment=os.environ,
        platform=sys.platform,
        project=None if project is None else project.absolute(),
        allows_reads=not no_allow_rule,
    )
    setup = CLIENTS[client](place)
    if not (write or undo):
        _show(shell, client, _instructions(setup))
        return
    edits = _plan(shell, setup, undo=undo, replace=replace)
    for edit in edits:
        carry_out(edit)
    outcomes = [_outcome(edit) for edit in edits]
    _show(shell, client, [*outcomes, *([] if undo else ["", *_next_steps(setup)])], edits)


def _plan(shell: Shell, setup: Setup, *, undo: bool, replace: bool) -> list[Edit]:
    """All files are planned before the first is written."""
    if not setup.files:
        raise InvalidRequest(f"{setup.title} has no file to edit", field="client", hint="leave --write and --undo out")
    plan = plan_undo if undo else plan_write
    try:
        return [plan(file, replace=replace) for file in setup.files]
    except InvalidRequest:
        if not (undo or shell.wants_json):
            show_lines(map(printable, _instructions(setup)), err=True)
        raise


def _base_url(shell: Shell, given: str | None) -> str:
    if given is not None:
        return checked_base_url(given)
    if shell.launch.running_socket(shell.home) is not None:
        return ask_openly(shell, lambda client: client.call(GetStatus())).base_url
    chosen = settings.load(shell.home)
    if chosen.port == 0:
        hint = "start it, or give --url"
        raise InvalidRequest("the port is chosen when the appliance starts, and none runs", field="url", hint=hint)
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    return f"http://{host}:{chosen.port}"


def checked_base_url(given: str) -> str:
    """An address as `--url` may name it.

    Raises:
        InvalidRequest: it is another machine's, another name for this one, or says more than an address.
    """
    url = given.rstrip("/")
    if not BASE_URL.fullmatch(url):
        raise InvalidRequest(
            "this is not the address of an appliance",
            field="url",
            rule="http://127.0.0.1:PORT, with nothing after it",
            hint="localhost is another name, and for a client's login another server",
        )
    return url


def _instructions(setup: Setup) -> Iterator[str]:
    for file in setup.files:
        yield f"In {file.path}, beside what is there:"
        yield ""
        yield from _content(file).rstrip().split("\n")
        yield ""
    if setup.program is not None:
        yield from setup.program.split("\n")
    if setup.command is not None:
        yield "Or, without the rule for reads, by the client's own command:"
        yield ""
        yield f"  {setup.command}"
        yield ""
    yield from _next_steps(setup)


def _next_steps(setup: Setup) -> Iterator[str]:
    if setup.login is not None:
        yield f"Log in: {setup.login}."
        yield f"Then {DECIDES}."
        yield ""
    yield f"With a key or a passport in place of a login: {setup.with_key}{':' if setup.keyed else '.'}"
    if setup.keyed:
        yield ""
        yield from (f"  {line}" for line in setup.keyed.split("\n"))
    if setup.notes:
        yield ""
    yield from setup.notes


def _content(file: ConfigFile) -> str:
    tree = config_entries.put({}, file.entries)
    return config_text.render("", tree, file.form, file.entries[0].keys)


def _outcome(edit: Edit) -> str:
    if not edit.is_change:
        return f"{edit.path} is as it should be"
    if edit.after is None:
        return f"{edit.path} is removed: it held nothing else"
    if edit.is_undo:
        return f"{edit.path} is without it again"
    kept = "" if edit.before is None else f"; how it was before is in {edit.backup.name}"
    return f"{edit.path} is written{kept}"


def _show(shell: Shell, client: str, lines: Iterable[str], edits: Sequence[Edit] = ()) -> None:
    text = "\n".join(lines)
    if not shell.wants_json:
        show_lines(printable_lines(text))
        return
    files: list[Shown] = [
        {"path": str(edit.path), "changed": edit.is_change, "backup": _backup_of(edit)} for edit in edits
    ]
    changed = any(edit.is_change for edit in edits)
    show_object(shell, {"client": client, "changed": changed, "files": files, "text": text})


def _backup_of(edit: Edit) -> str | None:
    return str(edit.backup) if os.path.lexists(edit.backup) else None
