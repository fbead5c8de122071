"""`stack-local doctor`: what is well with an installation and what is not. It looks, and changes nothing."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from stack_local.app import DATABASE_NAME, SERVICE_USER_BELOW, Places
from stack_local.domain.errors import StackError
from stack_local.settings import load
from stack_local.store.opening import OLDEST_SQLITE, sqlite_version
from stack_local.surfaces.cli.launch import DoctorLine
from stack_local.vault.slots import FILE_NAME as VAULT_NAME
from stack_local.vault.slots import list_slots

SESSION_VARIABLE = "STACK_LOCAL_SESSION"


def examine(home: Path, places: Places, running: Path | None) -> list[DoctorLine]:
    """Every finding, in the order in which one would look."""
    return [*_vault(home), *_modes(home), *_settings(home), *_library(), *_process(places, running), *_isolation()]


def _vault(home: Path) -> Iterator[DoctorLine]:
    if not (home / VAULT_NAME).exists():
        yield DoctorLine("warn", f"there is no vault at {home}", "make one with `stack-local init`")
        return
    try:
        kinds = sorted(str(slot.kind) for slot in list_slots(home))
    except StackError as error:
        yield DoctorLine("fail", f"the key slots cannot be read: {error.message}", "restore vault.json from a backup")
        return
    yield DoctorLine("ok", f"the vault opens by: {', '.join(kinds)}")
    if not (home / DATABASE_NAME).exists():
        yield DoctorLine("fail", "the vault's database is missing", f"restore {DATABASE_NAME} from a backup")


def _modes(home: Path) -> Iterator[DoctorLine]:
    if not home.exists():
        return
    open_to_others = [path.name for path in (home, *home.iterdir()) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if open_to_others:
        yield DoctorLine("fail", f"others may read {', '.join(open_to_others)}", f"chmod -R go= {home}")
    else:
        yield DoctorLine("ok", "only this user may read the home")


def _settings(home: Path) -> Iterator[DoctorLine]:
    try:
        settings = load(home)
    except StackError as error:
        yield DoctorLine("fail", f"the settings are refused: {error.message}", "see docs/settings.md")
        return
    yield DoctorLine(
        "ok",
        f"the settings have agents connect to {settings.host}:{settings.port}, where `serve` is not told otherwise",
    )


def _library() -> Iterator[DoctorLine]:
    version = sqlite_version()
    if version < OLDEST_SQLITE:
        yield DoctorLine("fail", f"SQLite {_dotted(version)} can damage its log", f"use {_dotted(OLDEST_SQLITE)}")
    else:
        yield DoctorLine("ok", f"SQLite {_dotted(version)} with SQLCipher")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _process(places: Places, running: Path | None) -> Iterator[DoctorLine]:
    if running is None:
        yield DoctorLine("warn", "no appliance runs for this home", "start it with `stack-local`")
    else:
        yield DoctorLine("ok", f"an appliance answers at {running}")
    if places.state == places.home or places.home in places.state.parents:
        yield DoctorLine("warn", "the anchor lies inside the home it watches", "set STACK_LOCAL_STATE elsewhere")
    if os.environ.get(SESSION_VARIABLE):
        yield DoctorLine(
            "warn", f"{SESSION_VARIABLE} stands in the environment", "every child of this shell can decide with it"
        )


def _isolation() -> Iterator[DoctorLine]:
    user = os.getuid()
    if user == 0 or user >= SERVICE_USER_BELOW:
        yield DoctorLine(
            "warn",
            "agents that run as this user can type into this terminal: approvals are advisory",
            "run the appliance under a user of its own (SECURITY.md, level 1)",
        )
    else:
        yield DoctorLine("ok", "the appliance has a user of its own")
