"""A machine that tests can turn: clock, randomness and ids are the same on every run, and never repeat within one."""

import hashlib
import itertools
from datetime import UTC, datetime, timedelta

from stack_local.domain import ids
from stack_local.system import milliseconds


class TestSystem:
    """Implements `stack_local.system.System`. Two with different seeds never give the same bytes."""

    __test__ = False  # the name begins like a test, and is none

    def __init__(self, *, seed: str = "stack-local", start: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)) -> None:
        self._seed = seed.encode()
        self._draws = itertools.count()
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def random_bytes(self, count: int) -> bytes:
        draw = next(self._draws)  # atomic, so that several threads never get the same one
        return hashlib.shake_256(self._seed + b"/" + str(draw).encode()).digest(count)

    def new_id(self, kind: str) -> str:
        return ids.encode(kind, milliseconds(self._now), self.random_bytes(24))

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks go on."""
        self._monotonic += seconds
        self.turn(seconds)

    def turn(self, seconds: float) -> None:
        """Somebody sets the wall clock, forward or back; no time passes."""
        moment = self._now + timedelta(seconds=seconds)
        self._now = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
