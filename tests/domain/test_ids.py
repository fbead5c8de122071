"""Ids: what each begins with, that the pattern and the encoding agree, and that the newest stand together."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.domain import ids

BYTES = st.binary(min_size=24, max_size=24).filter(lambda random: len(set(random)) > 12)
TIMES = st.integers(0, 62**ids.TIME_LENGTH - 1)


@settings(deadline=None)
@given(st.sampled_from(sorted(ids.PREFIXES)), TIMES, BYTES)
def test_an_encoded_id_matches_the_pattern_of_its_kind_alone(kind: str, at: int, random: bytes) -> None:
    encoded = ids.encode(kind, at, random)
    assert [other for other in ids.PREFIXES if re.fullmatch(ids.pattern(other), encoded)] == [kind]


@settings(deadline=None)
@given(TIMES, TIMES, BYTES, BYTES)
def test_ids_of_later_milliseconds_sort_later_and_those_of_one_by_chance(
    left: int, right: int, one: bytes, other: bytes
) -> None:
    sorts_before = ids.encode("agent", left, one) < ids.encode("agent", right, other)
    assert sorts_before is (left < right) or left == right


def test_the_characters_that_are_no_letter_or_digit_are_left_out_and_the_rest_is_kept() -> None:
    # In base64 these bytes are "ab+/" again and again.
    assert ids.encode("agent", 61, b"\x69\xbf\xbf" * 24) == "agt_0000000z" + "ab" * 7


def test_bytes_that_hold_no_chance_are_refused() -> None:
    with pytest.raises(ValueError, match="hardly any"):
        ids.encode("agent", 0, b"\xff" * 24)


@pytest.mark.parametrize(
    "text", ["", "agt_", "agt_" + "a" * 21, "agt_" + "a" * 23, "agt_" + "-" * 22, "AGT_" + "a" * 22]
)
def test_what_is_not_an_id_does_not_match(text: str) -> None:
    assert re.fullmatch(ids.pattern("agent"), text) is None


def test_no_prefix_begins_another() -> None:
    prefixes = list(ids.PREFIXES.values())
    assert len(set(prefixes)) == len(prefixes)
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)
    assert len(set(ids.ALPHABET)) == 62
