"""Tests of a call as texts, and of edits out of texts."""

from dataclasses import replace

import pytest

from stack_local.domain.errors import InvalidRequest
from tests.tui.world import call
from tui.edits import apply, draft, parse
from tui.format import is_plain


def test_untouched_texts_are_no_edits() -> None:
    texts = draft(call(query="a=1&a=2"))
    assert parse(texts, texts, json_body=True).model_fields_set == set()


def test_only_what_was_changed_is_sent() -> None:
    texts = draft(call())
    edits = parse(texts, replace(texts, body='{"amount": 5}'), json_body=True)
    assert edits.model_dump(exclude_unset=True) == {"body": {"amount": 5}}


def test_url_and_query_go_together() -> None:
    texts = draft(call(url="https://api.github.com/x?a=1", path="/x", query="a=1"))
    edits = parse(texts, replace(texts, query='{"a": "2"}'), json_body=True)
    assert edits.model_dump(exclude_unset=True) == {"url": "https://api.github.com/x", "query": {"a": "2"}}


def test_an_emptied_body_is_sent_as_none() -> None:
    texts = draft(call())
    edits = parse(texts, replace(texts, body=" "), json_body=True)
    assert edits.model_dump(exclude_unset=True) == {"body": None}
    assert apply(call(), edits).body is None


def test_hidden_characters_stand_as_json_escapes_and_come_back() -> None:
    hostile = call(body='{"a":"\u202e\x9b\u200b\U000e0041"}')
    texts = draft(hostile)
    assert is_plain(texts.body)
    edits = parse(texts, replace(texts, body=texts.body.replace('"a"', '"b"')), json_body=True)
    assert edits.body == {"b": "\u202e\x9b\u200b\U000e0041"}


BAD = {
    "a query that is no object": {"query": "[]"},
    "a query of numbers": {"query": '{"a": 1}'},
    "headers that are no JSON": {"headers": "{"},
    "a body that is no JSON": {"body": "{oops"},
    "a body that is too deep": {"body": "[" * 100_000},
}


@pytest.mark.parametrize("changed", BAD.values(), ids=BAD)
def test_a_text_that_does_not_fit_its_field_is_refused(changed: dict[str, str]) -> None:
    texts = draft(call())
    with pytest.raises(InvalidRequest):
        parse(texts, replace(texts, **changed), json_body=True)


def test_a_text_body_with_controls_is_not_edited() -> None:
    with pytest.raises(InvalidRequest):
        draft(call(content_type="text/plain", body="a\x1bb"))


def test_a_huge_body_is_not_edited() -> None:
    with pytest.raises(InvalidRequest):
        draft(call(body='"' + "a" * 300_000 + '"'))


def test_applied_edits_show_host_path_and_query() -> None:
    texts = draft(call())
    edits = parse(texts, replace(texts, url="https://other.example/y", query='{"a": ["1", "2"]}'), json_body=True)
    after = apply(call(), edits)
    assert (after.host, after.path, after.query) == ("other.example", "/y", "a=1&a=2")
