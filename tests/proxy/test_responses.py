"""What an agent gets of an answer: visible headers, a scrubbed body, the parts it asked for, and marks of a cut."""

import json

import pytest

from stack_local.domain.secrets import Secret
from stack_local.egress.client import InboundResponse
from stack_local.proxy.responses import VISIBLE_HEADERS, Kept, forwarded_headers, scrubbed, shown
from stack_local.proxy.scrub import Scrubber
from stack_local.wire.proxy import Cut, ProxyResponse
from stack_local.wire.types import JsonBody

SECRET = "upstream-secret-9f8e"
SCRUBBER = Scrubber([Secret(SECRET)])
JSON_TYPE = {"content-type": "application/json; charset=utf-8"}


def kept(body: bytes, headers: dict[str, str] | None = None) -> Kept:
    return Kept(200, JSON_TYPE if headers is None else headers, body, False)


def answer(body: bytes, **chosen: object) -> ProxyResponse:
    return shown(kept(body), operation_id="opn_one", **chosen)  # type: ignore[arg-type]


def test_only_listed_headers_are_visible_under_lower_case_names() -> None:
    names = [*VISIBLE_HEADERS, "X-RateLimit-Remaining", "RateLimit", "ratelimit-policy"]
    hidden = ["Set-Cookie", "Server", "X-Amz-Cf-Id", "WWW-Authenticate", "X-Rate", "Authorization", "Content-Length"]
    response = InboundResponse(200, tuple((name.title(), "x") for name in names + hidden), b"")
    assert set(scrubbed(response, SCRUBBER).headers) == {name.lower() for name in names}


def test_a_visible_header_is_scrubbed_and_says_so() -> None:
    response = InboundResponse(302, (("Location", f"https://h.com/?key={SECRET}"), ("ETag", "x")), b"clean")
    cleaned = scrubbed(response, SCRUBBER)
    assert cleaned == Kept(302, {"location": "https://h.com/?key=[redacted]", "etag": "x"}, b"clean", redacted=True)


def test_a_header_whose_name_holds_the_secret_is_left_out() -> None:
    headers = ((f"X-RateLimit-{SECRET}", "1"), ("ETag", "x"))
    assert scrubbed(InboundResponse(200, headers, b""), SCRUBBER) == Kept(200, {"etag": "x"}, b"", redacted=True)
    assert forwarded_headers(headers, SCRUBBER) == ({"etag": "x"}, True)


def test_what_is_passed_on_has_its_headers_scrubbed() -> None:
    headers = (("X-Echo", SECRET), ("Server", "x"), ("Set-Cookie", "a=b"))
    assert forwarded_headers(headers, SCRUBBER) == ({"x-echo": "[redacted]", "server": "x"}, True)
    assert forwarded_headers(headers[1:], SCRUBBER) == ({"server": "x"}, False)


def test_a_body_is_scrubbed_and_says_so() -> None:
    assert scrubbed(InboundResponse(200, (), SECRET.encode()), SCRUBBER) == Kept(200, {}, b"[redacted]", redacted=True)
    assert scrubbed(InboundResponse(200, (("etag", "x"),), b"a"), SCRUBBER) == Kept(200, {"etag": "x"}, b"a", False)


def test_a_kept_answer_survives_sealing() -> None:
    whole = Kept(503, {"etag": 'é"'}, bytes(range(256)), redacted=True)
    assert Kept.decode(whole.encode()) == whole


BODIES: list[tuple[str, bytes, dict[str, str], JsonBody]] = [
    ("nothing", b"", JSON_TYPE, None),
    ("JSON", b'{"a":[1,null]}', JSON_TYPE, {"a": [1, None]}),
    ("JSON by suffix", b"[1]", {"content-type": "application/problem+json"}, [1]),
    ("text", b"[1]", {"content-type": "text/plain"}, "[1]"),
    ("no type", b"[1]", {}, "[1]"),
    ("broken JSON", b'{"a":', JSON_TYPE, '{"a":'),
    ("far too deep JSON", b"[" * 100_000, JSON_TYPE, "[" * 100_000),
    ("a very long number", b"1" * 5000, JSON_TYPE, "1" * 5000),
    ("NaN", b'{"a":NaN}', JSON_TYPE, '{"a":NaN}'),
    ("bytes", b"\xff\xfe", JSON_TYPE, {"base64": "//4="}),
]


@pytest.mark.parametrize(("raw", "headers", "body"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_body_is_shown_as_what_it_is(raw: bytes, headers: dict[str, str], body: JsonBody) -> None:
    assert shown(kept(raw, headers), operation_id="opn_one").body == body


HOSTILE: list[tuple[str, bytes]] = [
    ("half a character", b'{"a":"\\ud800"}'),
    ("half a character in a name", b'{"\\ud800":1}'),
    ("a number beyond a double", b'{"a":1e999}'),
    ("deep, but not too deep to read", b"[" * 500 + b"]" * 500),
    ("a member twice", b'{"a":1,"a":2}'),
]


@pytest.mark.parametrize("raw", [case[1] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
@pytest.mark.parametrize("chosen", [{}, {"max_chars": 100}, {"select": ["a"]}], ids=["whole", "cut", "selected"])
def test_an_answer_made_to_break_us_is_shown_all_the_same(raw: bytes, chosen: dict[str, object]) -> None:
    assert json.loads(answer(raw, **chosen).model_dump_json())["status"] == 200


TREE = b'{"items":[{"id":1,"name":"x"},{"id":2}],"total":2,"a.b":3,"none":null}'
PATHS: list[tuple[str, JsonBody]] = [
    ("total", 2),
    ("items.0.id", 1),
    ("items.1", {"id": 2}),
    ("items.2", None),
    ("items.-1", None),
    ("items.²", None),
    ("items.x", None),
    ("total.x", None),
    ("missing.x", None),
    ("none", None),
    ("a.b", None),
    ("", None),
]


@pytest.mark.parametrize(("path", "value"), PATHS)
def test_a_selected_path_gives_its_value_or_null(path: str, value: JsonBody) -> None:
    assert answer(TREE, select=[path]).body == {path: value}


def test_several_paths_are_selected_at_once_also_from_a_list() -> None:
    assert answer(b'[{"id":1},2]', select=["0.id", "1"]).body == {"0.id": 1, "1": 2}
    assert answer(b'"text"', select=["a"]).body == "text"


CUTS: list[tuple[str, int, int | None, JsonBody, Cut | None]] = [
    ("not asked", 0, None, [1, 2, 3], None),
    ("room enough", 0, 9, [1, 2, 3], None),
    ("the beginning", 0, 4, "[1, ", Cut(total_chars=9, offset=0, next_offset=4)),
    ("the middle", 4, 4, "2, 3", Cut(total_chars=9, offset=4, next_offset=8)),
    ("the end", 8, 4, "]", Cut(total_chars=9, offset=8, next_offset=None)),
    ("exactly to the end", 5, 4, ", 3]", Cut(total_chars=9, offset=5, next_offset=None)),
    ("all the rest", 4, None, "2, 3]", Cut(total_chars=9, offset=4, next_offset=None)),
    ("past the end", 20, 4, "", Cut(total_chars=9, offset=20, next_offset=None)),
]


@pytest.mark.parametrize(("offset", "most", "body", "cut"), [c[1:] for c in CUTS], ids=[c[0] for c in CUTS])
def test_a_body_is_cut_and_marked(offset: int, most: int | None, body: JsonBody, cut: Cut | None) -> None:
    part = answer(b"[1,2,3]", offset=offset, max_chars=most)
    assert (part.body, part.cut) == (body, cut)


def test_the_pages_of_a_text_make_the_whole() -> None:
    whole, pages, offset = kept("äöü😀".encode() * 50, {}), [], 0
    while True:
        page = shown(whole, operation_id="opn_one", offset=offset, max_chars=7)
        pages.append(str(page.body))
        assert page.cut is not None
        if page.cut.next_offset is None:
            break
        offset = page.cut.next_offset
    assert "".join(pages) == "äöü😀" * 50


def test_the_answer_says_whose_it_is_and_whether_it_was_repeated() -> None:
    response = shown(Kept(201, {}, b"", True), operation_id="opn_one", approval_id="apr_one", replayed=True)
    assert (response.status, response.operation_id, response.approval_id) == (201, "opn_one", "apr_one")
    assert (response.redacted, response.replayed) == (True, True)
