"""Opening the vault's file: its key, how SQLCipher is to run it, and its schema brought to the newest version."""

import os
from importlib import resources
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.domain.errors import Broken, Unavailable

CACHE_KIBIBYTES = 16_384
"""Page cache of a connection: decrypting a page again costs four times a plain read."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA mmap_size = 0",
    "PRAGMA busy_timeout = 5000",
    f"PRAGMA cache_size = -{CACHE_KIBIBYTES}",
)


OLDEST_SQLITE = (3, 51, 3)
"""Older ones can damage a write-ahead log (the reset bug of 3.7.0 to 3.51.2)."""


def sqlite_version() -> tuple[int, ...]:
    """The version of SQLite inside the library."""
    return tuple(int(part) for part in sqlcipher.sqlite_version.split("."))


def connect(path: Path, key_hex: str) -> Any:
    """A connection to the file under this key; a file that is not there is made, for its owner alone.

    Raises:
        Unavailable: the file cannot be opened with this key, or is damaged.
    """
    if len(key_hex) != 64 or set(key_hex) - set("0123456789abcdef"):
        # Anything else SQLCipher silently takes as a passphrase, and derives another key from it.
        raise Broken("the database key is not 32 bytes in hex")
    # SQLite gives the write-ahead log the mode of the file itself.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlcipher.Row
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key_hex}'\"")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlcipher.Error:
        connection.close()
        raise Unavailable(
            "the vault's database cannot be opened with its key",
            code="VAULT_DAMAGED",
            hint="restore it from a backup; the key slots themselves are good",
        ) from None
    return connection


def refuse_plaintext(path: Path) -> None:
    """Whether the file is encrypted is seen in its first bytes.

    Raises:
        Broken: it is not.
    """
    with path.open("rb") as file:
        if file.read(16) == b"SQLite format 3\x00":
            raise Broken("the database is not encrypted")


def migrate(connection: Any) -> None:
    """Bring the schema to the newest version, each step in one transaction.

    Raises:
        Unavailable: the vault was written by a newer version.
    """
    steps = sorted(
        (
            item
            for item in resources.files("stack_local.store").joinpath("migrations").iterdir()
            if item.name.endswith(".sql")
        ),
        key=lambda item: item.name,
    )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise Unavailable("the vault was written by a newer version", code="VAULT_NEWER", hint="use that version")
    for number, step in enumerate(steps[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{step.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlcipher.Error as error:
            raise Unavailable("the vault could not be brought to this version", code="MIGRATION_FAILED") from error
