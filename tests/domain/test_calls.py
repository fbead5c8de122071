"""A proposed call: what may be said of it, the bytes it becomes, and which two are the same (security-cases B-01)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.calls import (
    MAX_BODY_BYTES,
    MAX_HEADER_CHARACTERS,
    METHODS,
    Body,
    Call,
    SendingRules,
    first_mismatch,
    forwarded,
    propose,
)
from stack_local.domain.canonical import MAX_DEPTH, Json
from stack_local.domain.errors import InvalidRequest
from tests.domain.call_pairs import JSON_TYPE, PAIRS, URL, sent

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "calls.json").read_text(encoding="utf-8"))


def proposed(**changes: Any) -> Call:
    """A call as an agent's arguments describe it."""
    arguments: dict[str, Any] = {
        "connection_id": "scon_here",
        "connection_version": 1,
        "credential_version": 1,
        "rules": SendingRules(frozenset({"authorization"})),
        "method": "POST",
        "url": URL,
        "headers": {},
        "query": {},
        "body": None,
    }
    return propose(**(arguments | changes))


@pytest.mark.parametrize(
    ("approved", "attempted", "field"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS]
)
def test_only_an_equal_call_passes_and_another_is_told_the_first_difference(
    approved: dict[str, object], attempted: dict[str, object], field: str | None
) -> None:
    assert first_mismatch(proposed(**approved), proposed(**attempted)) == field


@pytest.mark.parametrize(
    ("approved", "attempted", "field"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS]
)
def test_whether_two_calls_are_equal_does_not_depend_on_which_came_first(
    approved: dict[str, object], attempted: dict[str, object], field: str | None
) -> None:
    assert (first_mismatch(proposed(**attempted), proposed(**approved)) is None) == (field is None)


@pytest.mark.parametrize(
    ("approved", "attempted", "field"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS]
)
def test_calls_that_differ_have_different_digests(
    approved: dict[str, object], attempted: dict[str, object], field: str | None
) -> None:
    left, right = proposed(**approved), proposed(**attempted)
    assert field is None or left.digest != right.digest
    assert (left.digest == right.digest) == (left.shape() == right.shape())


def test_there_are_enough_pairs_each_with_its_name() -> None:
    assert len(PAIRS) >= 60
    assert len({name for name, *_ in PAIRS}) == len(PAIRS)


def test_a_body_that_is_not_json_after_all_is_compared_by_bytes() -> None:
    approved, attempted = proposed(**sent("{}", JSON_TYPE)), proposed(**sent("[]", JSON_TYPE))
    broken = Call(**{name: getattr(attempted, name) for name in Call.__slots__} | {"body": b"{"})
    assert first_mismatch(approved, broken) == "body"
    assert first_mismatch(broken, broken) is None


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_digest_is_the_one_on_file(vector: dict[str, Any]) -> None:
    call = proposed(**vector["arguments"])
    assert call.shape() == vector["shape"]
    assert call.digest == vector["digest"]
    assert call.body_digest == vector["shape"]["body_sha256"]


FORBIDDEN_HEADERS = [
    "Host",
    "Content-Length",
    "Content-Encoding",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Proxy-Connection",
    "Proxy-Authenticate",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
    "Range",
    "Priority",
    "Sec-Fetch-Site",
    "Sec-WebSocket-Key",
    "Accept-Encoding",
    "Origin",
    "Referer",
    "Set-Cookie",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Passport-Token",
    "X-Anything",
]
MALFORMED_NAMES = [
    "",
    " ",
    "Authorization ",
    " Accept",
    "Accept\t",
    "Accept:",
    ":authority",
    "Accept Accept",
    "Accept\r\n",
]
MALFORMED_NAMES += ["Accept\0", "Äccept", "Acc\u212aept", "a" * 65_536]
STRIPPED = ["Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization", "Cookie", "X-Api-Key", "Api-Key"]
ALLOWED = ["Accept", "Accept-Language", "Idempotency-Key", "If-Match", "If-None-Match", "If-Modified-Since"]
ALLOWED += ["If-Unmodified-Since", "Prefer", "User-Agent"]
BAD_VALUES = [
    "a\r\nX: y",
    "a\n b",
    "a\r",
    "\n",
    "a\0b",
    "é",
    "\u2028",
    "\x7f",
    "\ud800",
    "a" * (MAX_HEADER_CHARACTERS + 1),
]
BAD_METHODS = [
    "",
    "get",
    "Get",
    "GET ",
    " GET",
    "GET\r\nX: y",
    "GET\n",
    "CONNECT",
    "TRACE",
    "OPTIONS",
    "PROPFIND",
    "G" * 40,
]


def refusal(**changes: object) -> Mapping[str, object]:
    """What the caller of a refused proposal is told."""
    with pytest.raises(InvalidRequest) as refused:
        proposed(**changes)
    assert refused.value.code == "INVALID_REQUEST"
    return refused.value.details


@pytest.mark.parametrize("written", [str, str.lower, str.upper], ids=["as usual", "lower", "upper"])
@pytest.mark.parametrize("name", FORBIDDEN_HEADERS)
def test_a_header_that_is_not_listed_is_refused_by_name(name: str, written: type[str]) -> None:
    details = refusal(headers={written(name): "x"})
    assert str(details["field"]).startswith("headers.")
    assert written(name) in str(details["field"])
    assert details["hint"]


@pytest.mark.parametrize("name", MALFORMED_NAMES, ids=range(len(MALFORMED_NAMES)))
def test_a_malformed_header_name_is_refused_and_quoted_shortly(name: str) -> None:
    field = str(refusal(headers={name: "x"})["field"])
    assert field.startswith("headers.")
    assert field.isprintable()
    assert len(field) < 200


@pytest.mark.parametrize("name", STRIPPED)
def test_an_agents_own_authentication_is_dropped(name: str) -> None:
    assert proposed(headers={name: "Bearer mine\r\n"}) == proposed()


@pytest.mark.parametrize("name", ["X-Secret", "x-secret", "X-SECRET"])
def test_the_header_that_is_injected_is_dropped_from_what_the_agent_sends(name: str) -> None:
    assert proposed(headers={name: "x"}, rules=SendingRules(frozenset({"x-secret"}))) == proposed()


def test_where_nothing_is_injected_into_a_header_none_is_dropped_for_it() -> None:
    assert "X-Secret" in str(refusal(headers={"X-Secret": "x"}, rules=SendingRules())["field"])


@pytest.mark.parametrize("name", ALLOWED)
def test_a_listed_header_is_sent_under_its_lower_case_name(name: str) -> None:
    assert proposed(headers={name: "x\ty ~"}).headers == ((name.lower(), "x\ty ~"),)


@pytest.mark.parametrize("value", BAD_VALUES, ids=range(len(BAD_VALUES)))
@pytest.mark.parametrize("name", ["Accept", "Content-Type"])
def test_a_header_value_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    assert refusal(headers={name: value})["field"] == f"headers.{name.lower()}"


def test_the_longest_header_value_is_sent() -> None:
    longest = "a" * MAX_HEADER_CHARACTERS
    assert proposed(headers={"Accept": longest}).headers == (("accept", longest),)


@pytest.mark.parametrize("name", ["Accept", "Content-Type"])
def test_a_header_named_twice_is_refused(name: str) -> None:
    assert refusal(headers={name: "text/a", name.upper(): "text/a"})["field"] == f"headers.{name.lower()}"


@pytest.mark.parametrize("method", BAD_METHODS)
def test_a_method_that_is_not_listed_is_refused(method: str) -> None:
    assert refusal(method=method)["field"] == "method"


@pytest.mark.parametrize("method", METHODS)
def test_a_listed_method_is_sent(method: str) -> None:
    assert proposed(method=method).method == method


OVERRIDES = ["_method=DELETE", "a=1&_method=PUT", "_METHOD=put", "_method", "%5Fmethod=DELETE", "_%6Dethod=DELETE"]
OVERRIDES += ["_metho%64", "%5f%4d%45THOD=x"]


@pytest.mark.parametrize("query", OVERRIDES)
def test_a_method_override_in_the_query_is_refused(query: str) -> None:
    assert refusal(url=f"{URL}?{query}")["field"] == "query._method"


def test_a_method_override_beside_the_url_is_refused() -> None:
    assert refusal(query={"_method": "DELETE"})["field"] == "query._method"


INJECTED = ["api_key=1", "a=1&api_key=1", "API_KEY=1", "api_key", "api%5Fkey=1", "%61pi_key=1", "api_ke%79"]


@pytest.mark.parametrize("query", INJECTED)
def test_the_query_parameter_that_is_injected_is_refused(query: str) -> None:
    assert refusal(url=f"{URL}?{query}", rules=SendingRules(injected_query="api_key"))["field"] == "query.api_key"


@pytest.mark.parametrize("name", ["api_key", "Api_Key"])
def test_the_query_parameter_that_is_injected_is_refused_beside_the_url(name: str) -> None:
    assert refusal(query={name: ["1", "2"]}, rules=SendingRules(injected_query="api_key"))["field"] == "query.api_key"


def test_a_query_parameter_with_a_blank_in_its_name_is_known_in_either_escape() -> None:
    for query in ("api%20key=1", "api+key=1"):
        assert refusal(url=f"{URL}?{query}", rules=SendingRules(injected_query="api key"))["field"] == "query.api key"


@pytest.mark.parametrize("query", ["", "?", "?a=api_key", "?xapi_key=1&my_method=2", "?a=_method"])
def test_other_query_parameters_are_free(query: str) -> None:
    assert proposed(url=URL + query, rules=SendingRules(injected_query="api_key")).url.text == URL + query


def test_query_values_are_escaped_one_way() -> None:
    call = proposed(url=URL + "?x=%7e", query={"a b": "1&2=3/é", "c": ["", "+"]})
    assert call.url.raw_query == "x=%7e&a%20b=1%262%3D3%2F%C3%A9&c=&c=%2B"


@pytest.mark.parametrize("value", ["\0", "\ud800", "a" * 8193], ids=["NUL", "lone surrogate", "too long"])
def test_a_query_value_that_cannot_be_sent_is_refused(value: str) -> None:
    assert str(refusal(query={"a": value})["field"]) in ("url", "query", "query.a")


BODIES: list[tuple[str, Json, str | None, bytes | None, str | None]] = [
    ("nothing", None, None, None, None),
    ("nothing under a type", None, "text/csv", None, "text/csv"),
    ("an object", {"b": 1, "a": [True, None]}, None, b'{"b":1,"a":[true,null]}', "application/json"),
    ("an object under its type", {"a": 1}, "application/vnd.x+json", b'{"a":1}', "application/vnd.x+json"),
    ("a list", [], None, b"[]", "application/json"),
    ("zero", 0, None, b"0", "application/json"),
    ("false", False, None, b"false", "application/json"),
    ("a fraction", {"a": 1.5}, None, b'{"a":1.5}', "application/json"),
    ("other letters", {"a": "é😀"}, None, '{"a":"é😀"}'.encode(), "application/json"),
    ("text", "a=1", None, b"a=1", "text/plain; charset=utf-8"),
    ("empty text", "", None, b"", "text/plain; charset=utf-8"),
    ("text under its type", "a=1", "application/x-www-form-urlencoded", b"a=1", "application/x-www-form-urlencoded"),
    ("JSON as text", '{ "a": 1.0 }', "application/json", b'{ "a": 1.0 }', "application/json"),
    ("text in other letters", "é", None, "é".encode(), "text/plain; charset=utf-8"),
]


@pytest.mark.parametrize(
    ("body", "kind", "raw", "sent_kind"), [case[1:] for case in BODIES], ids=[c[0] for c in BODIES]
)
def test_a_body_becomes_exactly_these_bytes(
    body: Json, kind: str | None, raw: bytes | None, sent_kind: str | None
) -> None:
    call = proposed(body=body, headers={} if kind is None else {"Content-Type": kind})
    assert (call.body, call.content_type) == (raw, sent_kind)


def nested(levels: int) -> Json:
    tree: Json = 1
    for _ in range(levels):
        tree = [tree]
    return tree


JSON_KIND = "application/json"
REFUSED_BODIES: list[tuple[str, Json, str | None]] = [
    ("an object as text", {"a": 1}, "text/plain"),
    ("an object as a form", {"a": 1}, "application/x-www-form-urlencoded"),
    ("an object as a look-alike", {"a": 1}, "application/jsonp"),
    ("a member twice", '{"a":1,"a":2}', JSON_KIND),
    ("a member twice in two escapes", '{"a":1,"\\u0061":2}', JSON_KIND),
    ("a member twice within", '[{"b":{"a":1,"a":1}}]', JSON_KIND),
    ("half of JSON", '{"a":', JSON_KIND),
    ("JSON and more", "{} {}", JSON_KIND),
    ("no JSON at all", "", JSON_KIND),
    ("a byte order mark", "\ufeff{}", JSON_KIND),
    ("a comment", "{} // x", JSON_KIND),
    ("a single quote", "{'a':1}", JSON_KIND),
    ("a comma at the end", '{"a":1,}', JSON_KIND),
    ("NaN as text", '{"a":NaN}', JSON_KIND),
    ("Infinity as text", "[-Infinity]", JSON_KIND),
    ("NaN", {"a": float("nan")}, None),
    ("infinity", {"a": float("inf")}, None),
    ("a number beyond a double", '{"a":1e999}', JSON_KIND),
    ("half a character", {"a": "\ud800"}, None),
    ("half a character in a name", {"\udc00": 1}, None),
    ("half a character as text", "\ud800", None),
    ("half a character as an escape", '"\\ud800"', JSON_KIND),
    ("half a character as an escaped name", '{"\\udfff":1}', JSON_KIND),
    ("too deep", nested(MAX_DEPTH + 1), None),
    ("far too deep", nested(100_000), None),
    ("too deep as text", "[" * 100_000, JSON_KIND),
    ("a number too long", 10**65, None),
    ("a number too long as text", "1" * 65, JSON_KIND),
    ("too large", "a" * (MAX_BODY_BYTES + 1), None),
    ("too large in bytes", "é" * (MAX_BODY_BYTES // 2 + 1), None),
    ("a tree too large", {"a": "a" * MAX_BODY_BYTES}, None),
]


@pytest.mark.parametrize(
    ("body", "kind"), [case[1:] for case in REFUSED_BODIES], ids=[case[0] for case in REFUSED_BODIES]
)
def test_a_body_that_two_readers_could_take_differently_is_refused(body: Json, kind: str | None) -> None:
    details = refusal(body=body, headers={} if kind is None else {"Content-Type": kind})
    assert details.get("field") or details.get("rule")


def test_the_deepest_and_the_largest_body_are_sent() -> None:
    assert proposed(body=nested(MAX_DEPTH)).body == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    assert len(proposed(body="a" * MAX_BODY_BYTES).body or b"") == MAX_BODY_BYTES


# A request that came below `/p/` ------------------------------------------------------------------------------------

BINARY = bytes(range(256))
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + BINARY + b"\r\n--x--\r\n"
LISTED = SendingRules(frozenset({"authorization"}), headers=frozenset({"anthropic-version"}))


def came(
    url: str = URL, headers: Mapping[str, str] | None = None, body: Body | None = None, rules: SendingRules = LISTED
) -> Call:
    return forwarded(rules, "POST", url, headers or {}, body or Body(None), of=("scon_here", 3, 7))


def test_a_forwarded_call_names_its_connection_and_both_versions() -> None:
    call = came()
    assert (call.connection_id, call.connection_version, call.credential_version) == ("scon_here", 3, 7)


@pytest.mark.parametrize(
    "target", ["/v1/a%2Fb%20c", "/v1//things", "/v1/things;v=1", "/v1/+", "/v1/?q=a+b&q=%2B&empty=", "/v1/?", "/v1/~"]
)
def test_a_forwarded_path_and_query_stay_as_they_were_written(target: str) -> None:
    assert came(f"https://api.example.com{target}").url.target == target


FORWARDED_BODIES = [
    ("binary", "application/octet-stream", BINARY),
    ("multipart", "multipart/form-data; boundary=x", MULTIPART),
    ("without a content type", None, BINARY),
    ("JSON in its own spelling", "application/json", b' {"b":1.0, "a" : 1e2}\n'),
    ("JSON lines", "application/jsonl", b'{"a":1}\n{"a":1}\n'),
    ("empty", None, b""),
    ("empty JSON", "application/json", b""),
    ("none", None, None),
]


@pytest.mark.parametrize(
    ("kind", "raw"), [row[1:] for row in FORWARDED_BODIES], ids=[row[0] for row in FORWARDED_BODIES]
)
def test_a_forwarded_body_keeps_its_bytes_and_its_kind(kind: str | None, raw: bytes | None) -> None:
    call = came(headers={} if kind is None else {"content-type": kind}, body=Body(raw))
    assert (call.body, call.content_type, call.is_streamed) == (raw, kind, False)


def test_headers_of_a_forwarded_call_that_nobody_listed_are_dropped() -> None:
    sent_headers = {
        "accept": "text/plain",
        "anthropic-version": "2023-06-01",
        "authorization": "Bearer x",
        "cookie": "a=b",
        "host": "127.0.0.1:7822",
        "idempotency-key": "once",
        "x-api-key": "key",
        "x-forwarded-for": "::1",
        "x-stainless-os": "Linux",
    }
    kept = {"accept", "anthropic-version", "idempotency-key"}
    assert came(headers=sent_headers).headers == tuple(sorted((name, sent_headers[name]) for name in kept))


def test_a_listed_header_that_the_credential_goes_into_is_dropped() -> None:
    rules = SendingRules(frozenset({"x-key"}), headers=frozenset({"x-key"}))
    assert came(headers={"x-key": "theirs"}, rules=rules).headers == ()


FORWARDED_REFUSED = [
    ("a JSON body that is not JSON", {"headers": {"content-type": "application/json"}, "body": Body(b"{")}, "body"),
    ("a name that stands twice in a JSON body",
     {"headers": {"content-type": "application/json"}, "body": Body(b'{"a":1,"a":2}')}, "body"),
    ("a dot segment", {"url": "https://api.example.com/v1/../admin"}, "url"),
    ("an escaped dot segment", {"url": "https://api.example.com/v1/%2e%2E/admin"}, "url"),
    ("a fragment", {"url": "https://api.example.com/v1#x"}, "url"),
    ("no base", {"url": "/v1/things"}, "url"),
    ("a method override", {"url": "https://api.example.com/v1?_method=DELETE"}, "query._method"),
    ("the credential's own parameter",
     {"url": "https://api.example.com/v1?k=1", "rules": SendingRules(injected_query="k")}, "query.k"),
    ("a header that is no text", {"headers": {"user-agent": "caf\u00e9"}}, "headers.user-agent"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "field"), [row[1:] for row in FORWARDED_REFUSED], ids=[row[0] for row in FORWARDED_REFUSED]
)
def test_a_forwarded_call_that_breaks_a_rule_of_form_is_refused(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        came(**arguments)
    assert refused.value.details["field"] == field


def test_a_streamed_body_is_equal_to_none_not_even_to_itself() -> None:
    streamed, empty = came(body=Body(None, is_streamed=True)), came()
    assert first_mismatch(streamed, streamed) == first_mismatch(empty, streamed) == "body"
    assert first_mismatch(streamed, empty) == "body"


def test_a_streamed_call_is_bound_by_another_digest() -> None:
    assert len({came(body=Body(raw, is_streamed=raw is None)).digest for raw in (None, b"", b"streamed")}) == 3
    assert came().digest != came(body=Body(None, is_streamed=True)).digest
