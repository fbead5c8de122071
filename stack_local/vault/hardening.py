"""What the process does for its own safety: unreadable memory, no core dumps, private files, sealing by re-exec."""

import ctypes
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

PRIVATE_UMASK = 0o077
"""New files are for the owner alone."""

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4


@dataclass(frozen=True, slots=True)
class Hardening:
    """What held, for the status screen. A False is a fact to show, not an error."""

    memory_is_private: bool
    """No process of the same user reads our memory or attaches to us."""
    core_dumps_are_off: bool
    files_are_private: bool


def harden() -> Hardening:
    """Do what this platform allows. Call it first at each start: `exec` makes a process readable again."""
    return Hardening(
        memory_is_private=_hide_memory(),
        core_dumps_are_off=_forbid_core_dumps(),
        files_are_private=_keep_files_private(),
    )


def reexec(argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Seal by becoming a new process image: the only way to be rid of keys.

    Freed Python objects stay in memory (five copies were found after the last reference was gone, three after
    `malloc_trim`, none after `exec`). Nothing is flushed or closed here: call it last. Sockets that shall go on
    listening are made inheritable by the caller. `argv[0]` is an absolute path.
    """
    os.execve(argv[0], list(argv), dict(environment))  # noqa: S606 (no shell is what we want)


def _hide_memory() -> bool:
    if sys.platform != "linux":
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        return bool(libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)
    except (OSError, AttributeError):  # a libc without prctl
        return False


def _forbid_core_dumps() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def _keep_files_private() -> bool:
    os.umask(PRIVATE_UMASK)
    return os.umask(PRIVATE_UMASK) == PRIVATE_UMASK
