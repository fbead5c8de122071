"""When a token is renewed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack_local.domain.renewals import AHEAD_MOST_SECONDS, AHEAD_SECONDS, renew_at

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)

LIVES = {
    "nothing": (0, 0),
    "below nothing: a clock was turned": (-100, 0),
    "a minute": (60, 30),
    "two minutes": (120, 60),
    "five minutes": (300, 90),
    "an hour": (3600, 420),
    "an hour and forty minutes": (6000, 660),
    "a month": (30 * 86_400, 660),
}


@pytest.mark.parametrize(("life", "ahead"), LIVES.values(), ids=LIVES)
def test_it_is_renewed_a_minute_and_a_tenth_of_its_life_ahead(life: float, ahead: float) -> None:
    end = AT + timedelta(seconds=life)
    assert renew_at(obtained_at=AT, expires_at=end) == end - timedelta(seconds=ahead)


@given(st.integers(1, 10**9))
def test_a_token_is_always_used_for_a_while_and_never_at_its_end(life: int) -> None:
    end = AT + timedelta(seconds=life)
    moment = renew_at(obtained_at=AT, expires_at=end)
    assert AT < moment < end
    assert end - moment <= timedelta(seconds=AHEAD_SECONDS + AHEAD_MOST_SECONDS)
