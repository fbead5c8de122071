"""`import env` and `import gh`: a secret that is on this machine already, connected without being shown or typed."""

import asyncio
import os
from pathlib import Path

import click

from stack_local.domain.errors import InvalidRequest, NotFound
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.printing import show
from stack_local.surfaces.cli.refusals import warn
from stack_local.surfaces.cli.secret_files import for_request, read_secret
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.vault.importing import gh_token, read_env_file
from stack_local.vault.programs import Programs
from stack_local.wire.connecting import ConnectService


def import_group() -> click.Group:
    """The commands `import env` and `import gh`."""
    group = click.Group("import", help="Connect a service by a secret that is on this machine already.")
    group.add_command(
        click.Command(
            "env",
            params=[
                click.Argument(["file"]),
                click.Argument(["variable"]),
                click.Option(["--service"], required=True, metavar="ID", help="As `services list` names it."),
                click.Option(["--account"], help="Whose account it is, as you will see it."),
                passphrase_option(),
                json_option(),
            ],
            callback=_from_env,
            help="From a variable of an .env file. The file stays as it is: take the secret out of it afterwards.",
        )
    )
    group.add_command(
        click.Command(
            "gh",
            params=[
                click.Option(["--account"], help="Whose account it is, as you will see it."),
                passphrase_option(),
                json_option(),
            ],
            callback=_from_gh,
            help="The token that GitHub's own command holds (`gh auth token`).",
        )
    )
    return group


@click.pass_obj
def _from_env(
    shell: Shell, file: str, variable: str, service: str, account: str | None, passphrase_file: str | None
) -> None:
    found = read_env_file(read_secret(file, what="env").reveal())
    if variable not in found:
        raise NotFound(f"{file} has no variable {variable}", field="variable", hint=", ".join(sorted(found)[:20]))
    _connect(shell, service, found[variable], account, passphrase_file)
    warn(f"{variable} still stands in {Path(file).name}: take it out once the connection works")


@click.pass_obj
def _from_gh(shell: Shell, account: str | None, passphrase_file: str | None) -> None:
    token = asyncio.run(gh_token(Programs(dict(os.environ)).run))
    _connect(shell, "github", token, account, passphrase_file)


def _connect(shell: Shell, service: str, secret: Secret, account: str | None, passphrase_file: str | None) -> None:
    asked = {"service_id": service, "credential": for_request(secret), "account": account}
    request = requests.make(ConnectService, asked)
    connected = ask(shell, lambda client: client.call(request), passphrase_file=passphrase_file)
    if connected.connection is None:
        raise InvalidRequest("the service was not connected at once", field="service")
    show(shell, connected.connection)
