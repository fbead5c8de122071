"""Needles are found wherever they stand, and their beginnings at the end of a text."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.proxy.needles import MARK, Needles, Span, joined, marked

LETTERS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=30).map(b"".join)
FORMS = st.lists(LETTERS.filter(lambda form: len(form) > 2), min_size=1, max_size=4)


@settings(deadline=None)
@given(FORMS, LETTERS, st.integers(0, 10))
def test_needles_are_found_as_by_looking_at_each_place(forms: list[bytes], text: bytes, after: int) -> None:
    places = [(at, at + len(form)) for form in forms for at in range(len(text)) if text.startswith(form, at)]
    covered = {byte for start, end in places if end > after for byte in range(start, end)}
    needles = Needles(forms)
    found = needles.spans(text, after=after)
    assert {byte for start, end in found for byte in range(start, end)} == covered
    assert all(left[1] <= right[0] for left, right in pairwise(found))
    assert needles.are_in(text, after=after) == bool(covered)


@settings(deadline=None)
@given(FORMS, LETTERS)
def test_a_beginning_is_found_as_by_looking_at_each_place(forms: list[bytes], text: bytes) -> None:
    begun = [
        at for at in range(len(text)) for form in forms if form.startswith(text[at:]) and len(form) > len(text) - at
    ]
    assert Needles(forms).begun_at(text) == min(begun, default=len(text))


def test_without_needles_nothing_is_found() -> None:
    none = Needles([])
    assert (none.are_in(b"abc"), none.spans(b"abc"), none.begun_at(b"abc"), none.longest) == (False, [], 3, 0)


SPANS: list[tuple[str, list[Span], list[Span]]] = [
    ("none", [], []),
    ("apart", [(5, 7), (0, 2)], [(0, 2), (5, 7)]),
    ("overlapping", [(0, 3), (2, 5)], [(0, 5)]),
    ("one in another", [(0, 9), (2, 5)], [(0, 9)]),
    ("side by side", [(0, 2), (2, 4)], [(0, 2), (2, 4)]),
    ("the same", [(0, 2), (0, 2)], [(0, 2)]),
]


@pytest.mark.parametrize(("spans", "whole"), [case[1:] for case in SPANS], ids=[case[0] for case in SPANS])
def test_spans_that_overlap_are_joined(spans: list[Span], whole: list[Span]) -> None:
    assert joined(spans) == whole


def test_a_mark_stands_for_each_span() -> None:
    assert marked(b"abcdef", [(1, 3), (5, 6)]) == b"a" + MARK.encode() + b"de" + MARK.encode()
    assert marked(b"abc", []) == b"abc"
