"""Where a credential goes in a call, and what is refused before it is stored (security-cases X-16)."""

import base64
from dataclasses import replace

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.domain.urls import parse_url
from stack_local.proxy.inject import Injected, check, check_style, inject, required_fields
from tests.domain.samples import CALL

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
    injected = inject(PLAIN, injection, fields)
    assert injected.url.text == url
    assert injected.headers == (("accept", "a/b"), *added)


@pytest.mark.parametrize(("before", "after"), [("", "?key=abc"), ("?", "?key=abc"), ("?a=1", "?a=1&key=abc")])
def test_a_query_credential_stands_once_at_the_end(before: str, after: str) -> None:
    call = replace(PLAIN, url=parse_url("https://h.com/p" + before))
    injected = inject(call, Injection(InjectionStyle.QUERY, "key"), {"value": Secret("abc")})
    assert injected.url.text == "https://h.com/p" + after
    assert parse_url(injected.url.text) == injected.url


def test_the_content_type_is_sent_beside_the_other_headers() -> None:
    injected = inject(CALL, Injection(InjectionStyle.BEARER), {"value": Secret("abc")})
    assert injected == Injected(
        CALL.url,
        (("accept", "application/json"), ("content-type", "application/json"), ("Authorization", "Bearer abc")),
    )


def test_a_secret_that_looks_like_a_template_is_not_filled_in() -> None:
    fields = {"a": Secret("{b}"), "b": Secret("second")}
    injected = inject(PLAIN, Injection(InjectionStyle.TEMPLATE, template="{a}-{b}"), fields)
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
