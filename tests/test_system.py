"""The machine: times survive being kept, and ids and random bytes never come twice."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from stack_local.domain import ids
from stack_local.system import RealSystem, from_milliseconds, milliseconds
from tests.simulators.clock import TestSystem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [0, 1, 999, 1000, -1, -1001, 1_800_000_000_001, 1_800_000_000_999, 253_402_300_799_999]
)
def test_a_time_in_milliseconds_survives_the_way_there_and_back(value: int) -> None:
    moment = from_milliseconds(value)
    assert moment - EPOCH == timedelta(milliseconds=value)
    assert moment.utcoffset() == timedelta(0)
    assert milliseconds(moment) == value


def test_the_same_moment_told_in_another_zone_is_the_same_time() -> None:
    moment = from_milliseconds(1_800_000_000_123)
    assert milliseconds(moment.astimezone(timezone(timedelta(hours=5, minutes=30)))) == 1_800_000_000_123


def test_the_clock_tells_whole_milliseconds_of_utc() -> None:
    now = RealSystem().now()
    assert now.utcoffset() == timedelta(0)
    assert from_milliseconds(milliseconds(now)) == now


def test_the_clock_for_differences_never_goes_back() -> None:
    told = [RealSystem().monotonic() for _ in range(1000)]
    assert told == sorted(told)


@pytest.mark.parametrize("system", [RealSystem(), TestSystem()], ids=["real", "of the tests"])
@pytest.mark.parametrize("kind", ids.PREFIXES)
def test_ids_of_every_kind_match_their_pattern_and_no_other_and_differ(
    system: RealSystem | TestSystem, kind: str
) -> None:
    made = {system.new_id(kind) for _ in range(50)}
    assert len(made) == 50
    for one in made:
        assert [name for name in ids.PREFIXES if re.search(ids.pattern(name), one)] == [kind]


@pytest.mark.parametrize("count", [0, 1, 12, 32])
def test_random_bytes_are_as_many_as_asked(count: int) -> None:
    assert len(RealSystem().random_bytes(count)) == count


def test_random_bytes_do_not_come_twice() -> None:
    assert len({RealSystem().random_bytes(16) for _ in range(1000)}) == 1000
