"""One way to write, few ways to read."""

import pytest

from stack_local.vault.strict_json import Malformed, canonical, read_object

REFUSED = {
    "empty": b"",
    "not utf-8": b'{"a":"\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "a list": b"[]",
    "null": b"null",
    "repeated member": b'{"a":1,"a":1}',
    "repeated member, deep": b'{"x":[{"a":1,"a":2}]}',
    "repeated member by escape": b'{"a":1,"\\u0061":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "a float": b'{"a":1.0}',
    "an exponent": b'{"a":1e3}',
    "a long integer": b'{"a":' + b"9" * 21 + b"}",
    "a lone surrogate": b'{"a":"\\ud800"}',
    "trailing bytes": b"{}{}",
    "deep nesting": b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a control character": b'{"a":"\n"}',
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_object(raw)


def test_what_is_written_is_read_again() -> None:
    value = {"b": [1, True, None, "ü😀"], "a": {"z": -5}}
    assert read_object(canonical(value)) == value


def test_the_order_of_members_changes_nothing() -> None:
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1}) == b'{"a":2,"b":1}'


def test_text_that_is_not_unicode_is_not_written() -> None:
    with pytest.raises(Malformed):
        canonical("\ud800")
