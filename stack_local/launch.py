"""Starting and finding appliances: homes, the process, its threads and signals, the screen beside the server."""

import asyncio
import contextlib
import gc
import hashlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import platformdirs

from stack_local.app import Appliance, HomeLock, Places
from stack_local.client import Client, RemoteClient
from stack_local.dispatch import LocalClient
from stack_local.domain.actors import NOBODY, Actor
from stack_local.domain.errors import Conflict, StackError, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.operations.bearers import actor_of_session
from stack_local.server import bind, run
from stack_local.settings import Settings, load
from stack_local.surfaces.cli.launch import DoctorLine
from stack_local.system import RealSystem
from stack_local.vault.files import write_atomically
from stack_local.vault.hardening import harden, reexec
from stack_local.vault.profiles import CHEAPEST, STRONG, Profile
from stack_local.vault.slots import FILE_NAME as VAULT_NAME
from stack_local.wire.vault import Created

NAME = "stack-local"
HOME_VARIABLE = "STACK_LOCAL_HOME"
STATE_VARIABLE = "STACK_LOCAL_STATE"
"""Where the anchors are kept; the user's state directory when it is not set."""

CHEAP_VARIABLE = "STACK_LOCAL_TEST_PROFILE"
"""Set to `cheapest` in tests: a new vault gets the weakest key derivation that is read at all."""

SOCKET_PATH_BYTES = 100
"""A Unix socket's path must be shorter than about 108 bytes."""

STOP_SECONDS = 12
"""A process that has not stopped by then is ended."""

log = logging.getLogger(__name__)


def places_of(home: Path) -> Places:
    """Where an appliance with this home keeps its files."""
    state = Path(os.environ.get(STATE_VARIABLE) or platformdirs.user_state_dir(NAME))
    admin_socket = home / "admin.sock"
    if len(os.fsencode(admin_socket)) > SOCKET_PATH_BYTES:
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        admin_socket = Path(platformdirs.user_runtime_dir(NAME, ensure_exists=True)) / f"{name}.sock"
    return Places(home=home, state=state, admin_socket=admin_socket)


def profile_of_this_process() -> Profile:
    """The key derivation of new vaults."""
    return CHEAPEST if os.environ.get(CHEAP_VARIABLE) == "cheapest" else STRONG


class Server:
    """One appliance with its listener, on a loop of its own."""

    def __init__(self, home: Path, settings: Settings) -> None:
        """Take the home and the port.

        Raises:
            Conflict: another process has one of them.
            Unavailable: the home cannot be written.
        """
        self.lock = HomeLock(home)
        self.places = places_of(home)
        self.settings = settings
        try:
            self.listener = bind(settings.host, settings.port)
        except StackError:
            self.lock.release()
            raise
        self.base_url = f"http://{_bracketed(settings.host)}:{self.listener.getsockname()[1]}"
        self.appliance: Appliance | None = None
        self.failure: BaseException | None = None
        self.is_shown = False
        """Whether a screen of this process depends on it."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main(self, passphrase: Secret | None, ready: Callable[[], None]) -> None:
        """Serve until stopped."""
        self._loop = asyncio.get_running_loop()
        # Hypercorn's streams report a cut connection to this handler; a terminal is no place for it.
        self._loop.set_exception_handler(lambda loop, context: log.debug("%s", context.get("message")))
        self.appliance = Appliance(
            self.places, self.settings, RealSystem(), profile_of_this_process(), base_url=self.base_url
        )
        appliance = self.appliance

        async def unlock_first() -> None:
            if passphrase is not None:
                await appliance.unlock(passphrase=passphrase, recovery_code=None)
            else:
                await _open_locked(appliance)
            ready()

        # What was imported stays for good: the collector need not walk it, for a tenth of a second, again and again.
        await run(appliance, self.listener, self.places, self.settings, ready=unlock_first, loaded=gc.freeze)

    def stop(self) -> None:
        """From any thread: end serving."""
        loop, appliance = self._loop, self.appliance
        if loop is not None and appliance is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(appliance.stopping.set)

    def close(self) -> None:
        """Give the port and the home back."""
        self.listener.close()
        self.lock.release()

    @property
    def wants_seal(self) -> bool:
        """Whether the process is to start anew, so that no key stays in memory."""
        return self.appliance is not None and self.appliance.wants_seal


class RealLaunch:
    """The `Launch` that `__main__` hands to the command."""

    def home(self, option: str | None) -> Path:
        chosen = option or os.environ.get(HOME_VARIABLE) or platformdirs.user_data_dir(NAME)
        return Path(chosen).absolute()

    def has_vault(self, home: Path) -> bool:
        return (home / VAULT_NAME).exists()

    def running_socket(self, home: Path) -> Path | None:
        path = places_of(home).admin_socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            try:
                probe.connect(str(path))
            except OSError:
                return None
        return path

    def create(self, home: Path, passphrase: Secret) -> Created:
        if self.has_vault(home):
            raise Conflict("there is a vault here already", code="VAULT_EXISTS", field="home", hint="unlock it")

        async def make() -> Created:
            async with self._opened(home) as appliance:
                return await appliance.create(passphrase)

        return asyncio.run(make())

    @asynccontextmanager
    async def _opened(self, home: Path) -> AsyncIterator[Appliance]:
        """An appliance in this process that serves nobody."""
        lock = HomeLock(home)
        try:
            settings = load(home)
            base_url = f"http://{_bracketed(settings.host)}:{settings.port}"
            appliance = Appliance(places_of(home), settings, RealSystem(), profile_of_this_process(), base_url=base_url)
            async with appliance.open_group():
                yield appliance
        finally:
            lock.release()

    @asynccontextmanager
    async def client(self, home: Path, passphrase: Secret | None) -> AsyncIterator[Client]:
        socket_path = self.running_socket(home)
        if socket_path is not None:
            remote = RemoteClient(socket_path=str(socket_path))
            try:
                yield remote
            finally:
                await remote.aclose()
            return
        if passphrase is None:
            raise Unavailable("no appliance runs for this home", code="NOT_RUNNING", hint="start it with `stack-local`")
        async with self._opened(home) as appliance:
            yield LocalClient(appliance.dispatcher, lambda token: _actor_of(appliance, token))

    def serve(
        self, home: Path, *, host: str | None, port: int | None, passphrase: Secret | None, ready_file: Path | None
    ) -> int:
        _prepare_process(home)
        server = Server(home, load(home, host=host, port=port))

        async def main() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.add_signal_handler(number, server.stop)
            await server.main(passphrase, lambda: _say_ready(server, ready_file))

        try:
            asyncio.run(main())
        except* StackError as group:
            raise _first(group) from None
        finally:
            server.close()
        if server.wants_seal:
            _start_anew()
        return 0

    def terminal(self, home: Path, *, attach: Path | None, host: str | None, port: int | None) -> int:
        running = attach or self.running_socket(home)
        if running is not None:
            return _show(running, ends_appliance=False)
        _prepare_process(home)
        server = Server(home, load(home, host=host, port=port))
        thread = _start_thread(server)
        server.is_shown = True
        try:
            status = _show(server.places.admin_socket, ends_appliance=True)
        finally:
            server.is_shown = False
            server.stop()
            thread.join(STOP_SECONDS)
            server.close()
        if server.wants_seal:
            _start_anew()
        return status

    def demo(self, *, yes: bool) -> int:
        from stack_local.demo import play

        return play(yes=yes, profile=profile_of_this_process())

    def self_test(self) -> int:
        from stack_local.demo import self_test

        return self_test(profile=profile_of_this_process())

    def doctor(self, home: Path) -> list[DoctorLine]:
        from stack_local.examination import examine

        return examine(home, places_of(home), self.running_socket(home))


async def _open_locked(appliance: Appliance) -> None:
    """Open by the keyring if a person allowed it; a keyring that is not there leaves the vault sealed."""
    try:
        await appliance.open_locked()
    except StackError as error:
        log.warning("the keyring did not open the vault: %s", error.message)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _actor_of(appliance: Appliance, token: Secret) -> Actor:
    session_id = appliance.sessions.find(token.reveal())
    return NOBODY if session_id is None else actor_of_session(session_id)


def _prepare_process(home: Path) -> None:
    """Hide the memory, forbid core dumps, and keep every log away from the terminal."""
    harden()
    root = logging.getLogger()
    root.handlers.clear()
    handler = logging.FileHandler(home / "appliance.log", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)r"))
    root.addHandler(handler)
    root.setLevel(logging.WARNING)


def _say_ready(server: Server, ready_file: Path | None) -> None:
    appliance = server.appliance
    facts = {
        "base_url": server.base_url,
        "admin_socket": str(server.places.admin_socket),
        "pid": os.getpid(),
        "state": "sealed" if appliance is None else str(appliance.state),
    }
    if ready_file is not None:
        write_atomically(ready_file, json.dumps(facts).encode())
    print(f"stack_local at {server.base_url} ({facts['state']}); MCP at {server.base_url}/mcp", file=sys.stderr)


def _first(group: BaseExceptionGroup[StackError]) -> BaseException:
    """The first error inside nested groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _start_thread(server: Server) -> threading.Thread:
    """The server's loop in a thread of its own: a terminal that is not read never holds up an agent."""
    started = threading.Event()

    def serve() -> None:
        try:
            asyncio.run(server.main(None, started.set))
        except BaseException as error:
            # Handed to the thread that waits.
            server.failure = error
            log.exception("the server ended")
        finally:
            started.set()
            if server.is_shown:
                # Sealed, or ended by its own failure: the screen takes the signal as its leave.
                os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=serve, name="server", daemon=True)
    thread.start()
    started.wait()
    if server.failure is not None:
        raise server.failure
    return thread


def _show(admin_socket: Path, *, ends_appliance: bool) -> int:
    """The screen, until the person leaves it."""
    import tui.run

    return tui.run.show(RemoteClient(socket_path=str(admin_socket)), RealSystem(), ends_appliance=ends_appliance)


def _start_anew() -> None:
    """Re-execute: the only way for a Python process to forget its keys."""
    argv = [sys.executable, *sys.argv[1:]] if getattr(sys, "frozen", False) else [sys.executable, *sys.orig_argv[1:]]
    reexec(argv, dict(os.environ))
