"""Who asks: an operator session from STACK_LOCAL_SESSION, or one begun with the passphrase for this command alone."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from stack_local.domain.errors import Locked, NotFound, StackError, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli import requests
from stack_local.surfaces.cli.secret_files import for_request, read_secret
from stack_local.surfaces.cli.shell import Shell, hidden_question
from stack_local.wire.vault import CreateSession, EndSession, GetHealth, OperatorSession, UnlockVault

if TYPE_CHECKING:
    from stack_local.client import Client

SESSION_VARIABLE = "STACK_LOCAL_SESSION"
"""The one secret that may stand in the environment."""

HOW_TO_AUTHENTICATE = f"set {SESSION_VARIABLE} from `stack-local session create --json`, or give --passphrase-file FILE"

T = TypeVar("T")
Conversation = Callable[["Client"], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class _Key:
    session: Secret | None
    passphrase: Secret | None


def passphrase_option(words: str = "The passphrase: a file, or - for stdin.") -> click.Option:
    """`--passphrase-file`, on every command that needs a session."""
    return click.Option(["--passphrase-file"], metavar="FILE", help=words)


def ask(shell: Shell, conversation: Conversation[T], *, passphrase_file: str | None) -> T:
    """Talk to the appliance as the operator.

    Raises:
        Unauthorized: there is no session, no passphrase and no terminal to ask at.
        Locked: the live vault is locked; a command other than `unlock` does not open it by the way.
    """
    key = _find_key(shell, passphrase_file)
    home = shell.home
    # A command opens no live vault by the way; one that is open in this process alone harms nobody.
    may_unlock = shell.launch.running_socket(home) is None

    async def talk() -> T:
        async with shell.launch.client(home, key.passphrase) as client:
            if key.session is not None:
                client.hold_session(key.session)
                return await conversation(client)
            async with _own_session(client, key.passphrase, may_unlock=may_unlock):
                return await conversation(client)

    return asyncio.run(talk())


@asynccontextmanager
async def _own_session(client: "Client", passphrase: Secret | None, *, may_unlock: bool) -> AsyncIterator[None]:
    """A session for one command: it is over when the command is."""
    if passphrase is None:
        raise Unauthorized("there is no session", hint=HOW_TO_AUTHENTICATE)
    begun = await begin_session(client, passphrase, may_unlock=may_unlock)
    client.hold_session(Secret(begun.session.get_secret_value()))
    try:
        yield
    finally:
        # A command that locked, sealed or stopped the appliance has ended it already.
        with suppress(StackError):
            await client.call(EndSession())


def ask_openly(shell: Shell, conversation: Conversation[T]) -> T:
    """Talk to the live appliance as nobody: for what is open to all, and for what takes the passphrase itself."""
    home = shell.home

    async def talk() -> T:
        async with shell.launch.client(home, None) as client:
            return await conversation(client)

    return asyncio.run(talk())


async def begin_session(client: "Client", passphrase: Secret, *, may_unlock: bool) -> OperatorSession:
    """A session for the passphrase.

    Raises:
        NotFound: there is no vault.
        Locked: the vault is locked or sealed, and `may_unlock` is false.
    """
    state = (await client.call(GetHealth())).state
    typed = {"passphrase": for_request(passphrase)}
    if state == "empty":
        raise NotFound("there is no vault yet", code="NO_VAULT", hint="make one with `stack-local init`")
    if state in ("unlocked", "locked"):
        # Locked, revoking and looking go on; what needs more says so itself.
        return await client.call(requests.make(CreateSession, typed))
    if not may_unlock:
        raise Locked(f"the vault is {state}", hint="open it with `stack-local unlock`")
    return await client.call(requests.make(UnlockVault, typed))


def _find_key(shell: Shell, passphrase_file: str | None) -> _Key:
    # What is on the command line is nearer to the person than what the shell carries.
    if passphrase_file is not None:
        return _Key(session=None, passphrase=read_secret(passphrase_file, what="passphrase"))
    held = os.environ.get(SESSION_VARIABLE)
    if held:
        return _Key(session=Secret(held), passphrase=None)
    return _Key(session=None, passphrase=hidden_question(shell, "passphrase", hint=HOW_TO_AUTHENTICATE))
