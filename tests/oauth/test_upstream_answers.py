"""What a service's authorization server may answer, and what each answer is taken for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stack_local.egress.client import InboundResponse
from stack_local.oauth.tokens_upstream import Tokens
from stack_local.oauth.upstream import TokenServer
from stack_local.oauth.upstream_answers import (
    BEARER_TYPES,
    DEVICE_INTERVAL_SECONDS,
    MAX_LIFETIME_SECONDS,
    MAX_TOKEN_CHARACTERS,
    Dead,
    DeviceCodes,
    Later,
    Waiting,
    read_device,
    read_tokens,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SERVER = TokenServer("https://auth.example.com/token")
OF_A_PERSON = TokenServer("https://slack.com/api/oauth.v2.access", token_path="authed_user.access_token")
JSON, FORM, HTML = "application/json", "application/x-www-form-urlencoded", "text/html"
GOOD: dict[str, Any] = {"access_token": "token-1", "token_type": "Bearer"}


def answer(body: object, *, status: int = 200, kind: str | None = JSON, **headers: str) -> InboundResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"content-type": kind, **headers}
    return InboundResponse(status, tuple((name, value) for name, value in said.items() if value is not None), raw)


def shown(tokens: object) -> tuple[str, str | None, float | None, tuple[str, ...]]:
    """Access token, refresh token, seconds left, scopes."""
    assert isinstance(tokens, Tokens), tokens
    seconds = None if tokens.expires_at is None else (tokens.expires_at - AT).total_seconds()
    refresh = None if tokens.refresh_token is None else tokens.refresh_token.reveal()
    return tokens.access_token.reveal(), refresh, seconds, tokens.scopes


READ: dict[str, tuple[InboundResponse, tuple[str, str | None, float | None, tuple[str, ...]]]] = {
    "a token alone": (answer(GOOD), ("token-1", None, None, ())),
    "everything": (
        answer(GOOD | {"refresh_token": "refresh-1", "expires_in": 3600, "scope": "a b"}),
        ("token-1", "refresh-1", 3600, ("a", "b")),
    ),
    "no type said": (answer({"access_token": "token-1"}), ("token-1", None, None, ())),
    "GitHub's form": (
        answer(b"access_token=token-1&scope=repo%2Cgist&token_type=bearer&expires_in=28800", kind=FORM),
        ("token-1", None, 28800, ("repo", "gist")),
    ),
    "a form with its charset": (
        answer(b"access_token=token-1", kind="application/x-www-form-urlencoded; charset=utf-8"),
        ("token-1", None, None, ()),
    ),
    "Slack's bot": (
        answer({"ok": True, **GOOD, "token_type": "bot", "scope": "chat:write,channels:read"}),
        ("token-1", None, None, ("chat:write", "channels:read")),
    ),
    "a type of JSON with parameters": (
        answer(GOOD, kind="application/json;charset=UTF-8"),
        ("token-1", None, None, ()),
    ),
    "a number as text": (answer(GOOD | {"expires_in": "60"}), ("token-1", None, 60, ())),
    "a number with a point": (answer(GOOD | {"expires_in": 60.0}), ("token-1", None, 60, ())),
    "zero for never": (answer(GOOD | {"expires_in": 0}), ("token-1", None, None, ())),
    "null for never": (answer(GOOD | {"expires_in": None, "refresh_token": None}), ("token-1", None, None, ())),
    "an empty refresh token": (answer(GOOD | {"refresh_token": ""}), ("token-1", None, None, ())),
    "an empty scope": (answer(GOOD | {"scope": ""}), ("token-1", None, None, ())),
    "scopes as a list": (answer(GOOD | {"scope": ["a", "b", "a"]}), ("token-1", None, None, ("a", "b"))),
    "a life beyond all lives": (
        answer(GOOD | {"expires_in": 10**11}),
        ("token-1", None, MAX_LIFETIME_SECONDS, ()),
    ),
    "an error that is empty": (answer(GOOD | {"error": None}), ("token-1", None, None, ())),
    "created": (answer(GOOD, status=201), ("token-1", None, None, ())),
    "as long as a token may be": (
        answer({"access_token": "x" * MAX_TOKEN_CHARACTERS}),
        ("x" * MAX_TOKEN_CHARACTERS, None, None, ()),
    ),
}


@pytest.mark.parametrize(("response", "expected"), READ.values(), ids=READ)
def test_what_services_answer_is_read(
    response: InboundResponse, expected: tuple[str, str | None, float | None, tuple[str, ...]]
) -> None:
    assert shown(read_tokens(response, SERVER, at=AT)) == expected


@pytest.mark.parametrize("kind", sorted(BEARER_TYPES | {"BEARER"}))
def test_a_token_that_is_sent_as_a_bearer_is_taken(kind: str) -> None:
    assert shown(read_tokens(answer(GOOD | {"token_type": kind}), SERVER, at=AT))[0] == "token-1"


PERSONS: dict[str, Any] = {
    "access_token": "person-1",
    "token_type": "user",
    "refresh_token": "refresh-p",
    "expires_in": 43200,
    "scope": "search:read",
}


def test_a_persons_token_comes_with_what_stands_beside_it_and_not_with_the_bots() -> None:
    bots = {**GOOD, "token_type": "bot", "refresh_token": "refresh-b", "expires_in": 60, "scope": "chat:write"}
    response = answer({"ok": True, **bots, "authed_user": PERSONS})
    expected = ("person-1", "refresh-p", 43200, ("search:read",))
    assert shown(read_tokens(response, OF_A_PERSON, at=AT)) == expected


def test_a_persons_token_that_was_refreshed_stands_at_the_top() -> None:
    response = answer({"ok": True, **PERSONS})
    assert shown(read_tokens(response, OF_A_PERSON, at=AT, is_refresh=True))[0] == "person-1"
    assert isinstance(read_tokens(response, OF_A_PERSON, at=AT), Later), "and only such a one"


LATER: dict[str, InboundResponse] = {
    "a status of 500": answer({"error": "invalid_grant"}, status=500),
    "a status of 503 in HTML": answer(b"<html>", status=503, kind=HTML),
    "too many requests": answer({"error": "invalid_grant"}, status=429),
    "a page in place of an answer": answer(b"<html>", kind=HTML),
    "a page with a status of 400": answer(b"<html>", status=400, kind=HTML),
    "no content type": answer(GOOD, kind=None),
    "JSON by another name": answer(GOOD, kind="text/plain"),
    "nothing": answer(b""),
    "half an answer": answer(b'{"access_token": "tok'),
    "a list": answer([GOOD]),
    "a member twice": answer(b'{"access_token": "token-1", "access_token": "token-2"}'),
    "a field twice": answer(b"access_token=token-1&access_token=token-2", kind=FORM),
    "a form that is none": answer(b"access_token", kind=FORM),
    "a form with too many fields": answer(b"&".join(b"f%d=1" % n for n in range(65)), kind=FORM),
    "no token": answer({"token_type": "bearer"}),
    "a token of another type": answer(GOOD | {"token_type": "mac"}),
    "a type that is no text": answer(GOOD | {"token_type": 1}),
    "a token that is no text": answer({"access_token": 123456}),
    "a token too short to be found": answer({"access_token": "short"}),
    "a token too long to be sent": answer({"access_token": "x" * (MAX_TOKEN_CHARACTERS + 1)}),
    "a token with a line break": answer({"access_token": "token\r\nX-Evil: 1"}),
    "a token with a blank": answer({"access_token": "token 12"}),
    "a token beyond ASCII": answer({"access_token": "tøken-12"}),
    "a refresh token that is no text": answer(GOOD | {"refresh_token": ["r"]}),
    "a life below nothing": answer(GOOD | {"expires_in": -1}),
    "a life that is no number": answer(GOOD | {"expires_in": "soon"}),
    "a life that is true": answer(GOOD | {"expires_in": True}),
    "a life that is false": answer(GOOD | {"expires_in": False}),
    "a life of half a second": answer(GOOD | {"expires_in": 0.5}),
    "a scope that is an object": answer(GOOD | {"scope": {}}),
    "a scope with a quote": answer(GOOD | {"scope": 'a"b'}),
    "scopes without end": answer(GOOD | {"scope": " ".join(f"s{n}" for n in range(201))}),
    "nested too deeply": answer(b'{"a":' * 70 + b"1" + b"}" * 70),
    "a redirect": answer(b"", status=307, kind=None),
    "not allowed by a gate": answer({"message": "blocked"}, status=403),
    "not found": answer({"message": "no"}, status=404),
    "busy, with status 200": answer({"ok": False, "error": "ratelimited"}),
    "busy, in the RFC's word": answer({"error": "temporarily_unavailable"}, status=400),
}


@pytest.mark.parametrize("response", LATER.values(), ids=LATER)
def test_an_answer_that_is_none_is_no_end(response: InboundResponse) -> None:
    assert isinstance(read_tokens(response, SERVER, at=AT), Later)


DEAD: dict[str, tuple[InboundResponse, str]] = {
    "the RFC's word": (answer({"error": "invalid_grant"}, status=400), "invalid_grant"),
    "an unknown client": (answer({"error": "invalid_client"}, status=401), "invalid_client"),
    "GitHub, with status 200": (answer({"error": "bad_refresh_token"}), "bad_refresh_token"),
    "GitHub, as a form": (answer(b"error=bad_refresh_token&error_description=x", kind=FORM), "bad_refresh_token"),
    "Slack, with status 200": (answer({"ok": False, "error": "invalid_refresh_token"}), "invalid_refresh_token"),
    "a code we do not know": (answer({"error": "invalid_scope"}, status=400), "invalid_scope"),
    "a code with status 403": (answer({"error": "access_denied"}, status=403), "access_denied"),
    "no code": (answer({"status": "BAD_REFRESH_TOKEN"}, status=400), "no reason that can be shown"),
    "not ok, and no more": (answer({"ok": False}), "no reason that can be shown"),
    "a code that is an object": (answer({"error": {"code": 1}}, status=401), "no reason that can be shown"),
    "a code in markup": (answer({"error": "<b>no</b>"}, status=400), "no reason that can be shown"),
    "a code beside a token": (answer(GOOD | {"error": "invalid_grant"}), "invalid_grant"),
}


@pytest.mark.parametrize(("response", "code"), DEAD.values(), ids=DEAD)
def test_a_refusal_is_an_end_and_says_why_in_our_words(response: InboundResponse, code: str) -> None:
    assert read_tokens(response, SERVER, at=AT) == Dead(f"the service refused: {code}")


RETRIES: dict[str, tuple[str, int | None]] = {
    "seconds": ("30", 30),
    "for ever": ("999999999999", 3600),
    "a date, which is not read": ("Sun, 22 Nov 2026 12:00:00 GMT", None),
    "below nothing": ("-5", None),
    "more digits than a number has": ("9" * 5000, None),
}


@pytest.mark.parametrize(("said", "seconds"), RETRIES.values(), ids=RETRIES)
def test_a_service_says_when_to_come_back(said: str, seconds: int | None) -> None:
    later = read_tokens(answer({}, status=429, **{"retry-after": said}), SERVER, at=AT)
    assert isinstance(later, Later)
    assert later.retry_after_seconds == seconds


LOOKS = {
    "authorization_pending": Waiting(),
    "slow_down": Waiting(slower=True),
    "access_denied": Dead("the service refused: access_denied"),
    "expired_token": Dead("the service refused: expired_token"),
}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("error", LOOKS)
def test_a_look_at_a_device_waits_or_ends(error: str, status: int) -> None:
    assert read_tokens(answer({"error": error}, status=status), SERVER, at=AT) == LOOKS[error]


DEVICE: dict[str, Any] = {
    "device_code": "device-1",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://example.com/device",
    "expires_in": 900,
}


def test_a_device_grant_begins() -> None:
    begun = read_device(answer(DEVICE | {"interval": 7}))
    assert isinstance(begun, DeviceCodes)
    assert (begun.user_code, begun.verification_uri) == ("WDJB-MJHT", "https://example.com/device")
    assert (begun.expires_in_seconds, begun.interval_seconds) == (900, 7)
    assert "device-1" not in repr(begun)


def test_a_device_grant_may_leave_out_the_interval_and_name_its_address_as_google_does() -> None:
    said = {**DEVICE, "verification_url": DEVICE["verification_uri"]}
    del said["verification_uri"]
    begun = read_device(answer(said))
    assert isinstance(begun, DeviceCodes)
    assert (begun.interval_seconds, begun.verification_uri) == (DEVICE_INTERVAL_SECONDS, "https://example.com/device")


NO_DEVICE: dict[str, dict[str, Any]] = {
    "no code": {"device_code": None},
    "no code to type": {"user_code": None},
    "a code to type with markup": {"user_code": "[red]X[/]"},
    "a code to type that is long": {"user_code": "A" * 33},
    "an address that is none": {"verification_uri": "javascript:alert(1)"},
    "an address in the clear": {"verification_uri": "http://example.com/device"},
    "an address of this machine's files": {"verification_uri": "file:///etc/passwd"},
    "no end": {"expires_in": None},
    "an interval below nothing": {"interval": -1},
}


@pytest.mark.parametrize("changed", NO_DEVICE.values(), ids=NO_DEVICE)
def test_a_device_grant_that_cannot_be_shown_does_not_begin(changed: dict[str, Any]) -> None:
    assert isinstance(read_device(answer(DEVICE | changed)), Later)


def test_a_service_that_refuses_to_begin_a_device_grant_says_why() -> None:
    assert read_device(answer({"error": "invalid_client"}, status=401)) == Dead("the service refused: invalid_client")
    assert isinstance(read_device(answer({}, status=503)), Later)


def test_the_time_left_counts_from_when_it_was_asked() -> None:
    tokens = read_tokens(answer(GOOD | {"expires_in": 10}), SERVER, at=AT)
    assert isinstance(tokens, Tokens)
    assert tokens.expires_at == AT + timedelta(seconds=10)
