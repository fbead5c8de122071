"""A process that dies, or whose disk refuses, at the n-th thing it does to files in a folder. Real calls in a child."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from stack_local.domain.errors import StackError

FILE_EVENTS = {"open", "os.rename", "os.remove"}

Outcome = Literal["finished", "refused", "killed", "crashed"]


def run(action: Callable[[], object], folder: Path, *, fault: Literal["kill", "full"], at: int) -> Outcome:
    """Run `action` in a forked child, with one fault at its `at`-th file event below `folder`."""
    child = os.fork()
    if child == 0:
        _act(action, folder, fault, at)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    outcomes: dict[int, Outcome] = {0: "finished", 3: "refused"}
    return outcomes.get(os.WEXITSTATUS(status), "crashed")


def _act(action: Callable[[], object], folder: Path, fault: str, at: int) -> None:
    code = 4
    try:
        sys.addaudithook(_hook(folder, fault, at))
        action()
        code = 0
    except StackError:
        code = 3
    finally:
        os._exit(code)


def _hook(folder: Path, fault: str, at: int) -> Callable[[str, tuple[object, ...]], None]:
    seen = 0

    def strike(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in FILE_EVENTS or not str(args[0]).startswith(str(folder)):
            return
        seen += 1
        if seen - 1 == at and fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if seen - 1 == at:
            raise OSError(errno.ENOSPC, "no space")

    return strike
