"""The clock, randomness and new ids: the only module that asks the machine for them."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from stack_local.domain import ids


class System(Protocol):
    """What the rest may ask of the machine; tests hand in one they can turn."""

    def now(self) -> datetime:
        """Aware UTC, whole milliseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""
        ...

    def random_bytes(self, count: int) -> bytes: ...

    def new_id(self, kind: str) -> str:
        """A fresh id; `kind` is a key of `ids.PREFIXES`."""
        ...


@dataclass(frozen=True, slots=True)
class RealSystem:
    """The machine itself."""

    def now(self) -> datetime:
        return from_milliseconds(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        return time.monotonic()

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def new_id(self, kind: str) -> str:
        return ids.encode(kind, time.time_ns() // 1_000_000, secrets.token_bytes(24))


def milliseconds(moment: datetime) -> int:
    """Unix time in milliseconds: how times are stored and recorded."""
    return round(moment.timestamp() * 1000)


def from_milliseconds(value: int) -> datetime:
    """The moment that `milliseconds` gave."""
    return datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)
