"""A call as rules compare it: a field that two readers could take for different values is unclear, and not there."""

from dataclasses import replace

import pytest

from stack_local.domain.call_fields import MAX_FORM_FIELDS, Absent
from stack_local.domain.call_reading import Reading
from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json
from stack_local.domain.urls import parse_url
from tests.domain.samples import CALL

FORM = "application/x-www-form-urlencoded"


def at(target: str) -> Call:
    return replace(CALL, url=parse_url(f"https://api.example.com{target}"))


def form(body: str) -> Call:
    return replace(CALL, content_type=FORM, body=body.encode())


def sent(body: str, content_type: str = "application/json") -> Call:
    return replace(CALL, content_type=content_type, body=body.encode())


CLEAR: list[tuple[str, Call, str, Json]] = [
    ("the method", CALL, "method", "POST"),
    ("the path", CALL, "url.pathname", "/v1/things"),
    ("a path that ends in a slash", at("/v1/things/"), "url.pathname", "/v1/things"),
    ("the root", at("/"), "url.pathname", "/"),
    ("no path", at(""), "url.pathname", "/"),
    ("a path with a needless escape", at("/v1/%74hings"), "url.pathname", "/v1/things"),
    ("the host, in capitals", replace(CALL, url=parse_url("https://API.Example.COM/")), "url.host", "api.example.com"),
    ("the origin", replace(CALL, url=parse_url("https://a.example:8443/x")), "url.origin", "https://a.example:8443"),
    ("the origin on its own port", CALL, "url.origin", "https://api.example.com"),
    ("a header in capitals", CALL, "headers.ACCEPT", "application/json"),
    ("the content type", CALL, "headers.content-type", "application/json"),
    ("a query key", at("/?limit=10&page=2"), "query.limit", "10"),
    ("a query key without a value", at("/?dry"), "query.dry", ""),
    ("a query key with escapes", at("/?%6cimit=1%30"), "query.limit", "10"),
    ("a query key that another begins with", at("/?limits=2&limit=10"), "query.limit", "10"),
    ("a query key with dots", at("/?page.size=5"), "query.page.size", "5"),
    ("a query key beside an escaped semicolon", at("/?limit=10%3B&a=1"), "query.limit", "10;"),
    ("a member", sent('{"a":{"b":[1,{"c":null}]}}'), "body.a.b.1.c", None),
    ("the whole body", sent('{"a":1}'), "body", {"a": 1}),
    ("a number as written", sent('{"a":10,"b":10.5,"c":-0,"d":1e2}'), "body.b", 10.5),
    ("a large whole number", sent('{"a":9007199254740993}'), "body.a", 9007199254740993),
    ("a body of another JSON kind", sent('{"a":1}', "application/vnd.api+json; charset=utf-8"), "body.a", 1),
    ("a form's field", form("amount=10&currency=eur"), "body.amount", "10"),
    ("a form's bracketed field", form("metadata%5Border%5D=7"), "body.metadata.order", "7"),
    ("a form's dotted field", form("metadata.order=7"), "body.metadata.order", "7"),
]


@pytest.mark.parametrize(("call", "path", "value"), [case[1:] for case in CLEAR], ids=[case[0] for case in CLEAR])
def test_what_every_reader_takes_alike_is_seen(call: Call, path: str, value: Json) -> None:
    assert not Reading(call).is_unclear(path)
    assert Reading(call).seen(path) == value


MISSING: list[tuple[str, Call, str]] = [
    ("no such header", CALL, "headers.prefer"),
    ("no query", at("/"), "query.limit"),
    ("no such query key", at("/?limits=1"), "query.limit"),
    ("no body", replace(CALL, body=None), "body.title"),
    ("an empty body", replace(CALL, body=b""), "body.title"),
    ("no such member", CALL, "body.amount"),
    ("a member of a text", CALL, "body.title.length"),
    ("an item behind the end", sent('{"a":[1]}'), "body.a.1"),
    ("an item before the start", sent('{"a":[1]}'), "body.a.-1"),
    ("a dotted member", sent('{"a.b":1}'), "body.a.b"),
    ("no such form field", form("a=1"), "body.b"),
]


@pytest.mark.parametrize(("call", "path"), [case[1:] for case in MISSING], ids=[case[0] for case in MISSING])
def test_what_is_not_there_is_absent_and_that_is_clear(call: Call, path: str) -> None:
    assert isinstance(Reading(call).seen(path), Absent)
    assert not Reading(call).is_unclear(path)


UNCLEAR: list[tuple[str, Call, str]] = [
    ("an encoded slash", at("/v1%2Fthings"), "url.pathname"),
    ("an encoded slash in small letters", at("/v1%2fthings"), "url.pathname"),
    ("a doubled slash", at("//v1/things"), "url.pathname"),
    ("a slash doubled at the end", at("/v1/things//"), "url.pathname"),
    ("a parameter of a segment", at("/v1/things;x=1"), "url.pathname"),
    ("an encoded semicolon", at("/v1/things%3Bx"), "url.pathname"),
    ("an encoded backslash", at("/v1%5Cthings"), "url.pathname"),
    ("an escape within an escape", at("/v1/%2574hings"), "url.pathname"),
    ("bytes that are no text", at("/v1/%FF"), "url.pathname"),
    ("a query key twice", at("/?limit=10&limit=1000"), "query.limit"),
    ("a query key twice with one value", at("/?limit=10&limit=10"), "query.limit"),
    ("a query key and its list", at("/?limit=10&limit[]=1000".replace("[]", "%5B%5D")), "query.limit"),
    ("a query key as a list alone", at("/?limit%5B0%5D=10"), "query.limit"),
    ("a query key in capitals", at("/?LIMIT=1000"), "query.limit"),
    ("a query key and its twin in capitals", at("/?limit=10&Limit=1000"), "query.limit"),
    ("a query key behind a blank", at("/?+limit=1000"), "query.limit"),
    ("a query key behind a semicolon", at("/?a=1;limit=1000"), "query.limit"),
    ("a query key before a semicolon", at("/?limit=10;a=1"), "query.limit"),
    ("a query of too many keys", at("/?" + "a&" * MAX_FORM_FIELDS + "limit=10"), "query.limit"),
    ("a streamed body", replace(CALL, body=None, is_streamed=True), "body.title"),
    ("the whole of a streamed body", replace(CALL, body=None, is_streamed=True), "body"),
    ("JSON under the name of text", sent('{"title":"hello"}', "text/plain"), "body.title"),
    ("a body that is no JSON", sent("{"), "body.title"),
    ("a body with a member twice", sent('{"title":"hello","title":"bye"}'), "body.count"),
    ("a body that is too deep", sent("[" * 70 + "]" * 70), "body.0"),
    ("a body that is not UTF-8", replace(CALL, body=b'"\xff"'), "body"),
    ("a body without a type", replace(CALL, content_type=None), "body.title"),
    ("a member in capitals", sent('{"TITLE":"hello"}'), "body.title"),
    ("a member and its twin in capitals", sent('{"title":"hello","Title":"bye"}'), "body.title"),
    ("a twin further up", sent('{"a":{"b":1},"A":{"b":2}}'), "body.a.b"),
    ("a twin within a list", sent('{"a":[{"b":1,"B":2}]}'), "body.a.0.b"),
    ("a form's field twice", form("amount=10&amount=1000"), "body.amount"),
    ("a form's field in both spellings", form("metadata.order=7&metadata%5Border%5D=8"), "body.metadata.order"),
    ("a form's field as a list", form("amount%5B%5D=10"), "body.amount"),
    ("a form's field behind a semicolon", form("a=1;amount=10"), "body.amount"),
    ("a form outside ASCII", form("amount=1\u0660"), "body.amount"),
    ("a form of too many fields", form("a=1&" * MAX_FORM_FIELDS + "amount=10"), "body.amount"),
    ("a form of too many fields, unasked for", form("a=1&" * MAX_FORM_FIELDS), "body.amount"),
]


@pytest.mark.parametrize(("call", "path"), [case[1:] for case in UNCLEAR], ids=[case[0] for case in UNCLEAR])
def test_what_two_readers_could_take_for_different_values_is_unclear_and_not_seen(call: Call, path: str) -> None:
    reading = Reading(call)
    assert reading.is_unclear(path)
    assert isinstance(reading.seen(path), Absent)


def test_what_is_unclear_in_one_field_leaves_the_others_as_they_are() -> None:
    reading = Reading(replace(at("//v1?a=1&a=2&b=3"), body=b'{"x":1,"X":2,"y":3}'))
    assert [reading.is_unclear(path) for path in ("url.pathname", "query.a", "body.x")] == [True] * 3
    assert [reading.seen(path) for path in ("method", "url.host", "query.b", "body.y")] == [
        "POST",
        "api.example.com",
        "3",
        3,
    ]
