"""Commands from the catalogue: `stack-local <area> <verb…>` for every operation a command may ask."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.options import options_of, values_of
from stack_local.surfaces.cli.printing import show
from stack_local.surfaces.cli.session import Conversation, ask, ask_openly, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.wire.catalogue import CATALOGUE, Operation, Request, View
from stack_local.wire.keys import CreateKey

EXTRA_NAMES: Mapping[type[Request[Any]], Mapping[str, str]] = {CreateKey: {"agent_id": "--agent"}}
"""Second names of options that the documentation uses."""


def command_name(area: str, operation: str) -> str:
    """The operation's name without the area's noun: `issue_passport` → `issue`, `revoke_all_passports` → `revoke-all`.

    An operation that is the noun and nothing more keeps it.
    """
    noun = {area, area.removesuffix("s")}
    words = [word for word in operation.split("_") if word not in noun]
    return "-".join(words) or operation.replace("_", "-")


def derived_groups() -> dict[str, click.Group]:
    """One group per area, each with the commands of its operations."""
    groups: dict[str, click.Group] = {}
    for operation in CATALOGUE.values():
        if "cli" in operation.surfaces:
            group = groups.setdefault(operation.area, click.Group(operation.area))
            group.add_command(derived_command(operation))
    return groups


def derived_command(operation: Operation) -> click.Command:
    """The command of one operation."""
    options = options_of(operation.request, extra_names=EXTRA_NAMES.get(operation.request, {}))
    # An open operation needs no session; where it takes a passphrase, the option is its own field's.
    session_options = [] if operation.scope is None else [passphrase_option()]
    return click.Command(
        command_name(operation.area, operation.name),
        params=[*options, *session_options, json_option()],
        callback=_callback(operation),
        help=operation.description,
        short_help=operation.description,
    )


def put(shell: Shell, operation: Operation, request: Request[Any], *, passphrase_file: str | None) -> View:
    """Ask one operation: as the operator, or as nobody where it is open to all."""
    conversation: Conversation[View] = lambda client: client.call(request)  # noqa: E731 (typed)
    if operation.scope is None:
        return ask_openly(shell, conversation)
    return ask(shell, conversation, passphrase_file=passphrase_file)


def _callback(operation: Operation) -> Callable[..., None]:
    @click.pass_obj
    def run(shell: Shell, /, **typed: object) -> None:
        given = typed.get("passphrase_file")
        passphrase_file = given if isinstance(given, str) else None
        request = requests.make(operation.request, values_of(shell, operation.request, typed))
        show(shell, put(shell, operation, request, passphrase_file=passphrase_file))

    return run
