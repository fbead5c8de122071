"""`stack-local` itself: the root of the commands, and the one place where errors become exit statuses."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import NoReturn

import click

from stack_local import __version__
from stack_local.domain.errors import StackError
from stack_local.surfaces.cli import refusals, statuses
from stack_local.surfaces.cli.launch import Launch
from stack_local.surfaces.cli.shell import Shell, at_terminal, home_option
from stack_local.system import RealSystem, System

NAME = "stack-local"

AUTHENTICATION = """\
Commands that need a person take an operator session from the environment (STACK_LOCAL_SESSION, made by `session
create`), or the passphrase from --passphrase-file or the terminal. Secrets never stand on the command line."""
"""For the help and the documentation."""


class Root(click.Group):
    """The root group. Its commands are made when one is asked for, so that `--version` imports nothing heavy."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(
            NAME,
            params=[home_option()],
            callback=_start,
            invoke_without_command=True,
            help="A local-first control plane for AI agents. Without a command: the screen, or the server.",
            epilog=f"{AUTHENTICATION}\n\n\b\n{statuses.EXIT_STATUSES}",
            context_settings={"obj": shell, "help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._fill()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._fill()
        return super().get_command(ctx, cmd_name)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> NoReturn:
        """Run one command line and exit with its status; click's own handling would print arguments as they came."""
        given = list(sys.argv[1:] if args is None else args)

        def run() -> object:
            return super(Root, self).main(given, prog_name or NAME, complete_var, standalone_mode=False, **extra)

        sys.exit(_status(run, as_json="--json" in given))

    def _fill(self) -> None:
        if self.commands:
            return
        from stack_local.surfaces.cli.tree import all_commands

        for command in all_commands():
            self.add_command(command)


def build(
    launch: Launch,
    *,
    is_terminal: Callable[[], bool] = at_terminal,
    system: System | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> click.Group:
    """The command over a launch."""
    return Root(Shell(launch=launch, is_terminal=is_terminal, system=system or RealSystem(), pause=pause))


def main(launch: Launch) -> NoReturn:
    """Run the command line of this process, and exit."""
    sys.excepthook = _show_defect
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal of another encoding gets `\\u2502` for what it cannot draw, and no exception.
            stream.reconfigure(errors="backslashreplace")
    build(launch).main(prog_name=NAME)


@click.pass_context
def _start(context: click.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    from stack_local.surfaces.cli.process import start

    return start(context.obj)


def _status(run: Callable[[], object], *, as_json: bool) -> int:
    try:
        status = run()
    except StackError as error:
        return refusals.show_refusal(error, as_json=as_json)
    except click.ClickException as error:
        return refusals.show_usage(error, as_json=as_json)
    except click.Abort:
        return refusals.show_interrupt(as_json=as_json)
    return status if isinstance(status, int) else statuses.OK


def _show_defect(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    refusals.show_defect(kind, trace, as_json="--json" in sys.argv)
