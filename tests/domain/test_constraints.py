"""Constraints: what holds for certain, what may hold, what is shown of a call that breaks one, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack_local.domain.call_reading import Reading
from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json, write_json
from stack_local.domain.constraints import (
    MAX_SEEN,
    MAX_VALUE_BYTES,
    MAX_VALUES,
    Constraint,
    Op,
    check,
    first_broken,
    shown,
)
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import parse_url
from stack_local.patterns import compiled
from tests.domain.samples import CALL

FORM = "application/x-www-form-urlencoded"
STREAMED = replace(CALL, body=None, is_streamed=True)
BARE = replace(CALL, method="GET", content_type=None, body=None, headers=(), url=parse_url("https://api.example.com/"))


def that(path: str, op: str, value: Any) -> Constraint:
    return Constraint(path, Op(op), value, compiled(value) if op == "matches" else None)


def body(**members: Any) -> Call:
    return replace(CALL, body=write_json(members))


def form(text: str) -> Call:
    return replace(CALL, content_type=FORM, body=text.encode())


def at(target: str) -> Call:
    return replace(CALL, url=parse_url(f"https://api.example.com{target}"))


YES, NO, UNSURE = (True, True), (False, False), (False, True)
"""Whether it holds for certain, and whether it may."""

Verdict = tuple[bool, bool]

CASES: list[tuple[str, Call, Constraint, Verdict]] = [
    # the parts of a call
    ("a method", CALL, that("method", "eq", "POST"), YES),
    ("another method", CALL, that("method", "eq", "GET"), NO),
    ("one of two methods", CALL, that("method", "in", ["PUT", "POST"]), YES),
    ("a host", CALL, that("url.host", "eq", "api.example.com"), YES),
    ("a host that ends alike", CALL, that("url.host", "eq", "example.com"), NO),
    ("an origin", CALL, that("url.origin", "starts_with", "https://api.example.com"), YES),
    ("a path", CALL, that("url.pathname", "eq", "/v1/things"), YES),
    ("a path with a slash at its end", at("/v1/things/"), that("url.pathname", "eq", "/v1/things"), YES),
    ("a path below", at("/v1/things/7"), that("url.pathname", "starts_with", "/v1/things/"), YES),
    ("a path beside", at("/v1/thingsome"), that("url.pathname", "starts_with", "/v1/things/"), NO),
    ("a path by pattern", at("/v1/things/7"), that("url.pathname", "matches", "/v1/things/[0-9]+"), YES),
    ("a path with more behind it", at("/v1/things/7/x"), that("url.pathname", "matches", "/v1/things/[0-9]+"), NO),
    ("a path in other capitals", at("/V1/things"), that("url.pathname", "eq", "/v1/things"), NO),
    ("a header", CALL, that("headers.Accept", "eq", "application/json"), YES),
    ("a header that is not sent", CALL, that("headers.prefer", "eq", "wait"), NO),
    ("a query key", at("/?limit=10"), that("query.limit", "eq", "10"), YES),
    ("a query key beyond the list", at("/?limit=1000"), that("query.limit", "in", ["10", "100"]), NO),
    # JSON: kinds are not mixed up
    ("a number", body(n=1), that("body.n", "eq", 1), YES),
    ("a number written with a fraction", replace(CALL, body=b'{"n":1.0}'), that("body.n", "eq", 1), YES),
    ("a number written with an exponent", replace(CALL, body=b'{"n":1e1}'), that("body.n", "eq", 10), YES),
    ("a number that is next to it", body(n=9007199254740993), that("body.n", "eq", 9007199254740992), NO),
    ("true is not 1", body(n=True), that("body.n", "eq", 1), NO),
    ("1 is not true", body(n=1), that("body.n", "eq", True), NO),
    ("false is not 0", body(n=False), that("body.n", "in", [0, ""]), NO),
    ("null is not false", body(n=None), that("body.n", "eq", False), NO),
    ("null", body(n=None), that("body.n", "eq", None), YES),
    ("true within a list is not 1", body(n=[True]), that("body.n", "eq", [1]), NO),
    ("true within an object is not 1", body(n={"a": True}), that("body.n", "eq", {"a": 1}), NO),
    ("true within a list of lists", body(n=[True]), that("body.n", "in", [[1], [0]]), NO),
    ("an equal list", body(n=[1, "a"]), that("body.n", "eq", [1, "a"]), YES),
    ("a longer list", body(n=[1, 1]), that("body.n", "eq", [1]), NO),
    ("an equal object in another order", body(n={"a": 1, "b": 2}), that("body.n", "eq", {"b": 2, "a": 1}), YES),
    ("a larger object", body(n={"a": 1, "b": 2}), that("body.n", "eq", {"a": 1}), NO),
    ("a text that spells the number", body(n="1"), that("body.n", "eq", 1), UNSURE),
    ("a number that the text spells", body(n=1), that("body.n", "eq", "1"), UNSURE),
    ("a list that holds the value", body(n=["a", "b"]), that("body.n", "eq", "b"), UNSURE),
    ("a list of texts, one of which spells it", body(n=["1"]), that("body.n", "in", [1]), UNSURE),
    ("a number by pattern", body(n=17), that("body.n", "matches", "1[0-9]"), UNSURE),
    ("a number by its beginning", body(n=17), that("body.n", "starts_with", "1"), UNSURE),
    ("an object by pattern", body(n={"a": 1}), that("body.n", "matches", ".*"), NO),
    # what must not be: whoever takes it for the value counts
    ("another value", body(n=2), that("body.n", "not_eq", 1), YES),
    ("the value itself", body(n=1), that("body.n", "not_eq", 1), NO),
    ("a value that spells it", body(n="1"), that("body.n", "not_eq", 1), UNSURE),
    ("true spelled out in a form", form("admin=true"), that("body.admin", "not_eq", True), UNSURE),
    ("the value in a list of one", body(to=["boss"]), that("body.to", "not_eq", "boss"), UNSURE),
    ("the value among others", body(to=["a", "boss"]), that("body.to", "not_in", ["boss", "chief"]), UNSURE),
    ("a list without it", body(to=["a", "b"]), that("body.to", "not_in", ["boss", "chief"]), YES),
    ("one of several", body(to="chief"), that("body.to", "not_in", ["boss", "chief"]), NO),
    ("none of several", body(to="me"), that("body.to", "not_in", ["boss", "chief"]), YES),
    ("true where 1 must not be", body(n=True), that("body.n", "not_eq", 1), YES),
    # a form is all text
    ("a form's number", form("amount=10"), that("body.amount", "eq", 10), UNSURE),
    ("a form's text", form("amount=10"), that("body.amount", "eq", "10"), YES),
    ("a form's bracketed field", form("a%5Bb%5D=x"), that("body.a.b", "eq", "x"), YES),
    # what is not there fails whatever the operator, and what must not be may be missing where a rule tightens
    ("no body, eq", BARE, that("body.n", "eq", 1), NO),
    ("no body, in", BARE, that("body.n", "in", [1, None]), NO),
    ("no body, null", BARE, that("body.n", "eq", None), NO),
    ("no body, matches", BARE, that("body.n", "matches", ".*"), NO),
    ("no body, starts_with", BARE, that("body.n", "starts_with", ""), NO),
    ("no body, not_eq", BARE, that("body.n", "not_eq", 1), UNSURE),
    ("no body, not_in", BARE, that("body.n", "not_in", [1]), UNSURE),
    ("no header, not_eq", BARE, that("headers.prefer", "not_eq", "wait"), UNSURE),
    ("no query, not_in", BARE, that("query.limit", "not_in", ["1000"]), UNSURE),
    ("no query, matches", BARE, that("query.limit", "matches", ".*"), NO),
    # what is unclear holds for nobody, and may hold for anybody
    ("a doubled slash, eq", at("//v1/things"), that("url.pathname", "eq", "/v1/things"), UNSURE),
    ("an encoded slash, starts_with", at("/v1%2Fthings"), that("url.pathname", "starts_with", "/v1"), UNSURE),
    ("a path parameter, not_eq", at("/admin;x"), that("url.pathname", "not_eq", "/admin"), UNSURE),
    ("a key twice, eq", at("/?limit=10&limit=10"), that("query.limit", "eq", "10"), UNSURE),
    ("a key twice, not_eq", at("/?limit=1000&limit=1000"), that("query.limit", "not_eq", "1000"), UNSURE),
    ("a key twice, not_in", at("/?limit=1000&limit=10"), that("query.limit", "not_in", ["1000"]), UNSURE),
    ("a key and its list, eq", at("/?limit=10&limit%5B%5D=1000"), that("query.limit", "eq", "10"), UNSURE),
    ("a form's field twice, eq", form("amount=10&amount=1000"), that("body.amount", "eq", "10"), UNSURE),
    ("a form's field twice, not_eq", form("amount=1000&amount=1000"), that("body.amount", "not_eq", "1000"), UNSURE),
    ("a member and its twin, eq", body(amount=10, Amount=1000), that("body.amount", "eq", 10), UNSURE),
    ("a streamed body, eq", STREAMED, that("body.title", "eq", "hello"), UNSURE),
    ("a streamed body, not_eq", STREAMED, that("body.title", "not_eq", "bye"), UNSURE),
    ("a streamed body, as a whole", STREAMED, that("body", "not_eq", {}), UNSURE),
    ("a streamed body and its method", STREAMED, that("method", "eq", "POST"), YES),
    ("text that is JSON", replace(CALL, content_type="text/plain"), that("body.count", "eq", 1), UNSURE),
]
NAMES = [name for name, *_ in CASES]
TABLE = pytest.mark.parametrize(("call", "constraint", "verdict"), [case[1:] for case in CASES], ids=NAMES)


@TABLE
def test_a_constraint_holds_for_certain_or_may_hold(call: Call, constraint: Constraint, verdict: Verdict) -> None:
    assert (constraint.holds(Reading(call)), constraint.may_hold(Reading(call))) == verdict


def test_every_case_has_its_own_name_and_every_operator_holds_and_fails() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {(case[2].op, case[3][0]) for case in CASES} == {(op, holds) for op in Op for holds in (True, False)}


@given(op=st.sampled_from(Op), named=st.sampled_from(CASES), other=st.sampled_from(CASES))
def test_what_holds_for_certain_also_may_hold(op: Op, named: Any, other: Any) -> None:
    value = named[2].value
    matches = compiled(value) if op is Op.MATCHES and named[2].op is Op.MATCHES else None
    constraint = Constraint(named[2].path, op, value, matches)
    reading = Reading(other[1])
    assert constraint.may_hold(reading) or not constraint.holds(reading)


def test_a_pattern_that_was_never_compiled_holds_for_nothing() -> None:
    assert not Constraint("method", Op.MATCHES, "POST").holds(Reading(CALL))


def test_the_first_that_breaks_is_named_in_the_order_they_stand() -> None:
    good, bad, worse = that("method", "eq", "POST"), that("method", "eq", "GET"), that("body.count", "eq", 2)
    assert first_broken([good, bad, worse], Reading(CALL)) is bad
    assert first_broken([good, worse, bad], Reading(CALL)) is worse
    assert first_broken([good], Reading(CALL)) is None
    assert first_broken([], Reading(CALL)) is None


def test_a_constraint_reads_as_a_sentence() -> None:
    assert that("body.amount", "in", [10, "é"]).text == 'body.amount in [10,"é"]'
    assert that("method", "not_eq", "DELETE").text == 'method not eq "DELETE"'


SECRET = "hunter2-hunter2"
HIDDEN: list[tuple[str, Call, str, str]] = [
    ("a text of the body", body(a=SECRET), "body.a", "(a text)"),
    ("a number of the body", body(a=1717), "body.a", "(a number)"),
    ("a fraction of the body", body(a=17.17), "body.a", "(a number)"),
    ("a truth of the body", body(a=True), "body.a", "(true or false)"),
    ("a list of the body", body(a=[SECRET]), "body.a", "(a list)"),
    ("an object of the body", body(a={SECRET: 1}), "body.a", "(an object)"),
    ("null", body(a=None), "body.a", "(null)"),
    ("the whole body", body(a=SECRET), "body", "(an object)"),
    ("a header", replace(CALL, headers=(("prefer", SECRET),)), "headers.prefer", "(a text)"),
    ("a query value", at(f"/?token={SECRET}"), "query.token", "(a text)"),
    ("a form's field", form(f"token={SECRET}"), "body.token", "(a text)"),
    ("nothing", BARE, "body.a", "(none)"),
    ("a key twice", at(f"/?token={SECRET}&token={SECRET}"), "query.token", "(unclear)"),
    ("an odd path", at(f"//{SECRET}"), "url.pathname", "(unclear)"),
    ("a streamed body", STREAMED, "body.a", "(unclear)"),
]


@pytest.mark.parametrize(("call", "path", "said"), [case[1:] for case in HIDDEN], ids=[case[0] for case in HIDDEN])
def test_of_a_body_a_header_and_a_query_only_the_kind_is_shown(call: Call, path: str, said: str) -> None:
    assert shown(Reading(call), path) == said
    assert SECRET not in shown(Reading(call), path)


def test_where_a_call_goes_is_shown_cut_short() -> None:
    assert [shown(Reading(CALL), path) for path in ("method", "url.host", "url.pathname", "url.origin")] == [
        "POST",
        "api.example.com",
        "/v1/things",
        "https://api.example.com",
    ]
    assert shown(Reading(at("/" + "a" * 200)), "url.pathname") == "/" + "a" * (MAX_SEEN - 1)


REFUSED: list[tuple[str, str, str, Any, str]] = [
    ("a path that names nothing", "credential", "eq", "x", "path"),
    ("a part of the URL that is not compared", "url.port", "eq", "443", "path"),
    ("headers alone", "headers", "eq", "x", "path"),
    ("no name", "body.", "eq", "x", "path"),
    ("an empty part", "body.a..b", "eq", "x", "path"),
    ("in without a list", "body.a", "in", "x", "value"),
    ("not_in without a list", "body.a", "not_in", {"a": 1}, "value"),
    ("in of nothing", "body.a", "in", [], "value"),
    ("in of too many", "body.a", "in", [1] * (MAX_VALUES + 1), "value"),
    ("a pattern that is a number", "body.a", "matches", 1, "value"),
    ("a pattern that is a list", "body.a", "matches", ["a"], "value"),
    ("a beginning that is null", "body.a", "starts_with", None, "value"),
    ("a number where all is text", "query.limit", "eq", 10, "value"),
    ("a list where all is text", "query.limit", "eq", ["10"], "value"),
    ("numbers among the texts of a header", "headers.prefer", "in", ["a", 1], "value"),
    ("a host that is null", "url.host", "not_eq", None, "value"),
    ("a method in small letters", "method", "eq", "post", "value"),
    ("a method in small letters in a list", "method", "not_in", ["GET", "Post"], "value"),
    ("half a character", "body.a", "eq", "\ud800", "value"),
    ("half a character as a name", "body.a", "eq", {"\ud800": 1}, "value"),
    ("not a number", "body.a", "eq", float("nan"), "value"),
    ("infinity", "body.a", "in", [float("inf")], "value"),
    ("too long a value", "body.a", "eq", "a" * (MAX_VALUE_BYTES - 1), "value"),
]


@pytest.mark.parametrize(
    ("path", "op", "value", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_could_never_be_meant_is_refused_with_its_field(path: str, op: str, value: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(Constraint(path, Op(op), value))
    assert refused.value.details["field"] == field


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_what_the_tables_use_passes_the_check(case: tuple[str, Call, Constraint, Verdict]) -> None:
    check(case[2])


def test_the_longest_value_and_the_longest_list_pass() -> None:
    check(that("body.a", "eq", "a" * (MAX_VALUE_BYTES - 2)))
    check(that("body.a", "in", [1] * MAX_VALUES))
