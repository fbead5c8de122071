"""Small private files that are replaced whole: after a crash the old one is there or the new one, never a part."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from stack_local.domain.errors import Unavailable

PRIVATE = 0o600
"""Mode of every file of the vault."""


def write_atomically(path: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Replace the file; when this returns, the new one survives a power cut. One writer at a time per path.

    Raises:
        Unavailable: the disk refused; the old file is untouched, unless only the last step, making the new name
            durable, failed.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        _write_durably(draft, content, mode)
        os.replace(draft, path)
        _sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise Unavailable("the file could not be written", file=path.name) from error


def find_bounded(path: Path, *, max_bytes: int) -> bytes | None:
    """What the file holds, or None where there is none; never follows a link.

    Raises:
        Unavailable: it cannot be read, or holds more than `max_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("the file could not be read", file=path.name) from error
    content = _read(descriptor, path, max_bytes + 1)
    if len(content) > max_bytes:
        raise Unavailable("the file is larger than it can be", file=path.name)
    return content


def _read(descriptor: int, path: Path, count: int) -> bytes:
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(count)
    except OSError as error:
        raise Unavailable("the file could not be read", file=path.name) from error
    finally:
        os.close(descriptor)


def _write_durably(draft: Path, content: bytes, mode: int) -> None:
    # A draft left by a crash is removed, so that O_EXCL can promise we write to a file we made, with our mode.
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    with open(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
