"""A GitHub App: the exact request for an installation's token, and which answers hold one."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import parse_url
from stack_local.egress.messages import InboundResponse
from stack_local.oauth.github_app import GitHubApp, read_tokens, token_request
from stack_local.oauth.tokens_upstream import Tokens
from tests.oauth.private_keys import AT, PKCS1, pem, verified

APP = GitHubApp("123456", "7890", Secret(pem(form=PKCS1)))
API = parse_url("https://api.github.com")
ANSWER: dict[str, Any] = {
    "token": "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
    "expires_at": "2026-03-04T06:06:07Z",
    "permissions": {"metadata": "read", "issues": "write"},
    "repository_selection": "selected",
}


def answered(*, status: int = 201, **changed: Any) -> InboundResponse:
    """GitHub's answer, or one that differs; None leaves a member out."""
    members = {name: value for name, value in (ANSWER | changed).items() if value is not None}
    return InboundResponse(status, (), json.dumps(members).encode())


def test_the_request_is_signed_by_the_app_for_its_installation() -> None:
    request = token_request(APP, api=API, at=AT)
    assert (request.method, request.body) == ("POST", b"")
    assert request.url.text == "https://api.github.com/app/installations/7890/access_tokens"
    headers = dict(request.headers)
    kind, _, assertion = headers.pop("Authorization").partition(" ")
    assert headers == {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    issued_at = int(AT.timestamp()) - 60
    assert (kind, verified(assertion)[1]) == ("Bearer", {"iss": "123456", "iat": issued_at, "exp": issued_at + 600})


def test_github_takes_the_assertion_because_it_ends_within_ten_minutes_from_now() -> None:
    assertion = dict(token_request(APP, api=API, at=AT).headers)["Authorization"].removeprefix("Bearer ")
    assert verified(assertion)[1]["exp"] - AT.timestamp() <= 600


@pytest.mark.parametrize("api", ["https://github.example.com/api/v3", "https://github.example.com/api/v3/"])
def test_an_enterprise_is_asked_at_its_own_host(api: str) -> None:
    url = token_request(APP, api=parse_url(api), at=AT).url.text
    assert url == "https://github.example.com/api/v3/app/installations/7890/access_tokens"


def test_a_client_id_is_an_issuer_too() -> None:
    request = token_request(replace(APP, app_id="Iv23liABCDEFGHIJ0123"), api=API, at=AT)
    assertion = dict(request.headers)["Authorization"].removeprefix("Bearer ")
    assert verified(assertion)[1]["iss"] == "Iv23liABCDEFGHIJ0123"


def test_nothing_of_the_request_is_in_its_repr() -> None:
    assert "eyJ" not in repr(token_request(APP, api=API, at=AT))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("app_id", "", id="no app"),
        pytest.param("app_id", "my-app", id="a name"),
        pytest.param("app_id", "0", id="zero"),
        pytest.param("app_id", "123456\n", id="a line break"),
        pytest.param("app_id", "١٢٣", id="digits of another script"),
        pytest.param("installation_id", "", id="no installation"),
        pytest.param("installation_id", "../../user", id="a way out of the path"),
        pytest.param("installation_id", "1?x=1", id="a query"),
        pytest.param("installation_id", "-1", id="a negative number"),
        pytest.param("private_key", Secret(""), id="no key"),
    ],
)
def test_a_credential_that_is_none_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        token_request(replace(APP, **{field: value}), api=API, at=AT)
    assert refused.value.details["field"] == f"credential.{field}"


def test_the_answer_is_a_token_with_its_end_and_its_permissions() -> None:
    expected = Tokens(
        Secret(ANSWER["token"]), None, datetime(2026, 3, 4, 6, 6, 7, tzinfo=UTC), ("issues:write", "metadata:read")
    )
    assert read_tokens(answered()) == expected


def test_an_answer_may_leave_the_permissions_out() -> None:
    assert read_tokens(answered(permissions=None)).scopes == ()


def test_the_end_is_kept_in_utc() -> None:
    assert read_tokens(answered(expires_at="2026-03-04T08:06:07+02:00")) == read_tokens(answered())


@pytest.mark.parametrize(
    ("name", "response", "part"),
    [
        ("a key that is not known", answered(status=401), "status"),
        ("a status of another kind", answered(status=200), "status"),
        ("no token", answered(token=None), "token"),
        ("no end", answered(expires_at=None), "expires_at"),
        ("an end without a zone", answered(expires_at="2026-03-04T06:06:07"), "expires_at"),
        ("an end that is a number", answered(expires_at=1_772_604_367), "expires_at"),
        ("an end that is a word", answered(expires_at="soon"), "expires_at"),
        ("permissions that are a list", answered(permissions=["issues"]), "permissions"),
        ("a permission that is a tree", answered(permissions={"issues": {}}), "permissions"),
        ("a permission that draws on a screen", answered(permissions={"issues": "\u001b[2J"}), "permissions"),
    ],
)
def test_an_answer_that_holds_no_token_says_which_part(name: str, response: InboundResponse, part: str) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        read_tokens(response)
    assert failed.value.details["part"] == part, name
    assert ANSWER["token"] not in f"{failed.value} {failed.value.details}"
