"""Five attempts are free; then time, and nothing else, gives another."""

from pathlib import Path

import pytest

from stack_local.domain.errors import TooMany, Unavailable
from stack_local.vault.backoff import UnlockBackoff, wait_seconds
from tests.simulators.clock import TestSystem


@pytest.fixture
def system() -> TestSystem:
    return TestSystem()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "unlock.json"


def refused_for(backoff: UnlockBackoff) -> int:
    with pytest.raises(TooMany) as refusal:
        backoff.admit()
    seconds = refusal.value.details["retry_after_seconds"]
    assert isinstance(seconds, int)
    return seconds


def spent(path: Path, system: TestSystem, attempts: int) -> UnlockBackoff:
    """A backoff after so many wrong attempts, each made as soon as it may be."""
    backoff = UnlockBackoff(path, system)
    for attempt in range(attempts):
        backoff.admit()
        if attempt + 1 < attempts:
            system.advance(wait_seconds(attempt + 1))
    return backoff


def test_the_waits_double_up_to_a_minute() -> None:
    assert [wait_seconds(attempts) for attempts in range(14)] == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(("attempts", "wait"), [(5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (30, 60)])
def test_after_the_free_attempts_one_waits(path: Path, system: TestSystem, attempts: int, wait: int) -> None:
    backoff = spent(path, system, attempts)
    assert refused_for(backoff) == wait
    system.advance(wait - 0.01)
    assert refused_for(backoff) == 1
    system.advance(0.01)
    backoff.admit()


def test_a_refused_attempt_does_not_prolong_the_wait(path: Path, system: TestSystem) -> None:
    backoff = spent(path, system, 9)
    assert [refused_for(backoff) for _ in range(50)] == [16] * 50


def test_the_right_passphrase_resets(path: Path, system: TestSystem) -> None:
    backoff = spent(path, system, 8)
    system.advance(8)
    backoff.admit()
    backoff.reset()
    for again in (backoff, UnlockBackoff(path, system)):
        again.admit()
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_attempt_counts_before_it_is_made(path: Path, system: TestSystem) -> None:
    for _ in range(5):
        UnlockBackoff(path, system).admit()  # and the process dies while it derives
    assert refused_for(UnlockBackoff(path, system)) == 1


TURNED = {"by nothing": 0, "back an hour": -3600, "back ten years": -315_360_000}


@pytest.mark.parametrize("turn", TURNED.values(), ids=TURNED.keys())
def test_a_restart_keeps_the_wait_and_a_clock_set_back_ends_it_too(path: Path, system: TestSystem, turn: int) -> None:
    spent(path, system, 12)
    system.turn(turn)
    restarted = UnlockBackoff(path, system)
    assert refused_for(restarted) == 60
    system.advance(60)
    restarted.admit()


def test_a_running_process_does_not_believe_the_wall_clock(path: Path, system: TestSystem) -> None:
    backoff = spent(path, system, 12)
    system.turn(86_400)
    assert refused_for(backoff) == 60
    system.turn(-10 * 86_400)
    assert refused_for(backoff) == 60


DAMAGED = {
    "empty": b"",
    "not json": b"{",
    "negative": b'{"attempts":-99,"blocked_until_ms":0}',
    "text": b'{"attempts":"0","blocked_until_ms":0}',
    "true": b'{"attempts":true,"blocked_until_ms":0}',
    "a member too many": b'{"attempts":0,"blocked_until_ms":0,"x":0}',
    "a member too few": b'{"attempts":0}',
    "too large": b" " * 2000,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_the_longest_wait_and_not_for_ever(path: Path, system: TestSystem, content: bytes) -> None:
    path.write_bytes(content)
    backoff = UnlockBackoff(path, system)
    assert refused_for(backoff) == 60
    system.advance(60)
    backoff.admit()
    assert refused_for(backoff) == 60


def test_a_raised_file_waits_a_minute_at_most(path: Path, system: TestSystem) -> None:
    path.write_bytes(b'{"attempts":99999999999999999999,"blocked_until_ms":99999999999999999999}')
    assert refused_for(UnlockBackoff(path, system)) == 60


def test_an_attempt_that_cannot_be_written_down_is_refused(tmp_path: Path, system: TestSystem) -> None:
    with pytest.raises(Unavailable):
        UnlockBackoff(tmp_path / "absent" / "unlock.json", system).admit()
