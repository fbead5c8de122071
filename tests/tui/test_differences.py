"""Tests of what is said to have changed since the last call of the same kind."""

import json

import pytest

from tests.tui.world import call
from tui.differences import changes

BODIES = {
    "a number": ('{"amount":10}', '{"amount":10000}', ["amount: 10 → 10000"]),
    "a number written differently": ('{"a":1.0}', '{"a":1.00}', ["a: 1.0 → 1.00"]),
    "a large number": (
        '{"a":12345678901234567890}',
        '{"a":12345678901234567891}',
        ["a: 12345678901234567890 → 12345678901234567891"],
    ),
    "a string against a number": ('{"a":1}', '{"a":"1"}', ['a: 1 → "1"']),
    "true against one": ('{"a":true}', '{"a":1}', ["a: true → 1"]),
    "a new member": ("{}", '{"to":"x"}', ['to: new, "x"']),
    "a missing member": ('{"draft":true}', "{}", ["draft: gone, was true"]),
    "something deep": ('{"a":{"b":[1,2]}}', '{"a":{"b":[1,3]}}', ["a.b[1]: 2 → 3"]),
    "a new object": ("{}", '{"a":{"b":1}}', ["a: new, an object of 1"]),
    "a longer list": ('{"a":[]}', '{"a":[1]}', ["a[0]: new, 1"]),
    "another kind of tree": ("[]", "{}", ["body: a list of 0 → an object of 0"]),
    "the order of members alone": ('{"a":1,"b":2}', '{"b":2,"a":1}', []),
    "what is not JSON": ("{oops", "{oops!", ["body from character 5: new, !"]),
    "a hostile member": ('{"a":1}', '{"a":1,"\\u202e":2}', ["<U+202E>: new, 2"]),
}


@pytest.mark.parametrize(("before", "after", "words"), BODIES.values(), ids=BODIES)
def test_a_body_is_compared_as_a_tree(before: str, after: str, words: list[str]) -> None:
    assert [change.in_words().plain for change in changes(call(body=before), call(body=after))] == words


def test_query_headers_and_connection_are_compared_by_name() -> None:
    before = call(query="a=1&b=2", headers={"accept": "x"}, label="github · octocat")
    after = call(query="a=2&c=3", headers={"prefer": "y"}, label="github · mallory")
    assert [change.in_words().plain for change in changes(before, after)] == [
        "connection: github · octocat → github · mallory",
        "query a: 1 → 2",
        "query b: gone, was 2",
        "query c: new, 3",
        "header accept: gone, was x",
        "header prefer: new, y",
    ]


def test_equal_calls_have_no_changes() -> None:
    assert list(changes(call(), call())) == []


def test_a_body_that_appears_is_named_by_its_size() -> None:
    assert [change.in_words().plain for change in changes(call(body=None), call(body="{}"))] == ["body: new, 2 bytes"]


def test_text_is_compared_from_its_first_difference() -> None:
    before, after = (
        call(content_type="text/plain", body="x" * 9000 + "a"),
        call(content_type="text/plain", body="x" * 9000 + "b"),
    )
    assert [change.place for change in changes(before, after)] == ["body from character 9000"]


def test_a_nest_too_deep_for_a_tree_is_compared_as_text() -> None:
    before, after = call(body="[" * 200_000), call(body="[" * 200_001)
    assert len(list(changes(before, after))) == 1


def test_ten_thousand_members_are_compared() -> None:
    many = {f"k{number}": number for number in range(10_000)}
    found = list(changes(call(body=json.dumps(many)), call(body=json.dumps({**many, "k9999": 0}))))
    assert [change.in_words().plain for change in found] == ["k9999: 9999 → 0"]
