"""The vault's database: one unit of work, one writer thread with group commit, and reader connections."""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.domain.errors import Broken, Unavailable
from stack_local.store.opening import connect, migrate, refuse_plaintext

Result = TypeVar("Result")
Asked = ParamSpec("Asked")
Row = Any
"""A `sqlcipher3.Row`: read by column name."""

MAX_BATCH = 256
"""Units in one commit."""

PATIENCE_SECONDS = 0.01
"""How long a unit nobody waits for may look out for a commit to ride along with."""

BULK_ROWS = 32
"""Rows of one statement: each number of them is a statement of its own in the library's cache."""

REMEMBERED = 4096
"""Answers the writer keeps: then it forgets them all."""

READERS = 2
"""Reader connections, one thread each."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement that writes many rows at once: the writer hands the interpreter over at every statement."""

    before: str
    """Up to the rows, each of which is written `(?, …)`."""
    width: int
    """Values of a row."""
    after: str = ""
    """What follows the rows."""
    changes: bool = False
    """Whether it changes rows; new ones are written first."""

    def statement(self, rows: int) -> str:
        """The statement for so many rows."""
        row = f"({', '.join('?' * self.width)})"
        return f"{self.before} {', '.join([row] * rows)} {self.after}"


@dataclass(slots=True)
class _Savepoint:
    """A part of a unit. SQLite hears of it at its first statement: most parts of a governed call have none."""

    name: str
    log_at: int
    """How many rows had been logged when it began."""
    is_open: bool = False


class Tx:
    """One unit of work on a connection. It lives as long as the function it is handed to."""

    def __init__(self, connection: Any, memory: "dict[Hashable, Any] | None" = None) -> None:
        self._connection = connection
        self._memory = {} if memory is None else memory
        self._is_writer = memory is not None
        self._savepoints: list[_Savepoint] = []
        self._log: list[tuple[Bulk, tuple[object, ...]]] = []
        self._logged = 0
        """Rows of the log that were written already."""
        self.touches_access = False
        """Set when keys, passports, agents or grants change: remembered bearers are forgotten after the commit."""
        self.anchors = False
        """Set when the anchor must be written before the caller is answered."""
        self.is_visible = False
        """Set when a screen may show something new."""

    @property
    def is_writer(self) -> bool:
        """Whether it sees what the batch has done so far; a reader sees an earlier state."""
        return self._is_writer

    def execute(self, statement: str, /, **parameters: object) -> int:
        """Run one statement; the number of rows it changed. Whatever was remembered is read anew after it."""
        self._memory.clear()
        self.write_log()
        return int(self._connection.execute(statement, parameters).rowcount)

    def find(self, statement: str, /, **parameters: object) -> Row | None:
        """The first row, or None."""
        return self._reading().execute(statement, parameters).fetchone()

    def all(self, statement: str, /, **parameters: object) -> list[Row]:
        """Every row."""
        return list(self._reading().execute(statement, parameters).fetchall())

    def log(self, bulk: Bulk, *values: object) -> None:
        """Write a row of the audit log or of the operations, at the latest with the commit.

        No remembered answer may depend on it, and it must not fail but with the disk: it then takes the whole batch
        along, so that nobody is told of a record that is not there.
        """
        self._log.append((bulk, values))

    def remembered(self, key: Hashable, read: Callable[[], Result]) -> Result:
        """What `read` said the last time, if nothing but the log was written since; the writer alone may know that."""
        if key not in self._memory:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            self._memory[key] = read()
        answer: Result = self._memory[key]
        return answer

    def remember(self, key: Hashable, answer: object) -> None:
        """Say what the next `remembered` of this key gives."""
        self._memory[key] = answer

    def _reading(self) -> Any:
        if self._log:
            self.write_log()
        return self._connection

    def write_log(self) -> None:
        """Open the savepoints that stand, and write the rows that wait, each in its own.

        Raises:
            sqlcipher3.OperationalError: a row cannot be written; the whole transaction is lost.
        """
        for point in self._savepoints:
            if not point.is_open:
                self._write_rows(point.log_at - self._logged)
                self._connection.execute(f"SAVEPOINT {point.name}")
                point.is_open = True
        self._write_rows(len(self._log))

    def _write_rows(self, count: int) -> None:
        if count <= 0:
            return
        rows = self._log[:count]
        del self._log[:count]
        self._logged += count
        try:
            for bulk in sorted({bulk for bulk, _ in rows}, key=lambda bulk: (bulk.changes, bulk.before)):
                self._write_bulk(bulk, [values for other, values in rows if other == bulk])
        except (sqlcipher.IntegrityError, ValueError, TypeError, OverflowError) as error:
            # The unit that logged it may have been counted as done: it must not be blamed on the one under way. And a
            # value that cannot be bound must not end the writer's thread.
            raise sqlcipher.OperationalError("the database refused a row of the log") from error

    def _write_bulk(self, bulk: Bulk, rows: Sequence[tuple[object, ...]]) -> None:
        for at in range(0, len(rows), BULK_ROWS):
            some = rows[at : at + BULK_ROWS]
            self._connection.execute(bulk.statement(len(some)), [value for values in some for value in values])

    @contextmanager
    def savepoint(self, name: str = "part") -> Iterator[None]:
        """Undo what happens inside when it raises, and nothing else."""
        point = _Savepoint(name, self._logged + len(self._log))
        self._savepoints.append(point)
        try:
            yield
        except BaseException:
            self._undo(point)
            raise
        finally:
            self._savepoints.pop()
        if point.is_open:
            self._connection.execute(f"RELEASE {name}")

    def _undo(self, point: _Savepoint) -> None:
        self._memory.clear()
        del self._log[max(point.log_at - self._logged, 0) :]
        # On FULL, IOERR or NOMEM SQLite has ended the whole transaction by itself.
        if point.is_open and self._connection.in_transaction:
            self._connection.execute(f"ROLLBACK TO {point.name}")
            self._connection.execute(f"RELEASE {point.name}")

    @property
    def is_open(self) -> bool:
        """Whether the transaction still stands."""
        return bool(self._connection.in_transaction)


def remembered(read: Callable[Concatenate[Tx, Asked], Result]) -> Callable[Concatenate[Tx, Asked], Result]:
    """A reading function whose answers the writer keeps. They must be values that nobody can change."""

    @wraps(read)
    def answer(tx: Tx, /, *asked: Asked.args, **named: Asked.kwargs) -> Result:
        return tx.remembered((read, asked, *named.items()), lambda: read(tx, *asked, **named))

    return answer


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
        self._memory: dict[Hashable, Any] = {}
        """What the writer has read and nothing has changed since; the writer's alone."""
        self.access_generation = 0
        """Grows with every commit that changes who may do what: remembered bearers are good for one number."""
        self._connections: list[Any] = []
        self._connection = connect(path, key_hex)
        try:
            refuse_plaintext(path)
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
            self._local.connection = connect(self._path, self._key_hex)
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
        tx = Tx(self._connection, self._memory)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for unit in batch:
                _run(tx, unit)
            tx.write_log()
            self._connection.execute("COMMIT")
            self.access_generation += tx.touches_access
            self._after_commit(tx)
        except (sqlcipher.Error, MemoryError, OSError, Unavailable) as error:
            self._fail(batch, error)

    def _fail(self, batch: Sequence[_Unit[Any]], error: Exception) -> None:
        self._memory.clear()
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
