"""Where a recovery code goes: to a terminal or to a new private file, and this is settled before a vault is made."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from stack_local.domain.errors import Conflict, InvalidRequest, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli.shell import Shell

Deliver = Callable[[Secret], None]


@contextmanager
def recovery_place(shell: Shell, path: Path | None) -> Iterator[Deliver]:
    """Hands out what takes the code. A file that got none is removed again.

    Raises:
        InvalidRequest: there is neither a file nor a terminal, or the file cannot be made.
        Conflict: the file exists.
    """
    if path is None:
        yield _to_terminal(shell)
        return
    descriptor = _new_private_file(path)
    try:
        with open(descriptor, "wb") as file:
            yield lambda code: _write(file.fileno(), code)
    finally:
        with suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()


def _to_terminal(shell: Shell) -> Deliver:
    if not shell.is_terminal():
        raise InvalidRequest(
            "the recovery code has nowhere to go", field="recovery_file", hint="give --recovery-file FILE"
        )
    return _print


def _print(code: Secret) -> None:
    click.echo(f"\nrecovery code: {code.reveal()}", err=True)
    click.echo("write it down and keep it apart from this machine: it is shown this once\n", err=True)


def _new_private_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Conflict("the recovery file exists already", code="FILE_EXISTS", file=str(path)) from None
    except OSError as error:
        words = f"the recovery file cannot be made: {error.strerror}"
        raise InvalidRequest(words, field="recovery_file", file=str(path)) from error


def _write(descriptor: int, code: Secret) -> None:
    line = f"{code.reveal()}\n".encode()
    try:
        written = os.write(descriptor, line)
        os.fsync(descriptor)
    except OSError as error:
        raise _not_written() from error
    if written != len(line):
        raise _not_written()


def _not_written() -> Unavailable:
    hint = "the vault was made and has no other copy of it: remove the home and begin again"
    return Unavailable("the recovery code could not be written", hint=hint)
