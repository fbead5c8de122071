"""`watch`: audit entries as they are written, one a line."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from stack_local.domain.errors import Unavailable
from stack_local.surfaces.cli.printing import as_object
from stack_local.surfaces.cli.refusals import warn
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.surfaces.printable import printable
from stack_local.system import from_milliseconds
from stack_local.wire.audit import AuditChainHead, AuditEntry, ListAudit

if TYPE_CHECKING:
    from stack_local.client import Client

PAGE = 100
"""Entries asked for at once: the most an answer holds."""


def watch_command() -> click.Command:
    """The command `watch`."""
    words = "Begin after this entry; with 0, at the beginning. Without it, only what is new."
    return click.Command(
        "watch",
        params=[
            click.Option(["--after-sequence"], type=click.IntRange(min=0), help=words),
            passphrase_option(),
            json_option(),
        ],
        callback=_watch,
        help="Print audit entries as they come, until interrupted. With --json, one object a line.",
    )


@click.pass_obj
def _watch(shell: Shell, after_sequence: int | None, passphrase_file: str | None) -> None:
    as_json = shell.wants_json
    if shell.launch.running_socket(shell.home) is None:
        raise Unavailable("no appliance runs for this home", code="NOT_RUNNING", hint="start it with `stack-local`")

    async def follow(client: "Client") -> None:
        async for entry in _entries(client, after_sequence):
            click.echo(json.dumps(as_object(entry)) if as_json else _line(entry))

    ask(shell, follow, passphrase_file=passphrase_file)


async def _entries(client: "Client", after_sequence: int | None) -> AsyncIterator[AuditEntry]:
    last = after_sequence if after_sequence is not None else (await client.call(AuditChainHead())).sequence
    async for _status in client.watch():
        while fresh := await _page(client, last):
            _warn_of_gap(last, fresh[0].sequence)
            for entry in fresh:
                yield entry
            last = fresh[-1].sequence


async def _page(client: "Client", last: int) -> list[AuditEntry]:
    page = await client.call(ListAudit(after_sequence=last, limit=PAGE))
    return sorted((entry for entry in page.entries if entry.sequence > last), key=lambda entry: entry.sequence)


def _warn_of_gap(last: int, first: int) -> None:
    # A page holds the newest entries: where more than a page was written since the last look, the older are missing.
    if first > last + 1:
        warn(f"entries {last + 1} to {first - 1} came too fast to be shown; they are in the log")


def _line(entry: AuditEntry) -> str:
    moment = from_milliseconds(entry.timestamp).strftime("%Y-%m-%d %H:%M:%S")
    parts = [entry.action, entry.outcome, entry.actor, entry.subject, entry.error_code]
    return printable("  ".join([f"{entry.sequence}", moment, *(str(part) for part in parts if part)]))
