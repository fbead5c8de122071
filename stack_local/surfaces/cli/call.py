"""`call`: any operation by its name, with its request as JSON."""

from typing import Any

import click
from pydantic import JsonValue

from stack_local.domain.errors import InvalidRequest, NotFound
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.derived import put
from stack_local.surfaces.cli.json_text import JSON, is_inline, parse
from stack_local.surfaces.cli.options import secret_fields
from stack_local.surfaces.cli.printing import show
from stack_local.surfaces.cli.session import passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.wire.catalogue import Operation, by_name
from stack_local.wire.vault import CreateVault


def call_command() -> click.Command:
    """The command `call`."""
    return click.Command(
        "call",
        params=[
            click.Argument(["operation"]),
            click.Option(["--input", "given"], metavar="JSON", default="{}", help="JSON, @FILE, or - for stdin."),
            passphrase_option(),
            json_option(),
        ],
        callback=_call,
        help="Ask any operation by its name (issue_passport, stack_issue_passport).",
    )


@click.pass_obj
def _call(shell: Shell, operation: str, given: str, passphrase_file: str | None) -> None:
    known = _operation(operation)
    _refuse_secrets_inline(known, given)
    request = requests.make(known.request, _fields(JSON.convert(given, None, click.get_current_context())))
    show(shell, put(shell, known, request, passphrase_file=passphrase_file))


def _operation(name: str) -> Operation:
    known = by_name(name)
    if known is None or "cli" not in known.surfaces:
        raise NotFound(f"there is no operation {name}", hint="`stack-local --help` names the areas")
    if known.request is CreateVault:
        # Its answer holds the recovery code, which never goes to stdout.
        raise InvalidRequest("a vault is made by `init`", hint="stack-local init --recovery-file FILE")
    return known


def _refuse_secrets_inline(operation: Operation, given: str) -> None:
    if not is_inline(given):
        return
    try:
        fields = parse(given)
    except ValueError:
        return  # said with its place a moment later
    shown = sorted(secret_fields(operation.request) & set(fields if isinstance(fields, dict) else ()))
    if shown:
        raise InvalidRequest(
            f"{', '.join(shown)} is a secret, and a command line is readable by other programs",
            hint="give the input as @FILE or on stdin (-); take this secret for known to others",
        )


def _fields(value: JsonValue) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest("the input is not a JSON object", field="input")
    return value
