"""What renews a credential: the same after it was sealed, and each kind asks for its token in its own way."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.egress.client import InboundResponse
from stack_local.oauth.renewal import Renewal, decode, encode, outcome_of, renewal_of, renewed, request_of
from stack_local.oauth.tokens_upstream import Tokens
from stack_local.oauth.upstream import Client, TokenServer
from stack_local.oauth.upstream_answers import Dead, Later
from tests.oauth.private_keys import pem

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTH = TokenServer("https://auth.example.com/token", own_hosts=("git.acme.example:443",))
GITHUB = TokenServer("https://api.github.com/app/installations/{installation_id}/access_tokens")
GOOGLE = TokenServer("https://oauth2.googleapis.com/token")
APP = (("app_id", Secret("123456")), ("installation_id", Secret("789")), ("private_key", Secret(pem())))
FILE = {
    "type": "service_account",
    "client_email": "robot@project.iam.gserviceaccount.com",
    "private_key_id": "abc123",
    "private_key": pem(),
    "token_uri": "https://oauth2.googleapis.com/token",
}
ACCOUNT = (("service_account", Secret(json.dumps(FILE))),)
CLIENT = Client("app", Secret("client-secret"))

KINDS: dict[str, tuple[Renewal, str]] = {
    "a refresh token": (Renewal("refresh_token", AUTH, CLIENT, ("a",), Secret("refresh-1")), "auth.example.com/token"),
    "a public client": (
        Renewal("refresh_token", AUTH, Client("app"), (), Secret("refresh-1")),
        "auth.example.com/token",
    ),
    "the application": (Renewal("client_credentials", AUTH, CLIENT, ("a", "b")), "auth.example.com/token"),
    "a GitHub App": (
        Renewal("github_app", GITHUB, Client(""), fields=APP),
        "api.github.com/app/installations/789/access_tokens",
    ),
    "a GitHub App at a company": (
        Renewal(
            "github_app",
            TokenServer("https://git.acme.example/api/v3/app/installations/{installation_id}/access_tokens"),
            Client(""),
            fields=APP,
        ),
        "git.acme.example/api/v3/app/installations/789/access_tokens",
    ),
    "a service account": (
        Renewal(
            "google_service_account", GOOGLE, Client(""), ("https://www.googleapis.com/auth/drive",), None, ACCOUNT
        ),
        "oauth2.googleapis.com/token",
    ),
}


@pytest.mark.parametrize(("renewal", "address"), KINDS.values(), ids=KINDS)
def test_it_is_the_same_after_it_was_sealed_and_asks_where_its_template_says(renewal: Renewal, address: str) -> None:
    again = decode(encode(renewal))
    assert again == renewal
    request = request_of(again, at=AT)
    assert (request.method, request.url.scheme, f"{request.url.host}{request.url.raw_path}") == (
        "POST",
        "https",
        address,
    )


@pytest.mark.parametrize(("renewal", "address"), KINDS.values(), ids=KINDS)
def test_it_shows_no_secret(renewal: Renewal, address: str) -> None:
    request = request_of(renewal, at=AT)
    shown = repr(renewal) + repr(request)
    assert [secret for secret in ("refresh-1", "client-secret", "PRIVATE KEY") if secret in shown] == []


def test_a_service_account_sends_its_assertion_nowhere_but_to_the_templates_host() -> None:
    file = json.dumps({**FILE, "token_uri": "https://evil.example.com/token"})
    renewal = Renewal("google_service_account", GOOGLE, Client(""), ("a",), None, (("service_account", Secret(file)),))
    with pytest.raises(InvalidRequest):
        request_of(renewal, at=AT)


def answer(body: dict[str, Any], status: int = 200) -> InboundResponse:
    return InboundResponse(status, (("content-type", "application/json"),), json.dumps(body).encode())


EXCHANGES: dict[str, tuple[str, InboundResponse, type[object]]] = {
    "an installation's token": (
        "a GitHub App",
        answer({"token": "ghs_1234567", "expires_at": "2026-11-22T13:00:00Z", "permissions": {}}, 201),
        Tokens,
    ),
    "an app that is gone": ("a GitHub App", answer({"message": "Not Found"}, 404), Dead),
    "a key that is no longer listed": ("a GitHub App", answer({"message": "no"}, 401), Dead),
    "an app at a bad time": ("a GitHub App", answer({"message": "busy"}, 502), Later),
    "an app that asked too often": ("a GitHub App", answer({"message": "slower"}, 403), Later),
    "an account's token": ("a service account", answer({"access_token": "ya29.1234", "expires_in": 3599}), Tokens),
    "an account that is gone": ("a service account", answer({"error": "invalid_grant"}, 400), Dead),
    "an account at a bad time": ("a service account", answer({"error": "internal_failure"}, 500), Later),
    "an answer that is none": ("a service account", answer({"expires_in": 3599}), Later),
}


@pytest.mark.parametrize(("kind", "response", "outcome"), EXCHANGES.values(), ids=EXCHANGES)
def test_an_exchange_comes_to_tokens_or_an_end_or_a_later_try(
    kind: str, response: InboundResponse, outcome: type[object]
) -> None:
    assert isinstance(outcome_of(KINDS[kind][0], response, at=AT), outcome)


def test_the_next_renewal_has_the_new_refresh_token_where_there_is_one() -> None:
    renewal = KINDS["a refresh token"][0]
    same = Tokens(Secret("access-2"), None, AT + timedelta(hours=1), ())
    rotated = Tokens(Secret("access-2"), Secret("refresh-2"), None, ())
    assert renewed(renewal, same) == renewal
    form = dict(parse_qsl(request_of(renewed(renewal, rotated), at=AT).body.decode()))
    assert form["refresh_token"] == "refresh-2"


def test_a_log_in_without_a_refresh_token_has_nothing_to_renew_with() -> None:
    assert renewal_of(Tokens(Secret("access-1"), None, None, ()), AUTH, CLIENT, ("a",)) is None
    made = renewal_of(Tokens(Secret("access-1"), Secret("refresh-1"), None, ("b",)), AUTH, CLIENT, ("a",))
    assert made == Renewal("refresh_token", AUTH, CLIENT, ("b",), Secret("refresh-1"))


def test_what_the_service_knows_must_not_come_back_and_a_key_never_leaves() -> None:
    secrets = {kind: [secret.reveal() for secret in renewal.secrets] for kind, (renewal, _) in KINDS.items()}
    assert secrets["a refresh token"] == ["client-secret", "refresh-1"]
    assert secrets["a GitHub App"] == []
