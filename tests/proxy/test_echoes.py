"""The forms are those that services write, and none is so short that it is found everywhere."""

import base64

import pytest

from stack_local.proxy.echoes import SHORTEST, forms

SECRETS = ["upstream-secret-9f8e7d6c5b4a", "abc+/def==ghi~jkl", "quo\"te\\back'slash<tag>", "sixsix", "pässword-€-key"]

WRITTEN = [
    ("itself", b"a/b+c=d&e"),
    ("hex", b"612f622b633d642665"),
    ("hex, parted", b"61:2f:62:2b:63:3d:64:26:65"),
    ("a list of hex", b"0x61,0x2f,0x62,0x2b,0x63,0x3d,0x64,0x26,0x65"),
    ("a list of numbers", b"97,47,98,43,99,61,100,38,101"),
    ("octal", b"\\141\\057\\142\\053\\143\\075\\144\\046\\145"),
    ("percent", b"a%2Fb%2Bc%3Dd%26e"),
    ("percent, every byte", b"%61%2f%62%2b%63%3d%64%26%65"),
    ("quoted-printable", b"a/b+c=3Dd&e"),
    ("quoted-printable, every byte", b"=61=2f=62=2b=63=3d=64=26=65"),
    ("HTML", b"a/b+c=d&amp;e"),
    ("JSON of PHP", b"a\\/b+c=d&e"),
    ("JSON of Go", b"a/b+c=d\\u0026e"),
    ("JSON of .NET", b"a/b\\u002bc=d\\u0026e"),
    ("reversed", b"e&d=c+b/a"),
    ("rot13", b"n/o+p=q&r"),
    ("UTF-16", "a/b+c=d&e".encode("utf-16-le")),
    ("base64", b"YS9iK2M9ZCZl"),
    ("base32", b"MEXWEK3DHVSCMZ"),
]


@pytest.mark.parametrize("written", [case[1] for case in WRITTEN], ids=[case[0] for case in WRITTEN])
def test_a_form_is_as_services_write_it(written: bytes) -> None:
    assert written in forms("a/b+c=d&e")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.b32encode])
@pytest.mark.parametrize("padding", range(6))
@pytest.mark.parametrize("secret", SECRETS)
def test_a_form_stands_in_the_encoding_of_more(secret: str, padding: int, encode: object) -> None:
    encoded = encode(b"p" * padding + secret.encode() + b"rest")  # type: ignore[operator]
    assert any(form in encoded for form in forms(secret))


@pytest.mark.parametrize("padding", range(6))
@pytest.mark.parametrize("secret", SECRETS)
def test_a_form_stands_in_base64_of_base64_of_more(secret: str, padding: int) -> None:
    once = base64.b64encode(b"p" * padding + secret.encode() + b"rest")
    assert any(form in base64.b64encode(b"p" * (padding // 2) + once) for form in forms(secret))


def test_no_form_is_so_short_that_it_is_found_everywhere() -> None:
    assert all(len(form) >= SHORTEST for secret in SECRETS for form in forms(secret))


@pytest.mark.parametrize("secret", ["", "a", "x" * (SHORTEST - 1)])
def test_a_secret_that_is_too_short_has_none(secret: str) -> None:
    assert forms(secret) == set()
