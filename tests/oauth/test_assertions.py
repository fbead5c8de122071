"""Which private keys are taken, what an assertion says, and which answers hold a token."""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat

from stack_local.domain.errors import InvalidRequest, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.egress.messages import InboundResponse
from stack_local.oauth import assertions
from tests.oauth.private_keys import AT, PKCS1, PKCS8, pem, public_pem, rsa_key, verified


def armored(label: str, body: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(body).decode()}-----END {label}-----\n"


def other_algorithm() -> str:
    """PKCS #8 that names an algorithm nobody has."""
    body = base64.b64decode("".join(pem().splitlines()[1:-1]))
    rsa, nothing = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01017f")
    return armored("PRIVATE KEY", body.replace(rsa, nothing))


def answer(status: int, body: bytes) -> InboundResponse:
    return InboundResponse(status, (), body)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(pem(), id="PKCS 8"),
        pytest.param(pem(form=PKCS1), id="PKCS 1"),
        pytest.param(f"\r\n {pem()} \n", id="blanks around it"),
        pytest.param(pem().replace("\n", "\r\n"), id="line breaks of Windows"),
    ],
)
def test_a_key_is_read_in_either_form_and_whatever_blanks_stand_around_it(text: str) -> None:
    signed = assertions.sign_assertion({"iss": "me"}, Secret(text), field="key", at=AT, seconds=600)
    assert verified(signed)[1]["iss"] == "me"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("correct horse battery staple", id="a passphrase"),
        pytest.param(pem(password=b"password"), id="encrypted PKCS 8"),
        pytest.param(pem(form=PKCS1, password=b"password"), id="encrypted PKCS 1"),
        pytest.param(pem(rsa_key(1024)), id="1024 bits"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256R1())), id="an elliptic curve"),
        pytest.param(public_pem(), id="the public half"),
        pytest.param(other_algorithm(), id="an algorithm nobody has"),
        pytest.param(pem() + pem(), id="two keys"),
        pytest.param("key:\n" + pem(), id="words before the key"),
        pytest.param(pem().replace("\n", "\\n"), id="line breaks that were escaped"),
        pytest.param(pem().replace("\n", ""), id="line breaks that were lost"),
        pytest.param(pem()[:-40], id="no end"),
        pytest.param(armored("PRIVATE KEY", b""), id="an empty key"),
        pytest.param(armored("RSA PRIVATE KEY", b"nothing at all"), id="a key of junk"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAAA\n-----END PRIVATE KEY-----\n", id="no base64"),
        pytest.param(pem().replace("M", "\N{CYRILLIC CAPITAL LETTER EM}"), id="letters of another alphabet"),
        pytest.param(pem() + " " * assertions.MAX_KEY_CHARACTERS, id="too much of it"),
    ],
)
def test_what_is_no_usable_key_is_refused_by_its_field_without_its_text(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        assertions.read_key(Secret(text), field="private_key")
    assert refused.value.details["field"] == "credential.private_key"
    told = f"{refused.value} {refused.value.details}"
    assert not [line for line in text.split() if len(line) > 20 and line in told]
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
def test_an_encrypted_key_is_told_from_a_broken_one(form: PrivateFormat) -> None:
    with pytest.raises(InvalidRequest) as refused:
        assertions.read_key(Secret(pem(form=form, password=b"password")), field="private_key")
    assert refused.value.details["rule"] == "a PEM without a password"


def test_an_assertion_is_dated_back_a_minute_and_ends_when_its_seconds_are_over() -> None:
    header, claims = verified(assertions.sign_assertion({}, Secret(pem()), field="key", at=AT, seconds=600))
    issued_at = int((AT - timedelta(minutes=1)).timestamp())
    assert claims == {"iat": issued_at, "exp": issued_at + 600}
    assert header == {"alg": "RS256", "typ": "JWT"}


def test_an_assertion_names_its_key_where_it_has_a_name() -> None:
    signed = assertions.sign_assertion({}, Secret(pem()), field="key", at=AT, seconds=600, key_id="k1")
    assert verified(signed)[0] == {"alg": "RS256", "typ": "JWT", "kid": "k1"}


@pytest.mark.parametrize(
    ("name", "response", "part", "error"),
    [
        ("another status", answer(401, b'{"message": "no"}'), "status", None),
        ("a code of OAuth", answer(400, b'{"error": "invalid_grant"}'), "status", "invalid_grant"),
        ("a code that is a text", answer(400, b'{"error": "<b>no</b>"}'), "status", None),
        ("an error that is a tree", answer(400, b'{"error": {"code": 400}}'), "status", None),
        ("a page", answer(502, b"<html>"), "status", None),
        ("a redirect", answer(302, b""), "status", None),
        ("a page that says it is fine", answer(200, b"<html>"), "body", None),
        ("a list", answer(200, b"[]"), "body", None),
        ("a member twice", answer(200, b'{"access_token": "a", "access_token": "b"}'), "body", None),
    ],
)
def test_an_answer_that_is_none_says_what_was_wrong(
    name: str, response: InboundResponse, part: str, error: str | None
) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        assertions.read_answer(response, status=200)
    assert failed.value.details["part"] == part, name
    assert failed.value.details.get("error") == error
    assert failed.value.details["status"] == response.status


@pytest.mark.parametrize(
    "value",
    [None, "", 5, ["t"], "a b", "a\nb", "é", "t" * (assertions.MAX_TOKEN_CHARACTERS + 1)],
    ids=["none", "empty", "a number", "a list", "a blank", "a line break", "not ASCII", "too long"],
)
def test_a_token_that_no_header_could_carry_is_none(value: assertions.Json) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        assertions.read_token(answer(200, b"{}"), value)
    assert failed.value.details["part"] == "token"
