"""The commands that start a process and stay in it: `serve`, `tui`, `demo`, and what no command at all means."""

from pathlib import Path

import click

from stack_local.domain.errors import NotFound
from stack_local.surfaces.cli.secret_files import read_secret
from stack_local.surfaces.cli.session import passphrase_option
from stack_local.surfaces.cli.shell import Shell


def serve_command() -> click.Command:
    """The command `serve`."""
    words = "A file that is written once the process listens: {base_url, admin_socket, pid, state}."
    return click.Command(
        "serve",
        params=[
            *_listening_options(),
            passphrase_option("Unlock with it: a file, or - for stdin. Without it the vault stays sealed."),
            click.Option(["--ready-file"], metavar="FILE", type=click.Path(path_type=Path), help=words),
        ],
        callback=_serve,
        help="Serve without a screen, until a signal.",
    )


def tui_command() -> click.Command:
    """The command `tui`."""
    words = "The admin socket of a running process; without it, that of this home's."
    return click.Command(
        "tui",
        params=[
            click.Option(["--attach"], metavar="SOCKET", type=click.Path(path_type=Path), help=words),
            *_listening_options(),
        ],
        callback=_tui,
        help="The screen: attached to a running process, or with a server of its own.",
    )


def demo_command() -> click.Command:
    """The command `demo`."""
    return click.Command(
        "demo",
        params=[click.Option(["--yes"], is_flag=True, help="Answer every question with yes.")],
        callback=_demo,
        help="A tour with a throw-away vault and a service on this machine.",
    )


def self_test_command() -> click.Command:
    """The command `self-test`, for packaging."""
    return click.Command("self-test", callback=_self_test, hidden=True, help="Check that this build has all its parts.")


def start(shell: Shell) -> int:
    """What `stack-local` alone does: the screen at a terminal, else the server.

    Raises:
        NotFound: there is no terminal to make a vault at, and no vault.
    """
    if shell.is_terminal():
        return shell.launch.terminal(shell.home, attach=None, host=None, port=None)
    if not shell.launch.has_vault(shell.home):
        raise NotFound("there is no vault yet", code="NO_VAULT", hint="make one with `stack-local init`")
    return shell.launch.serve(shell.home, host=None, port=None, passphrase=None, ready_file=None)


def _listening_options() -> list[click.Parameter]:
    return [
        click.Option(["--host"], metavar="HOST", help="The address to listen on; 127.0.0.1 when left out."),
        click.Option(["--port"], type=click.IntRange(0, 65535), help="7822 when left out; 0 takes a free one."),
    ]


@click.pass_obj
def _serve(
    shell: Shell, host: str | None, port: int | None, passphrase_file: str | None, ready_file: Path | None
) -> int:
    passphrase = None if passphrase_file is None else read_secret(passphrase_file, what="passphrase")
    return shell.launch.serve(shell.home, host=host, port=port, passphrase=passphrase, ready_file=ready_file)


@click.pass_obj
def _tui(shell: Shell, attach: Path | None, host: str | None, port: int | None) -> int:
    if not shell.is_terminal():
        raise click.UsageError("the screen needs a terminal on stdin and stderr; without one, use `serve`")
    return shell.launch.terminal(shell.home, attach=attach, host=host, port=port)


@click.pass_obj
def _demo(shell: Shell, yes: bool) -> int:
    return shell.launch.demo(yes=yes)


@click.pass_obj
def _self_test(shell: Shell) -> int:
    return shell.launch.self_test()
