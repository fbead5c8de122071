"""Every attempt of this process to connect, seen where the interpreter asks the kernel, and stopped there.

An audit hook sees the attempt of any library before the kernel does, and what it raises is raised in place of the call:
so a test may let the product try to reach a public address, and nothing leaves the machine.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

INTERNET = frozenset({2, 10})
"""AF_INET and AF_INET6; a Unix socket reaches nothing but this machine's person."""


@dataclass
class Connects:
    """What was tried while somebody watched."""

    let_through: set[tuple[str, int]]
    """Pairs of address and port where a test listens itself."""
    tried: list[tuple[str, int]] = field(default_factory=list)
    """Address and port of each attempt, let through or not."""

    def take(self) -> list[tuple[str, int]]:
        """What was tried since the last look."""
        taken, self.tried = self.tried, []
        return taken


class Stopped(ConnectionRefusedError):
    """Nobody is to be reached there."""


_watching: list[Connects] = []
_is_hooked: list[bool] = []
_is_ours: ContextVar[bool] = ContextVar("_is_ours", default=False)


@contextmanager
def watched(*let_through: tuple[str, int]) -> Iterator[Connects]:
    """Watch while the block runs; one at a time."""
    if not _is_hooked:
        sys.addaudithook(_hook)  # it cannot be taken off again, and does nothing while nobody watches
        _is_hooked.append(True)
    connects = Connects(set(let_through))
    _watching.append(connects)
    try:
        yield connects
    finally:
        _watching.remove(connects)


@contextmanager
def ours() -> Iterator[None]:
    """What the block connects to, in its own task, is the test's and is not counted."""
    before = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(before)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not _watching or _is_ours.get():
        return
    raw_socket, address = arguments
    if raw_socket.family not in INTERNET:
        return
    pair = (str(address[0]), int(address[1]))
    _watching[-1].tried.append(pair)
    if pair not in _watching[-1].let_through:
        raise Stopped
