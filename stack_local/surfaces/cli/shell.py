"""The shell a command runs in: which home, whether a person sits at a terminal, and whether a program reads along."""

import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from stack_local.domain.errors import Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli.launch import Launch
from stack_local.surfaces.printable import printable
from stack_local.system import System

_HOME = "stack_local.home"
_JSON = "stack_local.json"


@dataclass(frozen=True, slots=True)
class Shell:
    """What every command is handed."""

    launch: Launch
    is_terminal: Callable[[], bool]
    system: System
    pause: Callable[[float], Awaitable[None]]
    """Lets so many seconds pass; tests let them pass at once."""

    @property
    def home(self) -> Path:
        """The home this command works on."""
        return self.launch.home(click.get_current_context().meta.get(_HOME))

    @property
    def wants_json(self) -> bool:
        """Whether stdout is for one JSON object."""
        return bool(click.get_current_context().meta.get(_JSON))


def at_terminal() -> bool:
    """Whether a person types and sees: the screen is drawn on stderr, and so are questions."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def home_option() -> click.Option:
    """`--home`, which stands on every command."""
    words = "Where the vault is; STACK_LOCAL_HOME when left out."
    return click.Option(["--home"], metavar="DIR", help=words, expose_value=False, callback=_remember(_HOME))


def json_option() -> click.Option:
    """`--json`, on every command that answers."""
    words = "Print one JSON object on stdout and nothing else."
    return click.Option(["--json"], is_flag=True, help=words, expose_value=False, callback=_remember(_JSON))


def _remember(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def remember(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value:
            context.meta[name] = value

    return remember


def question(text: str, *, default: str | None = None) -> str:
    """What the person answers; asked on stderr."""
    with _interruptible():
        answer: str = click.prompt(printable(text), default=default, show_default=False, err=True)
    return answer.strip()


def hidden_question(shell: Shell, what: str, *, hint: str, twice: bool = False) -> Secret:
    """A secret as the person types it, echo off.

    Raises:
        Unauthorized: nobody sits at a terminal.
    """
    if not shell.is_terminal():
        raise Unauthorized(f"the {what} is needed, and there is no terminal to ask at", code="NO_SECRET", hint=hint)
    with _interruptible():
        typed: str = click.prompt(printable(what), hide_input=True, confirmation_prompt=twice, err=True)
    return Secret(typed)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the question at once: the handler of `asyncio.run` would wait for the answer first."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
