"""None of our own tokens leaves in a call, wherever in it it stands."""

from dataclasses import replace

import pytest

from stack_local.domain.calls import Call
from stack_local.domain.urls import parse_url
from stack_local.proxy.facts import carries_own_token, detector_facts
from tests.domain.samples import CALL, CONNECTION, NOW

KEY = "sk_live_" + "Ab-_" * 8
REFRESH = "sk_refresh_" + "Ab-_" * 8
SESSION = "sk_session_" + "Ab09" * 8
HEAD = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIiwidHlwIjoicHB0K2p3dCJ9"
PASSPORT = HEAD + ".e30.c2ln"
HOST = "https://api.example.com/"

PLACES = {
    "path": lambda token: replace(CALL, url=parse_url(f"{HOST}{token}/x")),
    "query": lambda token: replace(CALL, url=parse_url(f"{HOST}?key={token}")),
    "header": lambda token: replace(CALL, headers=(("prefer", f"x; {token}"),)),
    "second header": lambda token: replace(CALL, headers=(("accept", "x"), ("user-agent", token))),
    "content type": lambda token: replace(CALL, content_type=f"text/plain; x={token}"),
    "body": lambda token: replace(CALL, body=f'{{"a":"{token}"}}'.encode()),
    "bytes": lambda token: replace(CALL, content_type="image/png", body=b"\xff" + token.encode() + b"\0"),
}


@pytest.mark.parametrize(
    "token", [KEY, SESSION, PASSPORT, REFRESH], ids=["key", "session", "passport", "refresh token"]
)
@pytest.mark.parametrize("place", PLACES)
def test_a_token_of_ours_is_seen_wherever_it_stands(place: str, token: str) -> None:
    assert carries_own_token(PLACES[place](token), [HEAD])


INNOCENT: list[tuple[str, Call]] = [
    ("an ordinary call", CALL),
    ("no body", replace(CALL, body=None)),
    ("the beginning alone", replace(CALL, body=b"sk_live_ and sk_session_")),
    ("another service's key", replace(CALL, body=b"sk_test_" + b"a" * 40)),
    ("another's token", replace(CALL, body=b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln")),
    ("parts in two places", replace(CALL, headers=(("accept", "sk_live_"), ("prefer", "a" * 30)))),
]


@pytest.mark.parametrize("call", [case[1] for case in INNOCENT], ids=[case[0] for case in INNOCENT])
def test_a_call_without_one_is_free(call: Call) -> None:
    assert not carries_own_token(call, [HEAD])
    assert not carries_own_token(call, [])


def test_a_detector_sees_where_a_call_goes_and_nothing_of_its_content() -> None:
    facts = detector_facts("agt_one", "ses_one", CONNECTION, CALL, NOW)
    assert (facts.provider, facts.method, facts.host, facts.path) == ("demo", "POST", "api.example.com", "/v1/things")
    assert facts.body_bytes == len(CALL.body or b"")
    assert facts.call_digest == CALL.digest
    assert facts.at_milliseconds == NOW.timestamp() * 1000
    assert detector_facts("a", "s", CONNECTION, replace(CALL, body=None), NOW).body_bytes == 0
