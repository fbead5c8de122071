"""An appliance to be thrown away: served on free ports from a directory of its own, its vault made and unlocked."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from stack_local.app import Appliance, HomeLock, Places
from stack_local.client import RemoteClient
from stack_local.domain.errors import Locked, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.server import bind, run
from stack_local.settings import Settings
from stack_local.system import RealSystem
from stack_local.vault.profiles import Profile
from stack_local.wire.keys import ListKeys
from stack_local.wire.vault import CreateVault, UnlockVault

PASSPHRASE = "demo demo demo"  # noqa: S105 (it opens a vault that is gone when the demo is)
"""Of the throw-away vault: a person types it on the screen."""

LOG_NAME = "appliance.log"


@dataclass(frozen=True, slots=True)
class Throwaway:
    """A running appliance and its person."""

    places: Places
    base_url: str
    person: RemoteClient

    @property
    def mcp_url(self) -> str:
        """Where agents connect."""
        return f"{self.base_url}/mcp"

    async def hold_session(self) -> None:
        """Act as a person from now on: by the session there is, or a new one where it has ended."""
        try:
            await self.person.call(ListKeys())
        except (Unauthorized, Locked):
            # Only now: a person who mistyped at the screen has set the backoff going.
            opened = await self.person.call(UnlockVault(passphrase=SecretStr(PASSPHRASE)))
            self.person.hold_session(Secret(opened.session.get_secret_value()))


def _short_socket(directory: Path) -> Path:
    """Beside the directory where its own path is too long for a Unix socket; the server removes it."""
    inside = directory / "admin.sock"
    return inside if len(str(inside)) < 100 else Path(f"/tmp/stack-demo-{os.getpid()}-{directory.name[-12:]}.sock")  # noqa: S108 (mode 0600, and it grants nothing)


@asynccontextmanager
async def throwaway(directory: Path, profile: Profile) -> AsyncIterator[Throwaway]:
    """Serve it until left; the caller removes the directory."""
    places = Places(home=directory / "home", state=directory / "state", admin_socket=_short_socket(directory))
    settings, lock = Settings(port=0), HomeLock(places.home)
    listener = bind(settings.host, settings.port)
    base_url = f"http://{settings.host}:{listener.getsockname()[1]}"
    appliance = Appliance(places, settings, RealSystem(), profile, base_url=base_url)
    ready = asyncio.Event()

    async def say_ready() -> None:
        ready.set()

    try:
        async with asyncio.TaskGroup() as servers:
            servers.create_task(run(appliance, listener, places, settings, ready=say_ready))
            await ready.wait()
            try:
                async with _person(places) as person:
                    yield Throwaway(places, base_url, person)
            finally:
                appliance.stopping.set()
    finally:
        listener.close()
        lock.release()


@asynccontextmanager
async def _person(places: Places) -> AsyncIterator[RemoteClient]:
    person = RemoteClient(socket_path=str(places.admin_socket))
    try:
        await person.call(CreateVault(passphrase=SecretStr(PASSPHRASE)))
        yield person
    finally:
        await person.aclose()


def log_into(directory: Path) -> None:
    """Keep every log away from the terminal, and where the search for the credential looks."""
    root = logging.getLogger()
    root.handlers.clear()
    root.addHandler(logging.FileHandler(directory / LOG_NAME, delay=True))
    root.setLevel(logging.WARNING)
