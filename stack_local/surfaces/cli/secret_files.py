"""Secrets from files: read once, bounded, with one trailing newline removed. They are never on the command line."""

import os
import stat

from pydantic import JsonValue, SecretStr

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli.json_text import parse
from stack_local.surfaces.cli.refusals import warn
from stack_local.surfaces.cli.stdin import STDIN, read_stdin

MAX_SECRET_BYTES = 64 * 1024
"""More is a file by mistake."""


def read_secret(place: str, *, what: str) -> Secret:
    """The secret in a file, a pipe, or stdin (`-`).

    Raises:
        InvalidRequest: it cannot be read, is empty, too long or not UTF-8.
    """
    raw = read_stdin(MAX_SECRET_BYTES) if place == STDIN else _read_file(place, what)
    if len(raw) > MAX_SECRET_BYTES:
        raise InvalidRequest(f"the {what} file is longer than {MAX_SECRET_BYTES} bytes", field=what)
    text = _decode(raw, what).removesuffix("\n").removesuffix("\r")
    if not text:
        raise InvalidRequest(f"the {what} file is empty", field=what)
    return Secret(text)


def for_request(secret: Secret) -> SecretStr:
    """The secret as a request carries it."""
    return SecretStr(secret.reveal())


def read_secret_object(place: str, *, what: str) -> JsonValue:
    """The JSON in such a file: one secret per member.

    Raises:
        InvalidRequest: it cannot be read, or is not JSON.
    """
    try:
        return parse(read_secret(place, what=what).reveal())
    except ValueError as error:
        raise InvalidRequest(f"the {what} file is {error}", field=what) from None


def _read_file(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            _warn_of_readers(os.fstat(file.fileno()), path)
            return file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"the {what} file cannot be read: {error.strerror}", field=what, file=path) from error
    except ValueError:  # a NUL in the name
        raise InvalidRequest(f"the {what} file cannot be read", field=what) from None


def _warn_of_readers(found: os.stat_result, path: str) -> None:
    # A pipe or a descriptor is its maker's own. Group bits may be an access list's mask (systemd credentials), so
    # it is a warning and no refusal.
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        warn(f"others can read {path}: chmod 600 {path}")


def _decode(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"the {what} file is not UTF-8 text", field=what) from None
