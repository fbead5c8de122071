"""Ids: what each begins with, and that the pattern and the encoding agree."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.domain import ids

GREATEST = len(ids.ALPHABET) ** ids.RANDOM_LENGTH - 1


@settings(deadline=None)
@given(st.sampled_from(sorted(ids.PREFIXES)), st.integers(0, GREATEST))
def test_an_encoded_id_matches_the_pattern_of_its_kind_alone(kind: str, number: int) -> None:
    encoded = ids.encode(kind, number)
    assert [other for other in ids.PREFIXES if re.fullmatch(ids.pattern(other), encoded)] == [kind]


@settings(deadline=None)
@given(st.integers(0, GREATEST), st.integers(0, GREATEST))
def test_different_numbers_give_different_ids(left: int, right: int) -> None:
    assert (ids.encode("agent", left) == ids.encode("agent", right)) is (left == right)


def test_the_least_and_the_greatest_number_have_ids() -> None:
    assert ids.encode("agent", 0) == "agt_" + "0" * 22
    assert ids.encode("agent", GREATEST) == "agt_" + "z" * 22


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
