"""A Google service account: which files are taken, the exact request for a token, and which answers hold one."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from stack_local.domain.errors import InvalidRequest, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.egress.messages import InboundResponse
from stack_local.oauth import service_account
from stack_local.oauth.service_account import ServiceAccount, read_file, read_tokens, token_request
from stack_local.oauth.tokens_upstream import TokenRequest, Tokens
from tests.oauth.private_keys import AT, pem, rsa_key, verified

HOST = "oauth2.googleapis.com"
URI = f"https://{HOST}/token"
SCOPE = "https://www.googleapis.com/auth/drive.readonly"
FILE = {
    "type": "service_account",
    "project_id": "project",
    "private_key_id": "0123456789abcdef",
    "private_key": pem(),
    "client_email": "robot@project.iam.gserviceaccount.com",
    "client_id": "1234",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": URI,
    "universe_domain": "googleapis.com",
}
ANSWER: dict[str, Any] = {"access_token": "ya29.c.b0Aaekm1K", "expires_in": 3599, "token_type": "Bearer"}


def file_of(**changed: Any) -> Secret:
    """Google's file, or one that differs; None leaves a member out."""
    return Secret(json.dumps({name: value for name, value in (FILE | changed).items() if value is not None}))


def account_of(**changed: Any) -> ServiceAccount:
    return read_file(file_of(**changed), token_host=HOST)


def answered(*, status: int = 200, **changed: Any) -> InboundResponse:
    members = {name: value for name, value in (ANSWER | changed).items() if value is not None}
    return InboundResponse(status, (), json.dumps(members).encode())


def assertion_of(request: TokenRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    return verified(parse_qs(request.body.decode())["assertion"][0])


def test_the_request_is_a_form_with_an_assertion_for_the_address_of_the_file() -> None:
    request = token_request(account_of(), scopes=(SCOPE,), at=AT)
    assert (request.method, request.url.text) == ("POST", URI)
    assert dict(request.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert (set(form), form["grant_type"]) == ({"grant_type", "assertion"}, [service_account.GRANT])
    header, claims = assertion_of(request)
    issued_at = int(AT.timestamp()) - 60
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "0123456789abcdef"}
    assert claims == {
        "iss": "robot@project.iam.gserviceaccount.com",
        "scope": SCOPE,
        "aud": URI,
        "iat": issued_at,
        "exp": issued_at + 3600,
    }


def test_scopes_are_asked_for_in_the_order_given() -> None:
    assert assertion_of(token_request(account_of(), scopes=("b", "a"), at=AT))[1]["scope"] == "b a"


def test_it_acts_for_a_person_where_one_is_named() -> None:
    request = token_request(account_of(), scopes=(SCOPE,), at=AT, subject="ada@example.com")
    assert assertion_of(request)[1]["sub"] == "ada@example.com"


def test_nothing_of_the_request_or_the_account_is_in_a_repr() -> None:
    shown = repr(token_request(account_of(), scopes=(SCOPE,), at=AT)) + repr(account_of())
    assert "eyJ" not in shown
    assert "BEGIN" not in shown


@pytest.mark.parametrize(
    ("member", "value"),
    [
        pytest.param("type", "authorized_user", id="a file for people"),
        pytest.param("type", None, id="no type"),
        pytest.param("client_email", None, id="no email"),
        pytest.param("client_email", "", id="an empty email"),
        pytest.param("client_email", ["a@b.c"], id="an email that is a list"),
        pytest.param("client_email", "a b@c.d", id="an email with a blank"),
        pytest.param("private_key_id", None, id="no key id"),
        pytest.param("private_key_id", "a\nb", id="a key id with a line break"),
        pytest.param("private_key", None, id="no key"),
        pytest.param("private_key", pem(password=b"password"), id="an encrypted key"),
        pytest.param("private_key", pem(rsa_key(1024)), id="a short key"),
        pytest.param("token_uri", None, id="no token_uri"),
        pytest.param("token_uri", "https://oauth2.googleapis.com.evil.io/token", id="a token_uri of another host"),
        pytest.param("token_uri", "https://oauth2.googleapis.com@evil.io/token", id="one that only begins like it"),
        pytest.param("token_uri", "http://oauth2.googleapis.com/token", id="one without TLS"),
        pytest.param("token_uri", "https://oauth2.googleapis.com:8443/token", id="one with a port"),
        pytest.param("token_uri", "https://oauth2.googleapis.com/token?to=evil.io", id="one with a query"),
        pytest.param("token_uri", "https://evil.oauth2.googleapis.com/token", id="a host below it"),
    ],
)
def test_a_file_is_refused_by_the_member_that_is_wrong(member: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        account_of(**{member: value})
    assert refused.value.details["field"] == f"credential.service_account.{member}"
    assert "BEGIN" not in f"{refused.value} {refused.value.details}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(pem(), id="a key alone"),
        pytest.param("[]", id="a list"),
        pytest.param(file_of().reveal()[:-2], id="half a file"),
        pytest.param(file_of().reveal()[:-1] + ', "type": "service_account"}', id="a member twice"),
        pytest.param('{"type": "\ud800"}', id="half a character"),
        pytest.param(" " * 8192 + file_of().reveal(), id="too much of it"),
    ],
)
def test_what_is_no_file_of_google_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_file(Secret(text), token_host=HOST)
    assert refused.value.details["field"] == "credential.service_account"


@pytest.mark.parametrize(
    ("name", "asked", "field"),
    [
        ("no scope", {"scopes": ()}, "scopes"),
        ("an empty scope", {"scopes": ("",)}, "scopes"),
        ("a scope that is two", {"scopes": ("a b",)}, "scopes"),
        ("a scope with a quote", {"scopes": ('a"b',)}, "scopes"),
        ("a person without an address", {"scopes": ("a",), "subject": "ada"}, "subject"),
        ("an empty person", {"scopes": ("a",), "subject": ""}, "subject"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_field(name: str, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        token_request(account_of(), at=AT, **asked)
    assert refused.value.details["field"] == f"credential.{field}", name


def test_the_answer_is_a_token_with_its_end_and_the_scopes_that_were_asked_for() -> None:
    expected = Tokens(Secret(ANSWER["access_token"]), None, AT + timedelta(seconds=3599), (SCOPE,))
    assert read_tokens(answered(), scopes=(SCOPE,), at=AT) == expected


def test_scopes_that_the_answer_names_are_the_ones_that_count() -> None:
    assert read_tokens(answered(scope="a b"), scopes=(SCOPE,), at=AT).scopes == ("a", "b")


@pytest.mark.parametrize(
    ("name", "response", "part"),
    [
        ("a grant that is refused", answered(status=400, error="invalid_grant"), "status"),
        ("no token", answered(access_token=None), "token"),
        ("an id token alone", answered(access_token=None, id_token="eyJ"), "token"),
        ("no end", answered(expires_in=None), "expires_in"),
        ("an end that is a text", answered(expires_in="3599"), "expires_in"),
        ("an end that is true", answered(expires_in=True), "expires_in"),
        ("an end that is a fraction", answered(expires_in=0.5), "expires_in"),
        ("an end that is over", answered(expires_in=0), "expires_in"),
        ("an end beyond a day", answered(expires_in=86401), "expires_in"),
        ("scopes that draw on a screen", answered(scope="a \u001b[2J"), "scope"),
        ("an empty scope", answered(scope=""), "scope"),
    ],
)
def test_an_answer_that_holds_no_token_says_which_part(name: str, response: InboundResponse, part: str) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        read_tokens(response, scopes=(SCOPE,), at=AT)
    assert failed.value.details["part"] == part, name
    assert ANSWER["access_token"] not in f"{failed.value} {failed.value.details}"
