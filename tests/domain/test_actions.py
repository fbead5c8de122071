"""What a service's calls do: which action a call is, whether it reads, and the sentence a person is asked."""

from dataclasses import replace
from typing import Any

import pytest

from stack_local.domain.actions import CUSTOM, MAX_SHOWN, Action, Effect, PathPattern, ServiceRules, summarize
from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json, write_json
from stack_local.domain.urls import parse_url
from tests.domain.samples import CALL

HOST = "https://api.example.com"
FORM = "application/x-www-form-urlencoded"


def call(method: str, path: str, body: bytes | None = None, kind: str | None = "application/json") -> Call:
    return replace(CALL, method=method, url=parse_url(HOST + path), body=body, content_type=body and kind)


def json_call(method: str, path: str, body: Json) -> Call:
    return call(method, path, write_json(body))


# Patterns

PATTERNS: list[tuple[str, str, dict[str, str] | None]] = [
    ("/v1/things", "/v1/things", {}),
    ("/v1/things", "/v1/things/", None),
    ("/v1/things", "/v1/thing", None),
    ("/v1/things", "/V1/things", None),
    ("/v1/things", "/x/v1/things", None),
    ("/v1.0/things", "/v1x0/things", None),
    ("/things/{id}", "/things/7", {"id": "7"}),
    ("/things/{id}", "/things/", None),
    ("/things/{id}", "/things/7/parts", None),
    ("/things/{id}", "/things/a b", {"id": "a b"}),
    ("/things/{id}", "/things/a\nb", {"id": "a\nb"}),
    ("/{owner}/{repo}.git", "/acme/web.git", {"owner": "acme", "repo": "web"}),
    ("/files/{path...}", "/files/a/b/c", {"path": "a/b/c"}),
    ("/files/{path...}", "/files/a\nb/c", {"path": "a\nb/c"}),
    ("/files/{path...}", "/files/", None),
    ("/files/{path...}", "/files", None),
    ("/a(b)*", "/a(b)*", {}),
    ("/a(b)*", "/ab", None),
    ("/{Id}", "/7", None),
]


@pytest.mark.parametrize(("pattern", "path", "segments"), PATTERNS)
def test_a_pattern_matches_whole_paths_segment_by_segment(
    pattern: str, path: str, segments: dict[str, str] | None
) -> None:
    assert PathPattern(pattern).match(path) == segments


# Actions and effects

RULES = ServiceRules(
    actions=(
        Action("things:special", "POST", PathPattern("/things/special"), Effect.WRITE, "Do it"),
        Action("things:search", "POST", PathPattern("/things/{kind}"), Effect.READ),
        Action("things:create", "POST", PathPattern("/things"), Effect.WRITE, "Create {body.title}"),
        Action(
            "files:put", "PUT", PathPattern("/files/{path...}"), Effect.WRITE, "Write {path.path}", "up.example.com"
        ),
        Action("graphql:call", "POST", PathPattern("/graphql"), Effect.GRAPHQL, "Ask {body.query}"),
        Action("graphql:get", "GET", PathPattern("/graphql/read"), Effect.GRAPHQL),
    )
)

FOUND: list[tuple[str, str, str | None]] = [
    ("POST", "/things", "things:create"),
    ("POST", "/things/special", "things:special"),
    ("POST", "/things/other", "things:search"),
    ("POST", "/%74hings/special", "things:special"),
    ("POST", "/things?title=x", "things:create"),
    ("GET", "/things", None),
    ("PUT", "/things", None),
    ("POST", "/things/", None),
    ("POST", "//things", None),
    ("POST", "/things%2Fspecial", None),
    ("PUT", "/files/a", None),
]


@pytest.mark.parametrize(("method", "path", "name"), FOUND)
def test_a_call_is_the_first_action_that_fits(method: str, path: str, name: str | None) -> None:
    found = RULES.action_of(call(method, path))
    assert (found and found[0].name) == name


def test_an_action_of_one_host_is_none_on_another() -> None:
    put = call("PUT", "/files/a/b")
    there = replace(put, url=parse_url("https://up.example.com/files/a/b"))
    assert RULES.summary_of(put) is None
    assert RULES.summary_of(there) == "Write a/b"


SEARCH, ASK = "/things/search", "/graphql"

EFFECTS: list[tuple[str, Call, Effect]] = [
    ("a GET", call("GET", "/anything"), Effect.READ),
    ("a HEAD", call("HEAD", "/anything"), Effect.READ),
    ("a POST", call("POST", "/anything"), Effect.WRITE),
    ("a DELETE", call("DELETE", "/anything"), Effect.WRITE),
    ("a GET of a doubled slash", call("GET", "//anything"), Effect.WRITE),
    ("a GET of an escaped slash", call("GET", "/any%2Fthing"), Effect.WRITE),
    ("a GET with a parameter", call("GET", "/anything;x=1"), Effect.WRITE),
    ("a POST that reads", json_call("POST", SEARCH, {"q": "x"}), Effect.READ),
    ("a POST that reads, of nothing", call("POST", SEARCH), Effect.READ),
    ("a POST that reads, of a form", call("POST", SEARCH, b"q=x", FORM), Effect.READ),
    ("a POST that reads, of a file", call("POST", SEARCH, b"--x--", "multipart/form-data; boundary=x"), Effect.READ),
    ("a POST that reads, longer", call("POST", f"{SEARCH}/more"), Effect.WRITE),
    ("a POST that reads, of a doubled slash", call("POST", "/things//search"), Effect.WRITE),
    ("another method in a form", call("POST", SEARCH, b"q=x&_method=delete", FORM), Effect.WRITE),
    ("another method in an escaped form", call("POST", SEARCH, b"%5Fm%65thod=delete", FORM), Effect.WRITE),
    ("another method in capitals", call("POST", SEARCH, b"_METHOD=delete", FORM), Effect.WRITE),
    ("another method in brackets", call("POST", SEARCH, b"_method[]=delete", FORM), Effect.WRITE),
    ("another method in JSON", json_call("POST", SEARCH, {"_method": "delete"}), Effect.WRITE),
    ("another method in escaped JSON", call("POST", SEARCH, b'{"\\u005fmethod":"delete"}'), Effect.WRITE),
    ("another method in a file", call("POST", SEARCH, b'name="_method"', "multipart/form-data"), Effect.WRITE),
    ("another method as a value", json_call("POST", SEARCH, {"q": "_method"}), Effect.READ),
    ("an escape in JSON", call("POST", SEARCH, b'{"q":"\\u00e9"}'), Effect.READ),
    ("a form of too many fields", call("POST", SEARCH, b"%61=1&" * 2000, FORM), Effect.WRITE),
    ("JSON that two readers read differently", call("POST", SEARCH, b'{"\\u0061":1,"a":2}'), Effect.WRITE),
    ("a query", json_call("POST", ASK, {"query": "{ a }"}), Effect.READ),
    ("a query in a form", call("POST", ASK, b"query=%7Ba%7D", FORM), Effect.READ),
    ("a mutation", json_call("POST", ASK, {"query": "mutation { a }"}), Effect.WRITE),
    ("a batch", json_call("POST", ASK, [{"query": "{ a }"}]), Effect.WRITE),
    ("two queries in a form", call("POST", ASK, b"query=%7Ba%7D&query=mutation%7Bb%7D", FORM), Effect.WRITE),
    ("a query called text", call("POST", ASK, b'{"query":"{ a }"}', "text/plain"), Effect.WRITE),
    ("a query as its own type", call("POST", ASK, b"{ a }", "application/graphql"), Effect.WRITE),
    ("one member twice", call("POST", ASK, b'{"query":"{ a }","query":"mutation { b }"}'), Effect.WRITE),
    ("nothing asked", call("POST", ASK), Effect.WRITE),
    (
        "a second document in the URL",
        json_call("POST", f"{ASK}?query=mutation%7Bx%7D", {"query": "{ a }"}),
        Effect.WRITE,
    ),
    ("a document in the URL of a POST", call("POST", f"{ASK}?query=%7Ba%7D"), Effect.WRITE),
    ("a mutation by GET, where only POST is known", call("GET", f"{ASK}?query=mutation%7Bx%7D"), Effect.WRITE),
    ("a query by GET, where only POST is known", call("GET", f"{ASK}?query=%7Ba%7D"), Effect.WRITE),
    ("a mutation by HEAD", call("HEAD", f"{ASK}?query=mutation%7Bx%7D"), Effect.WRITE),
    ("a mutation at an escaped path", call("GET", "/%67raphql?query=mutation%7Bx%7D"), Effect.WRITE),
    ("a query by GET, where GET is known", call("GET", "/graphql/read?query=%7Ba%7D"), Effect.READ),
    ("a mutation by GET, where GET is known", call("GET", "/graphql/read?query=mutation%7Bx%7D"), Effect.WRITE),
    ("two by GET", call("GET", "/graphql/read?query=%7Ba%7D&query=mutation%7Bx%7D"), Effect.WRITE),
    ("too many by GET", call("GET", "/graphql/read?query=%7Ba%7D" + "&a" * 2000), Effect.WRITE),
    ("a GET with a body", json_call("GET", "/graphql/read?query=%7Ba%7D", {"query": "mutation { x }"}), Effect.WRITE),
]


@pytest.mark.parametrize(("made", "effect"), [row[1:] for row in EFFECTS], ids=[row[0] for row in EFFECTS])
def test_a_call_reads_only_where_it_plainly_does(made: Call, effect: Effect) -> None:
    assert RULES.effect_of(made) is effect


def test_where_methods_do_not_decide_only_what_is_listed_reads() -> None:
    rules = replace(RULES, methods_decide=False)
    assert rules.effect_of(call("GET", "/anything")) is Effect.WRITE
    assert rules.effect_of(json_call("POST", SEARCH, {})) is Effect.READ


def test_a_custom_service_reads_by_its_methods_whatever_the_path() -> None:
    assert CUSTOM.effect_of(call("GET", "//any%2Fthing")) is Effect.READ
    assert CUSTOM.effect_of(call("POST", "/anything")) is Effect.WRITE
    assert CUSTOM.summary_of(call("POST", "/anything")) is None


# Sentences

SAID: list[tuple[str, str, Json, str]] = [
    ("a value", "Post: {body.text}", {"text": "hi"}, "Post: hi"),
    ("none", "Post: {body.text}", {}, "Post: (none)"),
    ("null", "Post: {body.text}", {"text": None}, "Post: (none)"),
    ("empty", "Post: {body.text}", {"text": ""}, "Post: "),
    ("a number", "Take {body.n}", {"n": 1.5}, "Take 1.5"),
    ("a truth", "Private: {body.p}", {"p": False}, "Private: false"),
    ("a list", "To {body.to}", {"to": ["a", "b"]}, 'To ["a","b"]'),
    ("a deep one", "{body.a.0.b}", {"a": [{"b": "c"}]}, "c"),
    ("the whole", "{body}", ["a", 1], '["a",1]'),
    ("a segment", "In {path.repo}", {}, "In web"),
    ("a segment nobody named", "In {path.other}", {}, "In (none)"),
    ("the method", "{method} {url.host}", {}, "POST api.example.com"),
    ("an optional value", "Create[ {body.name}]", {"name": "x"}, "Create x"),
    ("an optional none", "Create[ {body.name}]", {}, "Create"),
    ("an optional null", "Create[ {body.name}]", {"name": None}, "Create"),
    ("an optional empty", "Create[ {body.name}]", {"name": ""}, "Create "),
    ("an optional part of two", "Go[ from {body.a} to {body.b}]", {"a": "x"}, "Go"),
    ("two optional parts", "Of[ charge {body.a}][ payment {body.b}]", {"b": "p"}, "Of payment p"),
    ("braces in a value", "Post: {body.text}", {"text": "{body.secret}"}, "Post: {body.secret}"),
    ("brackets in a value", "Post: {body.text}", {"text": "[ {body.gone}]"}, "Post: [ {body.gone}]"),
    ("a value like nothing", "Post: {body.text}", {"text": "(none)"}, "Post: (none)"),
    ("a control character", "Post: {body.text}", {"text": "a\x1b[2J\n\u202eb"}, "Post: a\x1b[2J\n\u202eb"),
    ("a long value", "{body.text}", {"text": "x" * 500}, "x" * (MAX_SHOWN - 1) + "…"),
    ("a value as long as may be", "{body.text}", {"text": "x" * MAX_SHOWN}, "x" * MAX_SHOWN),
    ("a long list", "{body.text}", {"text": ["x" * 500]}, '["' + "x" * (MAX_SHOWN - 3) + "…"),
    ("a name of any letters", "{headers.x-amz-target}", {}, "(none)"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "body", "said"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_a_sentence_holds_the_calls_own_values(sentence: str, body: Json, said: str) -> None:
    assert summarize(sentence, json_call("POST", "/things", body), {"repo": "web"}) == said


def test_a_sentence_of_a_body_that_cannot_be_read_says_so() -> None:
    unreadable = call("POST", "/things", b'{"text":"a","text":"b"}')
    assert summarize("Post: {body.text}[ to {body.to}]", unreadable, {}) == "Post: (none)"


MONEY: list[tuple[str, Any, Any, str]] = [
    ("hundredths", 1200, "eur", "12.00 EUR"),
    ("a cent", 1, "USD", "0.01 USD"),
    ("nothing", 0, "usd", "0.00 USD"),
    ("text, as a form has it", "1205", "eur", "12.05 EUR"),
    ("whole", 1200, "jpy", "1200 JPY"),
    ("whole, beginning with X", 500, "XOF", "500 XOF"),
    ("thousandths", 1200, "kwd", "1.200 KWD"),
    ("thousandths of one", 7, "BHD", "0.007 BHD"),
    ("told in two ways", 500, "ugx", "500 ugx in minor units"),
    ("told in two ways too", 500, "ISK", "500 ISK in minor units"),
    ("no currency", 1200, None, "1200 in minor units"),
    ("no amount", None, "eur", "(none)"),
    ("a strange currency", 1200, "euro", "1200 euro in minor units"),
    ("a currency in other letters", 1200, "eurſ", "1200 eurſ in minor units"),
    ("two currencies", 1200, ["eur", "jpy"], '1200 ["eur","jpy"] in minor units'),
    ("negative", -1200, "eur", "-1200 eur in minor units"),
    ("a fraction", 12.5, "eur", "12.5 eur in minor units"),
    ("a fraction as text", "12.5", "eur", "12.5 eur in minor units"),
    ("an exponent", "1e3", "eur", "1e3 eur in minor units"),
    ("a sign", "+12", "eur", "+12 eur in minor units"),
    ("leading noughts", "0012", "eur", "0.12 EUR"),
    ("huge", 10**15, "eur", "1000000000000000 eur in minor units"),
    ("large", 10**15 - 1, "eur", "9999999999999.99 EUR"),
    ("other digits", "١٢٠٠", "eur", "١٢٠٠ eur in minor units"),
    ("a truth", True, "eur", "true eur in minor units"),
    ("two amounts", ["1", "999"], "eur", '["1","999"] eur in minor units'),
    ("words", "all of it", "eur", "all of it eur in minor units"),
    ("blanks", " 12 ", "eur", " 12  eur in minor units"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "currency", "said"), [row[1:] for row in MONEY], ids=[row[0] for row in MONEY])
def test_an_amount_is_said_as_people_write_it_or_as_it_stands(amount: Json, currency: Json, said: str) -> None:
    body = {name: value for name, value in {"amount": amount, "currency": currency}.items() if value is not None}
    made = json_call("POST", "/refunds", body)
    assert summarize("{body.amount|money:body.currency}", made, {}) == said
