"""`session code`: let a client in where no screen is open, by a one-time code that is typed into its page."""

from typing import TYPE_CHECKING

import click

from stack_local.domain.clients import publisher
from stack_local.domain.consents import Posture
from stack_local.domain.errors import Conflict, NotFound
from stack_local.domain.scopes import DESCRIPTIONS
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.layout import labeled
from stack_local.surfaces.cli.printing import reading_width, show, show_lines
from stack_local.surfaces.cli.session import ask, passphrase_option
from stack_local.surfaces.cli.shell import Shell, json_option, question
from stack_local.surfaces.printable import printable
from stack_local.wire.consents import ConsentCode, ConsentRequest, CreateConsentCode, ListConsentRequests
from stack_local.wire.services import ListConnections

if TYPE_CHECKING:
    from stack_local.client import Client


def consent_code_command() -> click.Command:
    """The command `session code`."""
    return click.Command(
        "code",
        params=[
            click.Argument(["tag"], metavar="TAG"),
            click.Option(["--allow"], metavar="SERVICE=read|ask", multiple=True, help="How far it may use a service."),
            click.Option(["--agent", "agent_id"], metavar="ID", help="The agent it stands for; else a new one."),
            click.Option(["--yes"], is_flag=True, help="Do not ask."),
            passphrase_option(),
            json_option(),
        ],
        callback=_code,
        help="A one-time code for the page of the log-in that shows this tag.",
    )


@click.pass_obj
def _code(
    shell: Shell, tag: str, allow: tuple[str, ...], agent_id: str | None, yes: bool, passphrase_file: str | None
) -> None:
    if not yes and not shell.is_terminal():
        raise click.UsageError("letting a client in asks at a terminal; without one, give --yes")
    postures = dict(_posture(said) for said in allow)

    async def decide(client: "Client") -> ConsentCode:
        asked = await _find(client, tag)
        named = await _connections(client, postures)
        show_lines(labeled(_facts(asked), indent="", width=reading_width()), err=True)
        # The question may block: nothing else runs in this loop.
        if not yes and question("to let it in, type its tag (Enter: no)", default="").upper() != asked.tag:
            raise Conflict("not let in", code="NOT_CONFIRMED")
        typed = {"request_id": asked.id, "agent_id": agent_id, "postures": named}
        return await client.call(requests.make(CreateConsentCode, typed))

    show(shell, ask(shell, decide, passphrase_file=passphrase_file))


def _posture(said: str) -> tuple[str, Posture]:
    service, _, posture = said.partition("=")
    if not service or posture not in (Posture.READ, Posture.ASK):
        raise click.UsageError("--allow takes SERVICE=read or SERVICE=ask")
    return service, Posture(posture)


async def _find(client: "Client", tag: str) -> ConsentRequest:
    waiting = (await client.call(ListConsentRequests())).items
    for asked in waiting:
        if asked.tag == tag.upper():
            return asked
    raise NotFound("no log-in with this tag waits", field="tag", hint="press the page's first button, then try again")


async def _connections(client: "Client", postures: dict[str, Posture]) -> dict[str, str]:
    """The ids of the services that were named."""
    known = (await client.call(ListConnections())).items
    found: dict[str, str] = {}
    for service, posture in postures.items():
        ids = [
            connection.id for connection in known if service in (connection.id, connection.name, connection.provider)
        ]
        if len(ids) != 1:
            raise NotFound(f"{service} is not one connection", field="allow", rule="a name, or the scon_… id")
        found[ids[0]] = posture
    return found


def _facts(asked: ConsentRequest) -> list[tuple[str, str]]:
    where = asked.redirect_host or "this command itself"
    warning = " (any program of this machine may listen there)" if asked.is_loopback else ""
    described = publisher(asked.client_id) or "itself, when it registered"
    may = "; ".join(DESCRIPTIONS.get(scope, scope) for scope in asked.scopes)
    facts = [
        ("client", asked.client_name),
        ("described by", described),
        ("tag", asked.tag),
        ("answer to", where + warning),
        ("it may", may),
    ]
    return [(label, printable(value)) for label, value in facts]
