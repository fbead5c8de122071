"""Argon2id: the named profiles, what is accepted when reading, and the one place that runs it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from stack_local.domain.errors import TooMany, Unavailable
from stack_local.vault.keys import KEY_BYTES, KeyMaterial

SALT_BYTES = 16
"""Length of every salt (RFC 9106, section 3.1)."""
MIN_MEMORY_KIB = 19 * 1024
"""Floor of memory when reading: a lowered header is not honored."""
MAX_MEMORY_KIB = 2 * 1024 * 1024
"""Ceiling of memory when reading: a raised header does not exhaust the machine."""
MIN_ITERATIONS = 2
"""Floor of passes when reading."""
MAX_ITERATIONS = 16
"""Ceiling of passes when reading."""
MAX_LANES = 16
"""Ceiling of lanes when reading; the floor is one."""
MAX_RUNS_AT_ONCE = 2
"""Derivations at once: each may hold 256 MiB."""
MAX_WAIT_SECONDS = 30.0
"""How long a derivation waits for its turn."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one derivation costs."""

    memory_kib: int
    iterations: int
    lanes: int

    def is_acceptable(self) -> bool:
        """Whether a header may ask for this: neither below the floor nor above the ceiling."""
        return (
            MIN_MEMORY_KIB <= self.memory_kib <= MAX_MEMORY_KIB
            and MIN_ITERATIONS <= self.iterations <= MAX_ITERATIONS
            and 1 <= self.lanes <= MAX_LANES
        )


STRONG = Profile(memory_kib=256 * 1024, iterations=3, lanes=4)
"""What a new vault gets: about half a second on two cores."""
LOW_MEMORY = Profile(memory_kib=64 * 1024, iterations=3, lanes=4)
"""For small machines: the second recommendation of RFC 9106, section 4."""
CHEAPEST = Profile(memory_kib=MIN_MEMORY_KIB, iterations=MIN_ITERATIONS, lanes=1)
"""The floor itself. For tests alone."""


class Deriver:
    """Runs Argon2id, a bounded number at once. `app.py` makes one and hands it to whoever opens a vault."""

    def __init__(self, *, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._turns = threading.BoundedSemaphore(MAX_RUNS_AT_ONCE)
        self._max_wait_seconds = max_wait_seconds

    def derive(self, secret: bytes, profile: Profile, *, salt: bytes) -> KeyMaterial:
        """The key for this secret. Blocks: call it in a thread.

        Raises:
            TooMany: others are deriving, and none finished in time.
            Unavailable: the profile is out of bounds, or the machine has not the memory it asks for.
        """
        if not profile.is_acceptable() or len(salt) != SALT_BYTES:
            raise Unavailable("the key derivation asks for more or less than is allowed")
        with self._turn():
            return _argon2id(secret, profile, salt)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._max_wait_seconds):
            raise TooMany("too many unlock attempts at once", retry_after_seconds=1)
        try:
            yield
        finally:
            self._turns.release()


def _argon2id(secret: bytes, profile: Profile, salt: bytes) -> KeyMaterial:
    algorithm = Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=profile.iterations,
        lanes=profile.lanes,
        memory_cost=profile.memory_kib,
    )
    try:
        return KeyMaterial(algorithm.derive(secret))
    except MemoryError as error:
        raise Unavailable("there is not enough memory to unlock", hint="close other programs and try again") from error
