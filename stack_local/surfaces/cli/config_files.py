"""Editing the configuration files of clients: planned whole, then written atomically, with one backup beside each."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack_local.domain.errors import Conflict, InvalidRequest, Unavailable
from stack_local.surfaces.cli import config_entries, config_text
from stack_local.surfaces.cli.config_entries import Entry, Tree
from stack_local.surfaces.cli.config_text import Form
from stack_local.vault.files import PRIVATE, find_bounded, write_atomically

MAX_CONFIG_BYTES = 16 * 1024 * 1024
"""No client writes a larger one."""

BACKUP_SUFFIX = ".before-stack-local"

BY_HAND = "without --write it is printed what to put there by hand"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that a client reads, and what it is to hold."""

    path: Path
    entries: tuple[Entry, ...]
    form: Form = "json"


@dataclass(frozen=True, slots=True)
class Edit:
    """What happens to one file. `None` for its content: there is no file."""

    path: Path
    """The file itself, where the client's name for it is a link."""
    before: bytes | None
    after: bytes | None
    is_undo: bool

    @property
    def is_change(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after

    @property
    def backup(self) -> Path:
        """Where the content from before our first edit is kept."""
        return self.path.with_name(self.path.name + BACKUP_SUFFIX)


def plan_write(file: ConfigFile, *, replace: bool) -> Edit:
    """How the entries come into the file.

    Raises:
        InvalidRequest: it is not of its form, or cannot be edited without touching more than our entries.
        Conflict: another entry of somebody else's stands in the place of ours.
    """
    path = _real(file.path)
    before = _read(path)
    tree = _parse(before, file)
    missing = [entry for entry in file.entries if not _stands(tree, entry, file, replace=replace)]
    after = _render(before, tree, missing, file) if missing else before
    return Edit(path, before, after, is_undo=False)


def plan_undo(file: ConfigFile, *, replace: bool) -> Edit:
    """How the entries go out of the file: the backup where nothing else changed since, else without our entries.

    Raises:
        InvalidRequest: it is not of its form, or cannot be edited without touching more than our entries.
        Conflict: what stands in the place of ours was changed by somebody.
    """
    path = _real(file.path)
    before = _read(path)
    edit = Edit(path, before, before, is_undo=True)
    tree = _parse(before, file)
    found = [entry for entry in (_find(tree, wanted, file, replace=replace) for wanted in file.entries) if entry]
    if not found:
        return edit
    earlier = _read(edit.backup)
    earlier_tree = _parse(earlier, file)
    if _render(earlier, earlier_tree, found, file) == before:
        return Edit(path, before, earlier, is_undo=True)
    left = config_entries.take_out(tree, found, earlier_tree)
    return Edit(path, before, _text_of(before, left, file).encode(), is_undo=True)


def carry_out(edit: Edit) -> None:
    """Do what was planned.

    Raises:
        Conflict: the file was changed since the plan; nothing was written.
        Unavailable: it cannot be written.
    """
    if not edit.is_change:
        return
    if _read(edit.path) != edit.before:
        raise Conflict("the file was changed meanwhile", file=str(edit.path), hint="end the client and try again")
    try:
        if edit.after is None:
            edit.path.unlink()
        else:
            _replace(edit, edit.after)
        if edit.is_undo:
            edit.backup.unlink(missing_ok=True)
    except (OSError, Unavailable) as error:
        raise Unavailable("the file could not be written", file=str(edit.path)) from error


def _replace(edit: Edit, content: bytes) -> None:
    edit.path.parent.mkdir(parents=True, exist_ok=True)
    mode = PRIVATE if edit.before is None else stat.S_IMODE(edit.path.stat().st_mode)
    if edit.before is not None and not edit.is_undo and not os.path.lexists(edit.backup):
        write_atomically(edit.backup, edit.before, mode=mode)
    write_atomically(edit.path, content, mode=mode)


def _stands(tree: Tree, wanted: Entry, file: ConfigFile, *, replace: bool) -> bool:
    found = _at(tree, wanted, file)
    if found is None:
        return False
    if config_entries.is_satisfied(found, wanted):
        return True
    if not replace and not config_entries.is_ours(found, wanted):
        raise _foreign(wanted, file)
    return False


def _find(tree: Tree, wanted: Entry, file: ConfigFile, *, replace: bool) -> Entry | None:
    found = _at(tree, wanted, file)
    if found is not None and not replace and not config_entries.is_ours(found, wanted):
        raise _foreign(wanted, file)
    return found


def _at(tree: Tree, wanted: Entry, file: ConfigFile) -> Entry | None:
    try:
        return config_entries.find(tree, wanted)
    except ValueError as error:
        raise _not_editable(file, error) from None


def _foreign(wanted: Entry, file: ConfigFile) -> Conflict:
    return Conflict(
        f"{wanted.name} is set already, and not as this command sets it",
        field=wanted.name,
        file=str(file.path),
        hint="look at it; --replace takes it for ours",
    )


def _render(content: bytes | None, tree: Tree, entries: Sequence[Entry], file: ConfigFile) -> bytes:
    try:
        wanted = config_entries.put(tree, entries)
    except ValueError as error:
        raise _not_editable(file, error) from None
    return _text_of(content, wanted, file).encode()


def _text_of(content: bytes | None, tree: Tree, file: ConfigFile) -> str:
    tables = file.entries[0].keys
    try:
        rendered = config_text.render((content or b"").decode(), tree, file.form, tables)
        rendered.encode()
    except ValueError as error:
        raise _not_editable(file, error) from None
    return rendered


def _parse(content: bytes | None, file: ConfigFile) -> Tree:
    try:
        return config_text.parse((content or b"").decode(), file.form)
    except ValueError as error:
        raise _not_editable(file, error) from None


def _not_editable(file: ConfigFile, error: ValueError) -> InvalidRequest:
    # Of a Unicode error the message would quote the bytes; ours quote nothing.
    reason = "not UTF-8" if isinstance(error, UnicodeError) else str(error)
    return InvalidRequest(
        f"the file cannot be edited: {reason}",
        code="NOT_EDITABLE",
        field="file",
        file=str(file.path),
        rule=f"plain {file.form.upper()}, without comments" if file.form == "json" else "TOML, our server in tables",
        hint=BY_HAND,
    )


def _read(path: Path) -> bytes | None:
    try:
        return find_bounded(path, max_bytes=MAX_CONFIG_BYTES)
    except Unavailable as error:
        raise Unavailable(error.message, file=str(path)) from error


def _real(path: Path) -> Path:
    # A link is followed, so that a folder of dotfiles stays what it is; the draft is renamed beside the real file.
    return Path(os.path.realpath(path))
