"""Where a credential goes in a call, and what is refused before it is stored (security-cases X-16)."""

import base64
from dataclasses import replace

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.domain.urls import parse_url
from stack_local.proxy.inject import Injected, check, check_style, inject, required_fields
from tests.domain.samples import CALL, NOW

PLAIN = replace(CALL, headers=(("accept", "a/b"),), content_type=None, body=None)
URL = PLAIN.url.text
TOKEN = {"value": Secret("s3cr3t-{x}&=%/+")}
PAIR = {"username": Secret("us:er"), "password": Secret("pa:ssword")}
BASIC = "Basic " + base64.b64encode(b"us:er:pa:ssword").decode()

STYLES: list[tuple[str, Injection, dict[str, Secret], str, tuple[tuple[str, str], ...]]] = [
    ("bearer", Injection(InjectionStyle.BEARER), TOKEN, URL, (("Authorization", "Bearer s3cr3t-{x}&=%/+"),)),
    ("header", Injection(InjectionStyle.HEADER, "X-Key"), TOKEN, URL, (("X-Key", "s3cr3t-{x}&=%/+"),)),
    ("basic", Injection(InjectionStyle.BASIC), PAIR, URL, (("Authorization", BASIC),)),
    (
        "template",
        Injection(InjectionStyle.TEMPLATE, template="Token {value}, v={value}"),
        TOKEN,
        URL,
        (("Authorization", "Token s3cr3t-{x}&=%/+, v=s3cr3t-{x}&=%/+"),),
    ),
    (
        "template in its own header",
        Injection(InjectionStyle.TEMPLATE, "X-Key", "{username}/{password}"),
        PAIR,
        URL,
        (("X-Key", "us:er/pa:ssword"),),
    ),
    ("query", Injection(InjectionStyle.QUERY, "api key"), TOKEN, URL + "&api%20key=s3cr3t-%7Bx%7D%26%3D%25%2F%2B", ()),
]


@pytest.mark.parametrize(("injection", "fields", "url", "added"), [s[1:] for s in STYLES], ids=[s[0] for s in STYLES])
def test_the_credential_goes_in_one_place(
    injection: Injection, fields: dict[str, Secret], url: str, added: tuple[tuple[str, str], ...]
) -> None:
    check_style(injection)
    check(injection, fields)
    injected = inject(PLAIN, injection, fields, at=NOW)
    assert injected.url.text == url
    assert injected.headers == (("accept", "a/b"), *added)


@pytest.mark.parametrize(("before", "after"), [("", "?key=abc"), ("?", "?key=abc"), ("?a=1", "?a=1&key=abc")])
def test_a_query_credential_stands_once_at_the_end(before: str, after: str) -> None:
    call = replace(PLAIN, url=parse_url("https://h.com/p" + before))
    injected = inject(call, Injection(InjectionStyle.QUERY, "key"), {"value": Secret("abc")}, at=NOW)
    assert injected.url.text == "https://h.com/p" + after
    assert parse_url(injected.url.text) == injected.url


def test_the_content_type_is_sent_beside_the_other_headers() -> None:
    injected = inject(CALL, Injection(InjectionStyle.BEARER), {"value": Secret("abc")}, at=NOW)
    assert injected == Injected(
        CALL.url,
        (("accept", "application/json"), ("content-type", "application/json"), ("Authorization", "Bearer abc")),
    )


def test_a_secret_that_looks_like_a_template_is_not_filled_in() -> None:
    fields = {"a": Secret("{b}"), "b": Secret("second")}
    injected = inject(PLAIN, Injection(InjectionStyle.TEMPLATE, template="{a}-{b}"), fields, at=NOW)
    assert dict(injected.headers)["Authorization"] == "{b}-second"


UNSENDABLE = ["", " ", " abc", "abc ", "abc\n", "a\r\nX: y", "a\0b", "a\tb", "sécret", "\x7f", "a\u2028b"]


@pytest.mark.parametrize("value", UNSENDABLE, ids=range(len(UNSENDABLE)))
def test_a_credential_that_cannot_be_sent_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(Injection(InjectionStyle.BEARER), {"value": Secret(value)})
    assert refused.value.details["field"] == "credential.value"
    assert len(value) < 2 or value not in str(vars(refused.value))


MISSING: list[tuple[Injection, dict[str, Secret]]] = [
    (Injection(InjectionStyle.BEARER), {}),
    (Injection(InjectionStyle.QUERY, "key"), {"token": Secret("abc")}),
    (Injection(InjectionStyle.BASIC), {"username": Secret("abc")}),
    (Injection(InjectionStyle.TEMPLATE, template="{a}{b}"), {"a": Secret("abc")}),
]


@pytest.mark.parametrize(("injection", "fields"), MISSING, ids=range(len(MISSING)))
def test_a_credential_without_the_fields_its_injection_names_is_refused(
    injection: Injection, fields: dict[str, Secret]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(injection, fields)
    assert refused.value.details["field"] == "credential"


INCOMPLETE: list[tuple[Injection, str]] = [
    (Injection(InjectionStyle.HEADER), "injection.name"),
    (Injection(InjectionStyle.HEADER, ""), "injection.name"),
    (Injection(InjectionStyle.QUERY), "injection.name"),
    (Injection(InjectionStyle.TEMPLATE), "injection.template"),
    (Injection(InjectionStyle.TEMPLATE, template="Token"), "injection.template"),
    (Injection(InjectionStyle.TEMPLATE, template="{}"), "injection.template"),
    (Injection(InjectionStyle.TEMPLATE, template="{value}\r\nX: y"), "injection.template"),
    (Injection(InjectionStyle.TEMPLATE, template=" {value}"), "injection.template"),
]


@pytest.mark.parametrize(("injection", "field"), INCOMPLETE, ids=range(len(INCOMPLETE)))
def test_an_injection_that_says_too_little_is_refused(injection: Injection, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_style(injection)
    assert refused.value.details["field"] == field


def test_each_style_names_the_fields_it_needs() -> None:
    assert required_fields(Injection(InjectionStyle.BEARER)) == ("value",)
    assert required_fields(Injection(InjectionStyle.BASIC)) == ("username", "password")
    assert required_fields(Injection(InjectionStyle.TEMPLATE, template="{a}:{b_2}")) == ("a", "b_2")
    assert required_fields(Injection(InjectionStyle.TEMPLATE)) == ()


MORE: list[tuple[str, Injection, dict[str, Secret], str, tuple[tuple[str, str], ...]]] = [
    (
        "two headers",
        Injection(InjectionStyle.HEADER, "DD-API-KEY", more=(("DD-APPLICATION-KEY", "{app}"),)),
        {"value": Secret("api-key"), "app": Secret("app-key")},
        URL,
        (("DD-APPLICATION-KEY", "app-key"), ("DD-API-KEY", "api-key")),
    ),
    (
        "the path",
        Injection(InjectionStyle.PATH, template="/bot{value}"),
        {"value": Secret("12:ab")},
        "https://api.example.com/bot12:ab/v1/things?dry=1",
        (),
    ),
]


@pytest.mark.parametrize(
    ("injection", "fields", "url", "headers"), [row[1:] for row in MORE], ids=[row[0] for row in MORE]
)
def test_a_credential_of_several_places_stands_in_each(
    injection: Injection, fields: dict[str, Secret], url: str, headers: tuple[tuple[str, str], ...]
) -> None:
    injected = inject(PLAIN, injection, fields, at=NOW)
    assert (injected.url.text, injected.headers) == (url, (("accept", "a/b"), *headers))


AWS = {
    "access_key_id": Secret("AKIDEXAMPLE"),
    "secret_access_key": Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    "region": Secret("eu-west-1"),
}


def signed(url: str, name: str | None = None) -> dict[str, str]:
    call = replace(PLAIN, url=parse_url(url))
    return dict(inject(call, Injection(InjectionStyle.AWS_SIGV4, name), AWS, at=NOW).headers)


def test_a_request_to_aws_is_signed_for_the_service_and_region_of_its_host() -> None:
    headers = signed("https://sts.us-east-2.amazonaws.com/?Action=GetCallerIdentity")
    assert headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-2/sts/aws4_request"
    )
    assert headers["x-amz-date"] == "20261122T120000Z"
    assert "wJalrXUtnFEMI" not in str(headers)


def test_where_the_host_does_not_tell_the_connection_says_for_what_is_signed() -> None:
    assert "/eu-west-1/s3/aws4_request" in signed("https://storage.example.com/bucket/key", "s3")["authorization"]
    with pytest.raises(InvalidRequest):
        signed("https://storage.example.com/bucket/key")
