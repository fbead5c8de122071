"""`init` and `unlock`: the two commands that take the passphrase itself."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stack_local.domain.errors import Conflict
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.printing import show_object
from stack_local.surfaces.cli.recovery import recovery_place
from stack_local.surfaces.cli.secret_files import for_request, read_secret
from stack_local.surfaces.cli.session import ask_openly, begin_session, passphrase_option
from stack_local.surfaces.cli.shell import Shell, hidden_question, json_option
from stack_local.wire.keys import CreateKey
from stack_local.wire.vault import Created, CreateVault, EndSession, UnlockVault

if TYPE_CHECKING:
    from stack_local.client import Client

HOW_TO_GIVE = "give --passphrase-file FILE"


def init_command() -> click.Command:
    """The command `init`."""
    words = "A new file for the recovery code; without it the code is shown on the terminal."
    recovery_option = click.Option(["--recovery-file"], metavar="FILE", type=click.Path(path_type=Path), help=words)
    return click.Command(
        "init",
        params=[passphrase_option("The new passphrase: a file, or - for stdin."), recovery_option, json_option()],
        callback=_init,
        help="Make a vault, and an API key for your agents.",
    )


def unlock_command() -> click.Command:
    """The command `unlock`."""
    words = "The recovery code in place of the passphrase: a file, or - for stdin."
    return click.Command(
        "unlock",
        params=[
            passphrase_option(),
            click.Option(["--recovery-code-file"], metavar="FILE", help=words),
            json_option(),
        ],
        callback=_unlock,
        help="Open the vault of the running process.",
    )


@click.pass_obj
def _init(shell: Shell, passphrase_file: str | None, recovery_file: Path | None) -> None:
    home = shell.home
    if shell.launch.has_vault(home):
        raise Conflict("there is a vault already", code="VAULT_EXISTS", home=str(home))
    with recovery_place(shell, recovery_file) as deliver:
        passphrase = _new_passphrase(shell, passphrase_file)
        created = _create(shell, home, passphrase)
        deliver(Secret(created.recovery_code.get_secret_value()))
    api_key = asyncio.run(_first_key(shell, home, passphrase))
    show_object(shell, {"operator_id": created.operator_id, "api_key": api_key, "home": created.home})


def _new_passphrase(shell: Shell, passphrase_file: str | None) -> Secret:
    if passphrase_file is not None:
        return read_secret(passphrase_file, what="passphrase")
    return hidden_question(shell, "new passphrase", hint=HOW_TO_GIVE, twice=True)


def _create(shell: Shell, home: Path, passphrase: Secret) -> Created:
    if shell.launch.running_socket(home) is None:
        return shell.launch.create(home, passphrase)
    request = requests.make(CreateVault, {"passphrase": for_request(passphrase)})
    return ask_openly(shell, lambda client: client.call(request))


async def _first_key(shell: Shell, home: Path, passphrase: Secret) -> str:
    async with shell.launch.client(home, passphrase) as client:
        begun = await begin_session(client, passphrase, may_unlock=True)
        client.hold_session(Secret(begun.session.get_secret_value()))
        return await _mint(client)


async def _mint(client: "Client") -> str:
    made = await client.call(CreateKey(preset="agent"))
    return made.api_key.get_secret_value()


@click.pass_obj
def _unlock(shell: Shell, passphrase_file: str | None, recovery_code_file: str | None) -> None:
    if recovery_code_file is not None:
        typed = {"recovery_code": for_request(read_secret(recovery_code_file, what="recovery code"))}
    elif passphrase_file is not None:
        typed = {"passphrase": for_request(read_secret(passphrase_file, what="passphrase"))}
    else:
        typed = {"passphrase": for_request(hidden_question(shell, "passphrase", hint=HOW_TO_GIVE))}
    ask_openly(shell, lambda client: _unlock_for_all(client, requests.make(UnlockVault, typed)))
    show_object(shell, {"state": "unlocked"})


async def _unlock_for_all(client: "Client", request: UnlockVault) -> None:
    """Unlock, and end the session that begins with it: `session create` is the command that hands one out."""
    begun = await client.call(request)
    client.hold_session(Secret(begun.session.get_secret_value()))
    await client.call(EndSession())
