"""A service's own addresses come back as ours, wherever a body is cut; nobody else's do."""

import pytest

from stack_local.surfaces.rewriting import Rewriting

BASE, OURS = "https://api.example.com", "http://127.0.0.1:7822/p/example"
JSON = {"content-type": "application/json; charset=utf-8"}


def rewritten(body: bytes, size: int, *, base: str = BASE, kind: str = "application/json") -> bytes:
    rewriting = Rewriting(base, OURS)
    rewriting.headers({"content-type": kind})
    pieces = [rewriting.feed(body[at : at + size]) for at in range(0, len(body), size)]
    return b"".join([*pieces, rewriting.end()])


BODIES = [
    ("an address", '{{"url":"{}/repos/1"}}', BASE),
    ("the base alone", '["{}"]', BASE),
    ("a query", '["{}?page=2"]', BASE),
    ("several", '["{0}/1", "{0}/2","{0}/3"]', BASE),
    ("a key", '{{"{}/1":1}}', BASE),
    ("escaped slashes", '["{}\\/repos\\/1"]', BASE.replace("/", "\\/")),
]
KEPT = [
    ("a longer host", '["https://api.example.com.evil.com/1"]'),
    ("a longer name", '["https://api.example.community/1"]'),
    ("another port", '["https://api.example.com:8443/1"]'),
    ("another scheme", '["http://api.example.com/1"]'),
    ("inside a text", '["see https://api.example.com/1"]'),
    ("in a text of JSON", '["{\\"url\\":\\"https://api.example.com/1\\"}"]'),
    ("cut short", '["https://api.exam'),
    ("cut behind it", '["https://api.example.com'),
    ("a template", '["https://api.example.com{/id}"]'),
    ("nothing", ""),
]


@pytest.mark.parametrize(("body", "found"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_an_address_is_rewritten_wherever_it_is_cut(body: str, found: str) -> None:
    for size in range(1, len(body) + len(found) * 3):
        assert rewritten(body.format(found).encode(), size) == body.format(OURS).encode()


@pytest.mark.parametrize("body", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_what_is_no_address_of_the_service_stays(body: str) -> None:
    for size in range(1, max(2, len(body))):
        assert rewritten(body.encode(), size) == body.encode()


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/vnd.github.v3+json"])
def test_json_is_rewritten(kind: str) -> None:
    assert rewritten(f'["{BASE}/1"]'.encode(), 5, kind=kind) == f'["{OURS}/1"]'.encode()


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "text/event-stream", "application/jsonl", "application/octet-stream"]
)
def test_what_is_not_json_stays_and_is_not_held(kind: str) -> None:
    rewriting = Rewriting(BASE, OURS)
    rewriting.headers({"content-type": kind})
    assert rewriting.feed(f'["{BASE}/1", "https'.encode()) == f'["{BASE}/1", "https'.encode()
    assert rewriting.end() == b""


def test_at_most_the_beginning_of_an_address_is_held() -> None:
    rewriting = Rewriting(BASE, OURS)
    rewriting.headers(JSON)
    assert rewriting.feed(b'{"a": 1, "b": "https://api') == b'{"a": 1, "b": '
    assert rewriting.feed(b'tic"') == b'"https://apitic'
    assert rewriting.feed(b"}") == b'"}'


BASES = [
    ("https://api.example.com:443", "https://api.example.com"),
    ("https://api.example.com/", "https://api.example.com"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("https://slack.com/api", "https://slack.com/api"),
]


@pytest.mark.parametrize(("base", "written"), BASES)
def test_a_base_is_compared_as_services_write_it(base: str, written: str) -> None:
    assert rewritten(f'["{written}/1"]'.encode(), 7, base=base) == f'["{OURS}/1"]'.encode()


HEADERS = [
    ("location", "https://api.example.com/a?b", f"{OURS}/a?b"),
    ("location", "https://api.example.com", OURS),
    ("location", "/a", f"{OURS}/a"),
    ("location", "a", "a"),
    ("location", "//other.example.com/a", "//other.example.com/a"),
    ("location", "https://api.example.com.evil.com/a", "https://api.example.com.evil.com/a"),
    ("content-location", "https://api.example.com/a", f"{OURS}/a"),
    ("link", '<https://api.example.com/a>; rel="next", </b>', f'<{OURS}/a>; rel="next", <{OURS}/b>'),
    ("link", "<https://other.example.com/a>; rel=next", "<https://other.example.com/a>; rel=next"),
    ("x-url", "https://api.example.com/a", "https://api.example.com/a"),
]


@pytest.mark.parametrize(("name", "value", "expected"), HEADERS)
def test_only_headers_that_hold_addresses_are_rewritten(name: str, value: str, expected: str) -> None:
    assert Rewriting(BASE, OURS).headers({name: value}) == {name: expected}


def test_a_path_outside_the_base_does_not_lead_to_the_service() -> None:
    assert Rewriting("https://slack.com/api", OURS).headers({"location": "/login"}) == {"location": "/login"}


@pytest.mark.parametrize(("kind", "length"), [("application/json", None), ("image/png", "42")])
def test_a_length_is_told_only_of_what_is_not_rewritten(kind: str, length: str | None) -> None:
    headers = Rewriting(BASE, OURS).headers({"content-type": kind, "content-length": "42"})
    assert headers.get("content-length") == length


def test_without_a_base_nothing_is_rewritten() -> None:
    rewriting = Rewriting("", OURS)
    assert rewriting.headers({**JSON, "location": "/a"}) == {**JSON, "location": "/a"}
    assert rewriting.feed(b'["https://api.example.com/1"]') == b'["https://api.example.com/1"]'
