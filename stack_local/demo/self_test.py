"""`stack-local self-test`: whether this build has all its parts, and does the main job with them."""

import asyncio
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from plugins import BUILTIN
from stack_local.app import DATABASE_NAME
from stack_local.client import RemoteClient
from stack_local.demo import plain_agent
from stack_local.demo.narration import Check, Narrator
from stack_local.demo.performance import Performance
from stack_local.demo.throwaway import Throwaway, log_into, throwaway
from stack_local.domain.errors import StackError
from stack_local.plugin_api import Registrar
from stack_local.store.opening import OLDEST_SQLITE, sqlite_version
from stack_local.system import RealSystem
from stack_local.vault.profiles import STRONG, Profile

SCREEN_SECONDS = 15
"""How long the first screen may take."""

PLAIN_DATABASE = b"SQLite format 3\0"
"""What an unencrypted database begins with."""


def self_test(*, profile: Profile = STRONG) -> int:
    """A line for each check; 0 only if all held."""
    narrator = Narrator(lambda line: print(line, flush=True))
    held = True
    with tempfile.TemporaryDirectory(prefix="stack-test-") as name:
        log_into(Path(name))
        for check in _checks(Path(name), profile):
            narrator.check(check)
            held = held and check.held
    return 0 if held else 1


def _checks(directory: Path, profile: Profile) -> Iterator[Check]:
    yield from _parts()
    yield from _screen(directory / "screen", profile)
    yield from _main_job(directory / "job", profile)


def _parts() -> Iterator[Check]:
    version = ".".join(str(part) for part in sqlite_version())
    yield Check(f"SQLite {version} is recent enough.", sqlite_version() >= OLDEST_SQLITE)
    plugins = Registrar()
    for register in BUILTIN:
        register(plugins)
    yield Check(
        f"Plugins are built in: {len(plugins.detectors)} for detecting, {len(plugins.templates)} for credentials.",
        bool(plugins.detectors) and bool(plugins.templates),
    )
    folder = resources.files("stack_local.store") / "migrations"
    migrations = [file.name for file in folder.iterdir() if file.name.endswith(".sql")] if folder.is_dir() else []
    yield Check(f"The database's migrations are there: {len(migrations)}.", bool(migrations))


def _screen(directory: Path, profile: Profile) -> Iterator[Check]:
    """The first screen that a person sees, drawn without a terminal."""
    words = "The terminal screen opens and asks for the passphrase."
    try:
        yield Check(words, asyncio.run(_is_screen_drawn(directory, profile)))
    except (ImportError, TimeoutError) as error:
        yield Check(f"{words} ({type(error).__name__}: {error})", held=False)


async def _is_screen_drawn(directory: Path, profile: Profile) -> bool:
    from tui.app import StackTui

    async with throwaway(directory, profile) as house:
        client = RemoteClient(socket_path=str(house.places.admin_socket))
        app = StackTui(client, desktop_notify=None, system=RealSystem())
        async with app.run_test(size=(80, 24)) as pilot, asyncio.timeout(SCREEN_SECONDS):
            while "passphrase" not in app.export_screenshot().lower():
                await pilot.pause(0.05)
        await client.aclose()
        return True


def _main_job(directory: Path, profile: Profile) -> Iterator[Check]:
    """The demo's story with the bare MCP client."""
    directory.mkdir()
    database = directory / "home" / DATABASE_NAME
    is_encrypted = False

    def look(house: Throwaway) -> None:
        nonlocal is_encrypted
        is_encrypted = not database.read_bytes().startswith(PLAIN_DATABASE)

    async def perform() -> list[Check]:
        performance = Performance(directory, profile, Narrator(lambda line: None), pause_seconds=0)
        performance.screen_is_left.set()
        return await performance.run(plain_agent.open_agent, look)

    try:
        checks = asyncio.run(perform())
    except* StackError as group:
        checks = [Check(f"The main job broke off: {group.exceptions[0]}", held=False)]
    yield Check("The vault's database is encrypted.", is_encrypted)
    yield from checks
