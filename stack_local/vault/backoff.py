"""Waiting between unlock attempts: five are free, then 1, 2, 4 … 60 seconds, also across a restart.

It slows whoever asks the appliance. Whoever can copy or delete the files is slowed by Argon2id alone.
"""

import math
import threading
from dataclasses import dataclass
from pathlib import Path

from stack_local.domain.errors import TooMany, Unavailable
from stack_local.system import System, milliseconds
from stack_local.vault import strict_json
from stack_local.vault.files import find_bounded, write_atomically

FREE_ATTEMPTS = 5
"""Attempts before the first wait."""
MAX_WAIT_SECONDS = 60
"""The longest wait, whatever the file or the clock says."""
MAX_BYTES = 1024
"""Bytes of the file."""

_MAX_COUNTED = FREE_ATTEMPTS + MAX_WAIT_SECONDS.bit_length()


@dataclass(frozen=True, slots=True)
class _Record:
    attempts: int
    blocked_until_ms: int


class UnlockBackoff:
    """The attempts since the last right passphrase. One per process; safe from several threads."""

    def __init__(self, path: Path, system: System) -> None:
        self._path = path
        self._system = system
        self._lock = threading.Lock()  # owns the two fields below
        self._attempts: int | None = None
        self._deadline = 0.0

    def admit(self) -> None:
        """Count an attempt, durably, before it is made: neither a crash nor ten at once make it free.

        Raises:
            TooMany: it is too early; `retry_after_seconds` says when.
            Unavailable: the attempt cannot be written down.
        """
        with self._lock:
            attempts = self._load()
            self._refuse_while_waiting()
            self._save(min(attempts + 1, _MAX_COUNTED))

    def reset(self) -> None:
        """Forget the attempts: the last one was right."""
        with self._lock:
            self._save(0)

    def _load(self) -> int:
        # The wall clock is asked once, at the start; from then on a clock that is turned changes nothing.
        if self._attempts is None:
            record = self._find_record()
            remaining = (record.blocked_until_ms - milliseconds(self._system.now())) / 1000
            bounded = min(max(remaining, 0.0), wait_seconds(record.attempts))
            self._attempts, self._deadline = record.attempts, self._system.monotonic() + bounded
        return self._attempts

    def _refuse_while_waiting(self) -> None:
        remaining = self._deadline - self._system.monotonic()
        if remaining > 0:
            raise TooMany("too many unlock attempts", retry_after_seconds=math.ceil(remaining), hint="wait")

    def _save(self, attempts: int) -> None:
        wait = wait_seconds(attempts)
        record = _Record(attempts, milliseconds(self._system.now()) + wait * 1000 if wait else 0)
        write_atomically(self._path, _encode(record))
        self._attempts, self._deadline = attempts, self._system.monotonic() + wait

    def _find_record(self) -> _Record:
        longest = _Record(_MAX_COUNTED, milliseconds(self._system.now()) + MAX_WAIT_SECONDS * 1000)
        try:
            raw = find_bounded(self._path, max_bytes=MAX_BYTES)
        except Unavailable:
            return longest
        if raw is None:
            return _Record(0, 0)
        # A file we cannot read counts as the longest wait: it closes, but not for ever.
        return _decode(raw) or longest


def wait_seconds(attempts: int) -> int:
    """How long to wait after so many attempts."""
    if attempts < FREE_ATTEMPTS:
        return 0
    return min(1 << min(attempts, _MAX_COUNTED) - FREE_ATTEMPTS, MAX_WAIT_SECONDS)


def _encode(record: _Record) -> bytes:
    return strict_json.canonical({"attempts": record.attempts, "blocked_until_ms": record.blocked_until_ms}) + b"\n"


def _decode(raw: bytes) -> _Record | None:
    try:
        fields = strict_json.read_object(raw)
    except strict_json.Malformed:
        return None
    attempts, until = fields.get("attempts"), fields.get("blocked_until_ms")
    if len(fields) != 2 or type(attempts) is not int or type(until) is not int or attempts < 0:
        return None
    return _Record(min(attempts, _MAX_COUNTED), until)
