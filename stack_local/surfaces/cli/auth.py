"""`auth login`, `auth status`, `auth logout`: this command as an OAuth client of the appliance (RFC 8628)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from stack_local.domain.errors import Conflict, NotFound, StackError, Unauthorized, Unavailable
from stack_local.surfaces.cli import login_file
from stack_local.surfaces.cli.connect import checked_base_url
from stack_local.surfaces.cli.layout import Shown
from stack_local.surfaces.cli.login_file import LogIn
from stack_local.surfaces.cli.printing import show_object
from stack_local.surfaces.cli.refusals import warn
from stack_local.surfaces.cli.session import ask_openly
from stack_local.surfaces.cli.shell import Shell, json_option
from stack_local.wire.vault import GetStatus

if TYPE_CHECKING:
    from stack_local.client import FormClient

HOW_TO_LOG_IN = "log in with `stack-local auth login`"

T = TypeVar("T")


def auth_group() -> click.Group:
    """The group `auth`."""
    group = click.Group("auth", help="Log this command in to the appliance as an agent, and out again.")
    group.add_command(_login_command())
    group.add_command(_status_command())
    group.add_command(_logout_command())
    return group


def _login_command() -> click.Command:
    scope = click.Option(["--scope"], metavar="SCOPES", help="What to ask for, with blanks between; else the usual.")
    return click.Command(
        "login",
        params=[scope, *_shared_options()],
        callback=_login,
        help="Show a code, wait until a person has typed it and said yes, and keep the log-in in a private file.",
    )


def _status_command() -> click.Command:
    words = "Ask whether it still works; this uses the refresh token and keeps the next one."
    return click.Command(
        "status",
        params=[click.Option(["--check"], is_flag=True, help=words), *_shared_options()],
        callback=_status,
        help="Who is logged in, for what and until when; 4 if it is over.",
    )


def _logout_command() -> click.Command:
    return click.Command(
        "logout",
        params=_shared_options(),
        callback=_logout,
        help="Revoke the log-in at the appliance, and remove the file, also when nothing answers.",
    )


def _shared_options() -> list[click.Parameter]:
    words = "Where the log-in is kept; ~/.stack/credentials.json when left out."
    return [
        click.Option(["--url"], metavar="URL", help="The appliance, when it is not the running one of this home."),
        click.Option(["--file", "place"], metavar="FILE", type=click.Path(path_type=Path), help=words),
        json_option(),
    ]


@click.pass_obj
def _login(shell: Shell, scope: str | None, url: str | None, place: Path | None) -> None:
    from stack_local.surfaces.cli.device_login import log_in

    file = place or login_file.default_place()
    found = login_file.find(file)
    if found is not None and not _is_over(found, shell.system.now()):
        raise Conflict("there is a log-in already", code="LOGGED_IN", file=str(file), hint="`stack-local auth logout`")
    login = _talk(_server(shell, url), lambda client: log_in(shell, client, scope=scope))
    login_file.write(file, login)
    _show(shell, file, login)


@click.pass_obj
def _status(shell: Shell, check: bool, url: str | None, place: Path | None) -> None:
    from stack_local.surfaces.cli.device_login import refresh

    file = place or login_file.default_place()
    login = _get(file)
    if _is_over(login, shell.system.now()):
        raise Unauthorized("the log-in is over", code="LOG_IN_OVER", file=str(file), hint=HOW_TO_LOG_IN)
    if check:
        login = _talk(_server(shell, url), lambda client: refresh(shell, client, login))
        login_file.write(file, login)
    _show(shell, file, login, works=True if check else None)


@click.pass_obj
def _logout(shell: Shell, url: str | None, place: Path | None) -> None:
    from stack_local.surfaces.cli.device_login import revoke

    file = place or login_file.default_place()
    login = _get(file)
    why: str | None = None
    try:
        _talk(_server(shell, url), lambda client: revoke(client, login))
    except StackError as refused:
        why = refused.message
        warn(f"the log-in is not revoked ({why}): end it on screen 6, Clients, or with `stack-local consents revoke`")
    login_file.delete(file)
    show_object(shell, {"logged_in": False, "revoked": why is None, "why": why, "file": str(file)})


def _get(file: Path) -> LogIn:
    login = login_file.find(file)
    if login is None:
        raise NotFound("nobody is logged in", code="NOT_LOGGED_IN", file=str(file), hint=HOW_TO_LOG_IN)
    return login


def _is_over(login: LogIn, now: datetime) -> bool:
    return now >= login.refresh_expires_at


def _server(shell: Shell, url: str | None) -> str:
    """The appliance to talk to: the one that is named, or the one whose admin socket proves that it is this home's.

    Where none runs, the port of the settings may be anybody's: no token is sent there.
    """
    if url is not None:
        return checked_base_url(url)
    if shell.launch.running_socket(shell.home) is None:
        hint = "start it with `stack-local`, or give --url"
        raise Unavailable("no appliance runs for this home", code="NOT_RUNNING", hint=hint)
    return ask_openly(shell, lambda client: client.call(GetStatus())).base_url


def _talk(base_url: str, conversation: "Callable[[FormClient], Awaitable[T]]") -> T:
    from stack_local.client import FormClient

    async def talk() -> T:
        client = FormClient(base_url)
        try:
            return await conversation(client)
        finally:
            await client.aclose()

    return asyncio.run(talk())


def _show(shell: Shell, file: Path, login: LogIn, *, works: bool | None = None) -> None:
    facts: dict[str, Shown] = {
        "logged_in": True,
        "client_id": login.client_id,
        "scope": login.scope,
        "issued_at": login.issued_at.isoformat(),
        "refresh_expires_at": login.refresh_expires_at.isoformat(),
        "works": works,
        "file": str(file),
    }
    show_object(shell, facts)
