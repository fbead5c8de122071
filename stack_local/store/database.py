"""The vault's database: opening it under its key, one writer thread with group commit, and reader connections."""

import asyncio
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.domain.errors import Broken, Unavailable

Result = TypeVar("Result")
Row = Any
"""A `sqlcipher3.Row`: read by column name."""

MAX_BATCH = 256
"""Units in one commit."""

PATIENCE_SECONDS = 0.01
"""How long a unit nobody waits for may look out for a commit to ride along with."""

READERS = 2
"""Reader connections, one thread each."""

CACHE_KIBIBYTES = 65_536
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


class Tx:
    """One unit of work on a connection. It lives as long as the function it is handed to."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.touches_access = False
        """Set when keys, passports, agents or grants change: remembered bearers are forgotten after the commit."""
        self.anchors = False
        """Set when the anchor must be written before the caller is answered."""
        self.is_visible = False
        """Set when a screen may show something new."""

    def execute(self, statement: str, /, **parameters: object) -> int:
        """Run one statement; the number of rows it changed."""
        return int(self._connection.execute(statement, parameters).rowcount)

    def find(self, statement: str, /, **parameters: object) -> Row | None:
        """The first row, or None."""
        return self._connection.execute(statement, parameters).fetchone()

    def all(self, statement: str, /, **parameters: object) -> list[Row]:
        """Every row."""
        return list(self._connection.execute(statement, parameters).fetchall())

    @contextmanager
    def savepoint(self, name: str = "part") -> Iterator[None]:
        """Undo what happens inside when it raises, and nothing else."""
        self._connection.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            # On FULL, IOERR or NOMEM SQLite has ended the whole transaction by itself.
            if self._connection.in_transaction:
                self._connection.execute(f"ROLLBACK TO {name}")
                self._connection.execute(f"RELEASE {name}")
            raise
        self._connection.execute(f"RELEASE {name}")

    @property
    def is_open(self) -> bool:
        """Whether the transaction still stands."""
        return bool(self._connection.in_transaction)


@dataclass(slots=True)
class _Unit(Generic[Result]):
    work: Callable[[Tx], Result]
    future: asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop
    result: Result | None = None
    error: BaseException | None = None


class Database:
    """The open vault. `write` and `read` are awaited; the SQL runs in threads of its own."""

    def __init__(self, path: Path, key_hex: str, *, after_commit: Callable[[Tx], None]) -> None:
        """Open (or make) the database.

        `after_commit` runs in the writer thread after each commit, before anyone is answered; its Tx carries the
        flags of all units in the batch. If it raises, the batch is answered as failed though it is committed: what it
        guards (the anchor) must hold before a caller may rely on the commit.

        Raises:
            Unavailable: the file cannot be opened with this key, or is damaged.
        """
        self._path = path
        self._key_hex = key_hex
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[_Unit[Any] | None] = queue.SimpleQueue()
        self._patient: deque[_Unit[Any]] = deque()
        self._is_flush_due = False
        self._local = threading.local()
        self.access_generation = 0
        """Grows with every commit that changes who may do what: remembered bearers are good for one number."""
        self._connections: list[Any] = []
        self._connection = _connect(path, key_hex)
        try:
            _refuse_plaintext(path)
            migrate(self._connection)
        except (Broken, Unavailable):
            self._connection.close()
            raise
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="vault-reader")
        self._writer = threading.Thread(target=self._write_batches, name="vault-writer", daemon=True)
        self._writer.start()

    async def write(self, work: Callable[[Tx], Result]) -> Result:
        """Run one unit in the writer; the answer comes once it is durable (synchronous=FULL).

        A unit that raises is undone alone. Cancelling the caller does not undo it.

        Raises:
            Unavailable: `AUDIT_UNAVAILABLE`; the disk refused, nothing of the unit was done.
        """
        # A caller that is canceled takes its future along, not the unit: that is the writer's already.
        return await self.submit(work)

    def submit(self, work: Callable[[Tx], Result], *, is_patient: bool = False) -> asyncio.Future[Result]:
        """Queue a unit and do not wait: for records that may follow the answer.

        A patient one rides along with the next commit, and has one of its own only if none comes in PATIENCE_SECONDS:
        a commit costs as much for one unit as for many.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        unit = _Unit(work, future, loop)
        if not is_patient:
            self._queue.put(unit)
            return future
        self._patient.append(unit)
        if not self._is_flush_due:
            self._is_flush_due = True
            loop.call_later(PATIENCE_SECONDS, self._flush, loop)
        return future

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the patient units committed. The flag falls before the writer is woken: it then sees them all."""
        self._is_flush_due = False
        if self._patient:
            self._queue.put(_Unit(_nothing, loop.create_future(), loop))

    async def read(self, work: Callable[[Tx], Result]) -> Result:
        """Run a reading function on a reader connection, in one snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Tx], Result]) -> Result:
        connection = self._reader()
        try:
            connection.execute("BEGIN")
            result = work(Tx(connection))
            connection.execute("COMMIT")
            return result
        except sqlcipher.Error as error:
            # One damaged page poisons the connection that met it: the next reader gets a new one.
            self._connections.remove(connection)
            del self._local.connection
            connection.close()
            raise Unavailable("the vault cannot be read", code="VAULT_UNREADABLE", hint="see `doctor`") from error
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _reader(self) -> Any:
        """This thread's own reading connection."""
        if not hasattr(self._local, "connection"):
            self._local.connection = _connect(self._path, self._key_hex)
            self._local.connection.execute("PRAGMA query_only = ON")
            self._connections.append(self._local.connection)
        return self._local.connection

    def close(self) -> None:
        """Finish what is queued, checkpoint the log, and close every connection."""
        self._queue.put(None)
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _write_batches(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._next_batch()
            if batch:
                self._commit(batch)
                _resolve(batch)
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _next_batch(self) -> tuple[list[_Unit[Any]], bool]:
        first = self._queue.get()
        batch = self._take_patient()
        if first is None:
            return batch, False
        batch.append(first)
        while len(batch) < MAX_BATCH:
            try:
                unit = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
            if unit is None:
                return batch, False
            batch.append(unit)
        return batch, True

    def _take_patient(self) -> list[_Unit[Any]]:
        taken = []
        while self._patient:
            taken.append(self._patient.popleft())
        return taken

    def _commit(self, batch: Sequence[_Unit[Any]]) -> None:
        tx = Tx(self._connection)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for unit in batch:
                _run(tx, unit)
            self._connection.execute("COMMIT")
            self.access_generation += tx.touches_access
            self._after_commit(tx)
        except (sqlcipher.Error, MemoryError, OSError, Unavailable) as error:
            self._fail(batch, error)

    def _fail(self, batch: Sequence[_Unit[Any]], error: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for unit in batch:
            unit.error = Unavailable(
                "the record cannot be written, so it was not done",
                code="AUDIT_UNAVAILABLE",
                rule="no record, no action",
                hint=f"free some disk space, then try again ({type(error).__name__})",
            )


def _nothing(tx: Tx) -> None:
    """A unit that is there for the commit alone."""


def _run(tx: Tx, unit: _Unit[Any]) -> None:
    """Run one unit in its own savepoint.

    Raises:
        sqlcipher3.Error: the whole transaction is gone.
    """
    try:
        with tx.savepoint("unit"):
            unit.result = unit.work(tx)
    except sqlcipher.IntegrityError as error:
        unit.error = Broken(f"the database refused a row: {type(error).__name__}")
    except sqlcipher.Error:
        raise
    except Exception as error:
        unit.error = error
        if not tx.is_open:
            raise sqlcipher.OperationalError("the transaction ended inside a unit") from error


def _resolve(batch: Sequence[_Unit[Any]]) -> None:
    """Answer every unit with one wake-up per loop."""
    loops = {id(unit.loop): unit.loop for unit in batch}
    for key, loop in loops.items():
        units = [unit for unit in batch if id(unit.loop) == key]
        try:
            loop.call_soon_threadsafe(_answer_all, units)
        except RuntimeError:
            # The loop is closed: its callers are gone, their work is committed all the same.
            continue


def _answer_all(units: Sequence[_Unit[Any]]) -> None:
    for unit in units:
        if unit.future.done():
            continue
        if unit.error is not None:
            unit.future.set_exception(unit.error)
            unit.future.exception()
        else:
            unit.future.set_result(unit.result)


def _connect(path: Path, key_hex: str) -> Any:
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


def _refuse_plaintext(path: Path) -> None:
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
