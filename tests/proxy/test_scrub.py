"""An echo of the credential is taken out; the judge is the leak scanner, which shares no code with the scrubber."""

import base64
import json

import pytest

from stack_local.domain.secrets import Secret
from stack_local.proxy.scrub import MARK, SHORTEST, Scrubber
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


def test_a_secret_of_blanks_is_found_as_it_is_written() -> None:
    scrubber = Scrubber([Secret("a b c d")])
    assert scrubber.clean(b"<a b c d> <ab cd>") == (b"<[redacted]> <ab cd>", True)
    stream = scrubber.stream()
    assert stream.feed(b"<a b") + stream.feed(b" c d> <ab cd>") + stream.end() == b"<[redacted]> <ab cd>"


def test_two_secrets_that_overlap_are_one_mark() -> None:
    scrubber = Scrubber([Secret("secret-one"), Secret("one-and-more")])
    assert scrubber.clean(b"<secret-one-and-more>") == (b"<[redacted]>", True)


READ = [
    ("in JSON as .NET writes it", "a+b'c\"d&e", b'{"a": "a\\u002Bb\\u0027c\\u0022d\\u0026e"}'),
    ("escaped in part", "upstream-secret", b'{"a": "\\u0075pstream\\u002dsecret"}'),
    ("HTML in JSON", "a<b>c-secret", b'{"a": "a\\u0026lt;b\\u0026gt;c-secret"}'),
    ("percent of percent", "a/b/c-secret", b"?a=a%25252fb%25252fc-secret"),
    ("JSON in percent", "a/b/c-secret", b"?a=a%5Cu002fb%5Cu002fc-secret"),
    ("wrapped", "upstream-secret", b"up\r\n stream-secret"),
    ("over lines of an event", "upstream-secret", b"data: upstream\ndata: -secret\n\n"),
    ("a line broken within an escape", "upstream-secret", b"%75%7\r\n 0stream-secret"),
    ("behind half an escape, over lines", "75-secret-75", b"%2\n75-sec\nret-75"),
]


@pytest.mark.parametrize(("secret", "content"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_what_a_reader_would_read_is_gone(secret: str, content: bytes) -> None:
    cleaned, was_there = Scrubber([Secret(secret)]).clean(content)
    assert was_there
    assert scan_bytes(secret, cleaned) == []


def test_a_header_is_cleaned_as_text_whatever_bytes_it_holds() -> None:
    scrubber = Scrubber([Secret("upstream-secret")])
    assert scrubber.clean_text("a=upstream-secret; é") == ("a=[redacted]; é", True)
    assert scrubber.clean_text("caf\udce9") == ("caf\ufffd", False)


def test_the_scrubber_does_not_show_the_secret() -> None:
    assert "upstream" not in repr(Scrubber([Secret("upstream-secret")]))
