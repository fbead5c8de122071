"""The file in which a command keeps its log-in: `~/.stack/credentials.json`, as the product's own command writes it."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stack_local.domain.errors import InvalidRequest, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli.refusals import warn
from stack_local.vault.files import find_bounded, write_atomically
from stack_local.vault.strict_json import Json, Malformed, read_object

MAX_BYTES = 16 * 1024

PRIVATE_FOLDER = 0o700
OTHERS_WRITE = 0o022


@dataclass(frozen=True, slots=True)
class LogIn:
    """What is kept of a log-in: the refresh token, and what of it may be shown."""

    client_id: str
    refresh_token: Secret
    issued_at: datetime
    refresh_expires_at: datetime
    scope: str


def default_place() -> Path:
    """Where the product's own command keeps it."""
    return Path.home() / ".stack" / "credentials.json"


def find(place: Path) -> LogIn | None:
    """The log-in in the file; None where there is no file.

    Raises:
        InvalidRequest: the file holds something else.
        Unavailable: it cannot be read, or is a link.
    """
    raw = find_bounded(place, max_bytes=MAX_BYTES)
    if raw is None:
        return None
    try:
        tree = read_object(raw)
        return LogIn(
            client_id=_text(tree, "client_id"),
            refresh_token=Secret(_text(tree, "refresh_token")),
            issued_at=_moment(tree, "issued_at"),
            refresh_expires_at=_moment(tree, "refresh_expires_at"),
            scope=_text(tree, "scope"),
        )
    except ValueError:
        # Without its cause, which may quote what the file holds.
        raise InvalidRequest("the file holds no log-in", file=str(place), hint="move it away, then log in") from None


def write(place: Path, login: LogIn) -> None:
    """Replace the file; it and a folder made for it are for this user alone.

    Raises:
        Unavailable: the disk refused; what was there is untouched.
    """
    _prepare_folder(place.parent)
    tree = {
        "client_id": login.client_id,
        "refresh_token": login.refresh_token.reveal(),
        "issued_at": _written(login.issued_at),
        "refresh_expires_at": _written(login.refresh_expires_at),
        "scope": login.scope,
    }
    write_atomically(place, json.dumps(tree, indent=2).encode() + b"\n")


def delete(place: Path) -> None:
    """Remove the file.

    Raises:
        Unavailable: the disk refused.
    """
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable("the file could not be removed", file=str(place)) from error


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as error:
        raise Unavailable("the folder could not be made", file=str(folder)) from error
    if mode & OTHERS_WRITE:
        warn(f"others can replace what is in {folder}: chmod 700 {folder}")


def _text(tree: dict[str, Json], name: str) -> str:
    value = tree.get(name)
    if not isinstance(value, str):
        raise Malformed(name)
    return value


def _moment(tree: dict[str, Json], name: str) -> datetime:
    moment = datetime.fromisoformat(_text(tree, name))
    if moment.tzinfo is None:
        raise Malformed(name)
    return moment


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
