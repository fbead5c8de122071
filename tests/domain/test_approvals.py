"""What may still be done with an approval: reserved, settled, given back, and what the clock makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.domain.approvals import Status, give_back, reserve, settle, status_at
from stack_local.domain.errors import Broken
from tests.domain.samples import APPROVAL, NOW

ENDS = {Status.PENDING, Status.APPROVED}
"""What the clock can end."""


@pytest.mark.parametrize("seconds", [-1, 0, 1])
@pytest.mark.parametrize("status", Status)
def test_the_clock_ends_what_waits_and_what_may_be_used_and_nothing_else(status: Status, seconds: int) -> None:
    approval = replace(APPROVAL, status=status, expires_at=NOW - timedelta(seconds=seconds))
    is_past = seconds >= 0
    assert status_at(approval, NOW) is (Status.EXPIRED if is_past and status in ENDS else status)


@pytest.mark.parametrize(
    ("uses_left", "after"),
    [
        (1, (Status.RESERVED, 0)),
        (2, (Status.APPROVED, 1)),
        (100, (Status.APPROVED, 99)),
        (None, (Status.APPROVED, None)),
    ],
)
def test_a_use_is_taken_before_anything_is_sent(uses_left: int | None, after: tuple[Status, int | None]) -> None:
    assert reserve(replace(APPROVAL, uses_left=uses_left)) == after


@pytest.mark.parametrize("status", Status)
def test_a_reservation_is_consumed_once_the_call_may_have_happened(status: Status) -> None:
    assert settle(status) is (Status.CONSUMED if status is Status.RESERVED else status)


@pytest.mark.parametrize(
    ("status", "uses_left", "after"),
    [
        (Status.RESERVED, 0, (Status.APPROVED, 1)),
        (Status.APPROVED, 1, (Status.APPROVED, 2)),
        (Status.APPROVED, None, (Status.APPROVED, None)),
        (Status.CONSUMED, 0, (Status.CONSUMED, 1)),
        (Status.REJECTED, 0, (Status.REJECTED, 1)),
        (Status.EXPIRED, 0, (Status.EXPIRED, 1)),
    ],
)
def test_a_reservation_is_given_back_when_nothing_was_sent(
    status: Status, uses_left: int | None, after: tuple[Status, int | None]
) -> None:
    assert give_back(status, uses_left) == after


@pytest.mark.parametrize("uses_left", [1, 2, 100, None])
def test_taking_a_use_and_giving_it_back_changes_nothing(uses_left: int | None) -> None:
    assert give_back(*reserve(replace(APPROVAL, uses_left=uses_left))) == (Status.APPROVED, uses_left)


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.booleans(), max_size=60))
def test_no_more_calls_happen_than_were_granted(granted: int, sent: list[bool]) -> None:
    approval, happened = replace(APPROVAL, uses_left=granted), 0
    for was_sent in sent:
        if status_at(approval, NOW) is not Status.APPROVED:
            break
        status, left = reserve(approval)
        if was_sent:
            happened, status = happened + 1, settle(status)
        else:
            status, left = give_back(status, left)
        approval = replace(approval, status=status, uses_left=left)
    assert happened <= granted
    assert (approval.status is Status.CONSUMED) == (happened == granted)


@pytest.mark.parametrize("uses_left", [0, -1])
def test_what_has_no_use_left_is_not_reserved(uses_left: int) -> None:
    with pytest.raises(Broken):
        reserve(replace(APPROVAL, uses_left=uses_left))
