"""The fields of a call: what a path may name, what it reads, and where two readers could differ."""

from dataclasses import replace

import pytest

from stack_local.domain.call_fields import ABSENT, Absent, at, body_tree, check_path, plain_path, read_field
from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import parse_url
from tests.domain.samples import CALL

FORM = "application/x-www-form-urlencoded"

NAMED = ["method", "url.pathname", "url.host", "url.origin", "headers.accept", "query.limit", "body", "body.a.0.b"]
NAMELESS = [
    "",
    "url",
    "url.port",
    "url.query",
    "headers",
    "headers.",
    "query",
    "query.",
    "body.",
    "body..a",
    "body.a.",
    "method.x",
    "path.x",
    "Body.a",
    "credential",
]


@pytest.mark.parametrize("path", NAMED)
def test_a_path_that_names_a_field_passes(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize("path", NAMELESS)
def test_a_path_that_names_nothing_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest):
        check_path(path)


def call(url: str = "https://api.example.com/v1/things/?a=1&b=2&b=3&c", **changes: object) -> Call:
    return replace(CALL, url=parse_url(url), **changes)  # type: ignore[arg-type]  # the fields of a call, by name


FIELDS: list[tuple[str, Json | Absent]] = [
    ("method", "POST"),
    ("url.pathname", "/v1/things"),
    ("url.host", "api.example.com"),
    ("url.origin", "https://api.example.com"),
    ("url.port", ABSENT),
    ("headers.accept", "application/json"),
    ("headers.Accept", "application/json"),
    ("headers.content-type", "application/json"),
    ("headers.authorization", ABSENT),
    ("query.a", "1"),
    ("query.b", ["2", "3"]),
    ("query.c", ""),
    ("query.d", ABSENT),
    ("body.title", "hello"),
    ("body.count", 1),
    ("body.title.0", ABSENT),
    ("body", {"title": "hello", "count": 1}),
    ("credential", ABSENT),
]


@pytest.mark.parametrize(("path", "value"), FIELDS, ids=[row[0] for row in FIELDS])
def test_a_field_is_read(path: str, value: Json | Absent) -> None:
    assert read_field(call(), path) == value


def test_a_call_without_a_body_or_a_query_has_no_fields_of_them() -> None:
    bare = call("https://api.example.com/", body=None, content_type=None)
    assert [read_field(bare, path) for path in ("body", "body.a", "query.a", "headers.content-type")] == [ABSENT] * 4
    assert read_field(bare, "url.pathname") == "/"


UNREADABLE: list[tuple[str, str | None, bytes]] = [
    ("not JSON", "application/json", b"{"),
    ("one member twice", "application/json", b'{"a":1,"a":2}'),
    ("not a number of JSON", "application/json", b'{"a":NaN}'),
    ("not UTF-8", "application/json", b'{"a":"\xff"}'),
    ("too deep", "application/json", b"[" * 100 + b"]" * 100),
    ("JSON called text", "text/plain", b'{"a":1}'),
    ("JSON called nothing", None, b'{"a":1}'),
    ("a multipart form", "multipart/form-data; boundary=x", b"--x--"),
    ("a form that is not ASCII", FORM, b"a=\xff"),
    ("a form of too many fields", FORM, b"a=1&" * 2000),
]


@pytest.mark.parametrize(("kind", "body"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_a_body_that_cannot_be_read_has_no_fields(kind: str | None, body: bytes) -> None:
    assert body_tree(call(content_type=kind, body=body)) is ABSENT
    assert read_field(call(content_type=kind, body=body), "body.a") is ABSENT


def test_a_query_of_too_many_fields_has_none() -> None:
    assert read_field(call("https://api.example.com/?" + "a&" * 2000), "query.a") is ABSENT


FORMS: list[tuple[str, bytes, str, Json | Absent]] = [
    ("a name", b"amount=12&currency=eur", "body.amount", "12"),
    ("a name twice", b"amount=12&amount=999", "body.amount", ["12", "999"]),
    ("an escaped name", b"%61mount=12", "body.amount", "12"),
    ("a blank", b"note=a+b%20c", "body.note", "a b c"),
    ("an empty value", b"note=", "body.note", ""),
    ("a bracket", b"items[0][price]=p1", "body.items.0.price", "p1"),
    ("an escaped bracket", b"items%5B0%5D%5Bprice%5D=p1", "body.items.0.price", "p1"),
    ("a point", b"items.0.price=p1", "body.items.0.price", "p1"),
    ("both spellings", b"items.0.price=cheap&items[0][price]=dear", "body.items.0.price", ["cheap", "dear"]),
    ("none", b"amount=12", "body.total", ABSENT),
]


@pytest.mark.parametrize(("body", "path", "value"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS])
def test_a_form_is_read_by_its_names(body: bytes, path: str, value: Json | Absent) -> None:
    assert read_field(call(content_type=f"{FORM}; charset=utf-8", body=body), path) == value


TREE: Json = {"a": [{"b": None}, "x"], "1": {"c": False}}
PLACES: list[tuple[str, Json | Absent]] = [
    ("a.0.b", None),
    ("a.1", "x"),
    ("a.2", ABSENT),
    ("a.-1", ABSENT),
    ("a.٠", ABSENT),
    ("1.c", False),
    ("1.c.d", ABSENT),
    ("b", ABSENT),
]


@pytest.mark.parametrize(("path", "value"), PLACES)
def test_a_dotted_path_leads_through_objects_and_lists(path: str, value: Json | Absent) -> None:
    found = at(TREE, path)
    assert found == value
    assert type(found) is type(value)


PATHS: list[tuple[str, str | None]] = [
    ("/v1/things", "/v1/things"),
    ("/v1/%74hings", "/v1/things"),
    ("/a%20b", "/a b"),
    ("/a+b", "/a+b"),
    ("/caf%C3%A9", "/café"),
    ("/", "/"),
    ("/v1/things/", "/v1/things/"),
    ("//v1/things", None),
    ("/v1//things", None),
    ("/v1%2Fthings", None),
    ("/v1%2fthings", None),
    ("/v1%252Fthings", None),
    ("/v1/things;x=1", None),
    ("/v1/things%3Bx", None),
    ("/v1%5Cthings", None),
    ("/caf%E9", None),
    ("/100%25", None),
]


@pytest.mark.parametrize(("raw", "plain"), PATHS)
def test_a_path_is_plain_only_where_every_reader_reads_it_alike(raw: str, plain: str | None) -> None:
    assert plain_path(raw) == plain
