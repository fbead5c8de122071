"""`stack-local demo`: the story in a throw-away vault, decided at the screen or by itself."""

import asyncio
import contextlib
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from stack_local.client import Client, RemoteClient
from stack_local.demo.narration import Check, Narrator
from stack_local.demo.performance import Performance, find_agent
from stack_local.demo.throwaway import PASSPHRASE, Throwaway, log_into
from stack_local.domain.errors import StackError
from stack_local.system import RealSystem, System
from stack_local.vault.hardening import harden
from stack_local.vault.profiles import STRONG, Profile

STOP_SECONDS = 10
"""How long the story gets to end when the person breaks off."""

BEFORE_THE_SCREEN = f"""
stack_local demo

The terminal screen opens next, on a throw-away vault. Unlock it with

    {PASSPHRASE}

An agent then asks for two things. Read each to its end (Space), approve the
first (a), reject the second (r), and leave with ^q: the summary follows. What
you leave undecided is decided for you.
"""


class Show(Protocol):
    """`tui.run.show`: the screen, until the person leaves it."""

    def __call__(self, client: Client, system: System) -> int: ...


def play(*, yes: bool, profile: Profile = STRONG) -> int:
    """The demo; 0 only if everything it claims held."""
    harden()
    show = None if yes or not _is_terminal() else _find_screen()
    held = False
    with tempfile.TemporaryDirectory(prefix="stack-demo-") as name:
        log_into(Path(name))
        try:
            checks = _alone(Path(name), profile) if show is None else _beside(show, Path(name), profile)
            held = all(check.held for check in checks)
        except* StackError as group:
            print(f"\n{_first(group)}")
    print("\nAll of it held." if held else "\nIt did not hold.", flush=True)
    return 0 if held else 1


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _find_screen() -> Show | None:
    try:
        from tui.run import show
    except ImportError:
        print("The terminal screen cannot be opened in this build: the demo decides by itself.")
        return None
    return show


def _first(group: BaseExceptionGroup[StackError]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def _print(line: str) -> None:
    print(line, flush=True)


def _alone(directory: Path, profile: Profile) -> list[Check]:
    """Decided by itself, each step printed as it happens."""

    async def main() -> list[Check]:
        performance = Performance(directory, profile, Narrator(_print))
        performance.screen_is_left.set()
        return await performance.run(find_agent())

    return asyncio.run(main())


def _beside(show: Show, directory: Path, profile: Profile) -> list[Check]:
    """Decided at the screen; what happened is printed once the screen is left."""
    input(f"{BEFORE_THE_SCREEN}\nPress Enter. ")
    backstage = Backstage(directory, profile)
    try:
        admin_socket = backstage.start()
        show(RemoteClient(socket_path=str(admin_socket)), RealSystem())
        return backstage.finish()
    finally:
        backstage.stop()


class Backstage:
    """The performance on a loop and a thread of its own: a terminal that is not read never holds up the agent."""

    def __init__(self, directory: Path, profile: Profile) -> None:
        self._lines: list[str] = []
        self._performance = Performance(directory, profile, Narrator(self._lines.append))
        self._loop = asyncio.new_event_loop()
        self._telling: asyncio.Task[list[Check]] | None = None
        self._opened: Future[Path] = Future()
        self._told: Future[list[Check]] = Future()
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> Path:
        """Begin; the admin socket, as soon as it answers."""
        self._thread.start()
        return self._opened.result()

    def finish(self) -> list[Check]:
        """The person left the screen: decide the rest, and say what happened."""
        self._tell_loop(self._performance.screen_is_left.set)
        try:
            return self._told.result()
        finally:
            for line in self._lines:
                _print(line)

    def stop(self) -> None:
        """End, told or not."""
        if self._telling is not None:
            self._tell_loop(self._telling.cancel)
        self._thread.join(STOP_SECONDS)

    def _tell_loop(self, act: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(act)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                self._told.set_result(runner.run(self._main()))
        except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
            for future in (self._opened, self._told):
                if not future.done():
                    future.set_exception(error)

    async def _main(self) -> list[Check]:
        self._telling = asyncio.current_task()
        return await self._performance.run(find_agent(), self._hear)

    def _hear(self, house: Throwaway) -> None:
        self._opened.set_result(house.places.admin_socket)
