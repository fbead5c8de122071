"""An echo of the credential is taken out; the judge is the leak scanner, which shares no code with the scrubber."""

import base64
import json

import pytest

from stack_local.domain.secrets import Secret
from stack_local.proxy.scrub import MARK, SHORTEST, Scrubber, forms
from tests.simulators.leakscan import encodings, scan_bytes

SECRETS = [
    "upstream-secret-9f8e7d6c5b4a",
    "abc+/def==ghi~jkl",
    "p@ss:w0rd;with&=?%signs",
    "quo\"te\\back'slash<tag>",
    "with inner blanks here",
    "$2b$10$ab.cd(ef)[gh]{ij}|^*",
    "aaaaaaaaaaaa",
    "sixsix",
    "seven77",
    "eight888",
]
FORMS = [(secret, name, form) for secret in SECRETS for name, form in encodings(secret).items()]
AROUND = [(b"", b""), (b"x", b"y"), (b'{"a":"', b'"}'), (b"\n", b"\n"), (b"ab", b"cd"), (b"%41", b"%42")]


@pytest.mark.parametrize(("secret", "name", "form"), FORMS, ids=[f"{secret} {name}" for secret, name, _ in FORMS])
def test_an_echo_in_any_encoding_we_answer_for_is_gone(secret: str, name: str, form: bytes) -> None:
    scrubber = Scrubber([Secret(secret)])
    for before, after in AROUND:
        cleaned, was_there = scrubber.clean(before + form + after)
        assert was_there
        assert scan_bytes(secret, cleaned) == []
        assert MARK.encode() in cleaned


@pytest.mark.parametrize("padding", range(7))
@pytest.mark.parametrize("secret", SECRETS)
def test_an_echo_within_base64_of_more_is_gone_at_every_alignment(secret: str, padding: int) -> None:
    echoed = b"p" * padding + secret.encode() + b"rest of it"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        cleaned, was_there = Scrubber([Secret(secret)]).clean(encode(echoed))
        assert was_there
        assert scan_bytes(secret, cleaned) == []


MIXED = {
    "a slash escaped as PHP does": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "signs escaped as Go does": lambda secret: (
        json.dumps(secret)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    ),
    "blanks as plus signs": lambda secret: "".join(
        "+" if char == " " else char if char.isalnum() or char in "-._~*" else f"%{ord(char):02X}" for char in secret
    ),
    "quotes as Go does in HTML": lambda secret: (
        secret.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&#34;")
        .replace("'", "&#39;")
    ),
    "HTML without quotes": lambda secret: secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
}
"""What common servers write; each leaves most characters as they are."""


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", MIXED)
def test_an_echo_in_the_half_escaped_forms_of_common_servers_is_gone(name: str, secret: str) -> None:
    cleaned, _ = Scrubber([Secret(secret)]).clean(b'{"a":"' + MIXED[name](secret).encode() + b'"}')
    assert scan_bytes(secret, cleaned) == []


def test_every_occurrence_is_gone_and_the_rest_stays() -> None:
    cleaned, was_there = Scrubber([Secret("secret-one"), Secret("secret-two")]).clean(
        b"a secret-one b SECRET-ONE c secret-two d secret-three"
    )
    assert was_there
    assert cleaned == b"a [redacted] b [redacted] c [redacted] d secret-three"


def test_the_longer_of_two_secrets_is_taken_out_whole() -> None:
    scrubber = Scrubber([Secret("secret-one"), Secret("secret-one-more")])
    assert scrubber.clean(b"<secret-one-more>") == (b"<[redacted]>", True)


def test_an_answer_without_the_secret_is_untouched() -> None:
    content = bytes(range(256)) * 4
    assert Scrubber([Secret("upstream-secret")]).clean(content) == (content, False)


@pytest.mark.parametrize("secrets", [[], ["a"], ["x" * (SHORTEST - 1)]], ids=["none", "one character", "too short"])
def test_a_secret_too_short_to_look_for_is_not_looked_for(secrets: list[str]) -> None:
    assert Scrubber(Secret(secret) for secret in secrets).clean(b"a xxxxx") == (b"a xxxxx", False)
    assert all(forms(secret) == set() for secret in secrets)


def test_no_form_is_so_short_that_it_is_found_everywhere() -> None:
    assert all(len(form) >= SHORTEST for secret in SECRETS for form in forms(secret))


def test_a_header_is_cleaned_as_text_whatever_bytes_it_holds() -> None:
    scrubber = Scrubber([Secret("upstream-secret")])
    assert scrubber.clean_text("a=upstream-secret; é") == ("a=[redacted]; é", True)
    assert scrubber.clean_text("caf\udce9") == ("caf\ufffd", False)


def test_the_scrubber_does_not_show_the_secret() -> None:
    assert "upstream" not in repr(Scrubber([Secret("upstream-secret")]))
