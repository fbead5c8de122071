"""What is passed on of a stream is safe wherever it is cut, and what holds no beginning of a secret goes at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.domain.secrets import Secret
from stack_local.proxy.echoes import forms
from stack_local.proxy.scrub import MARK, SHORTEST, Scrubber, StreamScrubber
from stack_local.proxy.scrub_stream import HELD_FORMS
from stack_local.proxy.views import UNESCAPED
from tests.simulators.leakscan import scan_bytes

SECRET = "upstream-secret-9f8e7d6c5b4a"
SECRETS = [SECRET, "upstream-secret", 'tok/en+With=all: %of"signs\\<&>-7f3c', "aaaaaaaa", "4a-and-more"]
"""One begins another, one begins where another ends, one has every sign, one overlaps itself."""

SCRUBBER = Scrubber(Secret(secret) for secret in SECRETS)
FORMS = sorted({form for secret in SECRETS for form in forms(secret)})
MARKED = MARK.encode()


def stream(secret: str = SECRET) -> StreamScrubber:
    return Scrubber([Secret(secret)]).stream()


def passed(scrubber: StreamScrubber, *pieces: bytes) -> list[bytes]:
    """What comes out for each piece, and at the end."""
    return [*(scrubber.feed(piece) for piece in pieces), scrubber.end()]


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


AT_ONCE = [
    ("an event", b"data: hello\n\n"),
    ("an event that ends like a secret begins", b"data: up\n\n"),
    ("JSON", b'{"a": "100% of \\"b\\" & c", "d": 1}'),
    ("an event of JSON", b'data: {"text": "up\\nstream"}\r\n\r\n'),
    ("a beginning that goes on otherwise", b"upstream-server!"),
    ("nothing", b""),
    ("blanks", b" " * 5000),
]


@pytest.mark.parametrize("piece", [case[1] for case in AT_ONCE], ids=[case[0] for case in AT_ONCE])
def test_a_piece_without_the_beginning_of_a_secret_goes_at_once(piece: bytes) -> None:
    scrubber = stream()
    assert passed(scrubber, piece, piece) == [piece, piece, b""]
    assert not scrubber.redacted


HELD = [
    ("a beginning", b"~~upstre", b"~~"),
    ("one character", b"~~u", b"~~"),
    ("over a line", b"~~up\n  str", b"~~"),
    ("an escape that is not whole", b"~~up\\u00", b"~~"),
    ("an entity that is not whole", b"~~&#11", b"~~"),
    ("percent of percent", b"~~%257", b"~~"),
    ("base64", b"~~dXBzdHJl", b"~~"),
    ("a long beginning before the end of an event", b"data: upstream\n\n", b"data: "),
]


@pytest.mark.parametrize(("piece", "goes"), [case[1:] for case in HELD], ids=[case[0] for case in HELD])
def test_what_may_be_the_beginning_of_a_secret_is_held_until_it_is_known(piece: bytes, goes: bytes) -> None:
    assert passed(stream(), piece, b" ~") == [goes, piece.removeprefix(goes) + b" ~", b""]
    assert passed(stream(), piece) == [goes, piece.removeprefix(goes)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
def test_a_secret_is_taken_out_and_all_else_stays(size: int) -> None:
    content = b'{"a": "upstream-secret-9f8e7d6c5b4a", "b": "UPSTREAM-secret-9f8e7d6c5b4a", "c": "upstream"}'
    scrubber = stream()
    clean = b'{"a": "[redacted]", "b": "[redacted]", "c": "upstream"}'
    assert b"".join(passed(scrubber, *cut(content, size))) == clean
    assert scrubber.redacted


PLACED = [
    ("wrapped", b"a up\n str eam-secret-9f8e\r\n7d6c5b4a\n\nb", b"a [redacted]\n\nb"),
    ("mixed escapes", b'"\\u0075p%73tre&#97;m-secret\\\\u002d9f8e7d6c5b4a" b', b'"[redacted]" b'),
    ("over events", b"data: upstream-\n\ndata: secret-9f8\n\ndata: e7d6c5b4a b\n\n", b"data: [redacted] b\n\n"),
    ("over lines of an event", b"data: upstream-\ndata: secret-9f8e7d6c5b4a\n\n", b"data: [redacted]\n\n"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
@pytest.mark.parametrize(("content", "clean"), [case[1:] for case in PLACED], ids=[case[0] for case in PLACED])
def test_a_secret_that_is_wrapped_or_escaped_is_taken_out_where_it_stands(
    content: bytes, clean: bytes, size: int
) -> None:
    assert b"".join(passed(stream(), *cut(content, size))) == clean


SEVERAL = [
    ("one begins the other", ["secret-one", "secret-one-more"], b"<secret-one-more> <secret-one>", b"<{}> <{}>"),
    ("the shorter alone", ["secret-one", "secret-one-more"], b"<secret-one-mo>", b"<{}-mo>"),
    ("one begins where the other ends", ["abc-defghi", "ghi-jklmno"], b"<abc-defghi-jklmno>", b"<{}>"),
    ("only the first of two that could overlap", ["abc-defghi", "ghi-jklmno"], b"<abc-defghi-jkl>", b"<{}-jkl>"),
    ("one within the other", ["abc-defghi-jkl", "defghi"], b"<abc-defghi-jkl> <defghi>", b"<{}> <{}>"),
    ("side by side", ["secret-one", "secret-two"], b"<secret-onesecret-two>", b"<{}{}>"),
    ("itself", ["abcabcab"], b"<abcabcabcabcab>", b"<{}>"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("secrets", "content", "clean"), [case[1:] for case in SEVERAL], ids=[case[0] for case in SEVERAL]
)
def test_several_secrets_are_taken_out_whole(secrets: list[str], content: bytes, clean: bytes, size: int) -> None:
    scrubber = Scrubber(Secret(secret) for secret in secrets)
    assert b"".join(passed(scrubber.stream(), *cut(content, size))) == clean.replace(b"{}", MARKED)
    assert scrubber.clean(content) == (clean.replace(b"{}", MARKED), True)


def test_less_than_the_shortest_form_goes_before_the_end_of_an_event_and_the_rest_is_taken_out() -> None:
    letters = [b"data: %c\n\n" % letter for letter in SECRET.encode()]
    given = passed(stream(), *letters, b"data: after\n\n")
    assert given[: SHORTEST - 1] == letters[: SHORTEST - 1]
    assert b"".join(given[SHORTEST - 1 :]) == b"data: [redacted]\n\ndata: after\n\n"


def test_what_went_out_as_an_escape_is_remembered_too() -> None:
    given = passed(stream(), b"\\u0075\n\n", SECRET[1:].encode() + b"\n\n")
    assert given == [b"\\u0075\n\n", MARKED + b"\n\n", b""]


@pytest.mark.parametrize("blanks", [0, 200, *range(238, 258), 600])
def test_a_beginning_in_an_escape_is_held_however_far_it_is_from_the_end(blanks: int) -> None:
    escape = b"&#0000000000000117;" + b" " * blanks
    assert passed(stream(), b"~" + escape, SECRET[1:].encode() + b"~") == [b"~", MARKED + b"~", b""]


PADDING = b" " * HELD_FORMS * 1000


def test_a_beginning_before_much_padding_is_taken_out_and_so_is_the_rest() -> None:
    scrubber = stream()
    given = passed(scrubber, b"a upstream-secret", PADDING, b"-9f8e7d6c5b4a b")
    assert b"".join(given) == b"a " + MARKED * 2 + b" b"
    given = passed(stream(), b"a upst", PADDING, b"ream-secret-9f8e7d6c5b4a b")
    assert b"".join(given).split() == [b"a", b"upst", MARKED, b"b"]


@pytest.mark.parametrize(
    "filler", [b" ", b"\n", b"\\", b"\0", b"u", b"%", b"&", b"%25", b"&amp;", b"data:", b"\\u0075"]
)
def test_no_stream_makes_it_hold_more_than_a_few_forms(filler: bytes) -> None:
    scrubber = stream()
    most = HELD_FORMS * max(map(len, forms(SECRET))) + 1000
    taken = given = 0
    for piece in [b"upst", *[filler * 50] * 100]:
        taken += len(piece)
        given += len(scrubber.feed(piece))
        assert taken - given <= most


@st.composite
def contents(draw: st.DrawFn, *, with_secrets: bool) -> tuple[bytes, list[int]]:
    """Text in which forms stand, whole, begun, wrapped or escaped again; and where it is cut.

    The last never stands right behind half an escape, which would take its first character for its own.
    """
    signs = st.sampled_from(
        [b" ", b"\n", b"\r\n", b"%", b"%2", b"&", b"&amp;", b"&#1", b"\\", b"\\u00", b"=", b"data: "]
    )
    begun = st.builds(lambda form, size: form[:size], st.sampled_from(FORMS), st.integers(1, SHORTEST))
    texts = [signs, begun, st.sampled_from([b"a", b"4", b"75", b'{"b": "', b"\n\n", b"word "]), st.binary(max_size=3)]
    if with_secrets:
        form = st.sampled_from(FORMS)
        texts += [form, st.builds(_wrapped, form, st.integers(1, 9)), st.builds(_escaped, form)]
    content = b"".join(draw(st.lists(st.one_of(texts), max_size=8)))
    cuts = draw(st.lists(st.integers(0, len(content)), max_size=6))
    return content, sorted(cuts)


def _wrapped(form: bytes, width: int) -> bytes:
    return b"\r\n ".join(cut(form, width))


def _escaped(form: bytes) -> bytes:
    return b"~" + b"".join(b"%%%02x" % byte if at % 3 else bytes([byte]) for at, byte in enumerate(form))


def _pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    return [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]


@settings(max_examples=400, deadline=None)
@given(contents(with_secrets=True))
def test_no_form_is_left_wherever_the_stream_is_cut(case: tuple[bytes, list[int]]) -> None:
    content, cuts = case
    scrubber = SCRUBBER.stream()
    given = b"".join(passed(scrubber, *_pieces(content, cuts)))
    lowered, read = given.lower(), UNESCAPED.text(given)
    assert [form for form in FORMS if form.lower() in lowered] == []
    assert [form for form in FORMS if len(UNESCAPED.text(form)) >= SHORTEST and UNESCAPED.text(form) in read] == []
    assert [secret for secret in SECRETS if scan_bytes(secret, given)] == []
    assert scrubber.redacted == (given != content) == SCRUBBER.clean(content)[1]


@settings(max_examples=200, deadline=None)
@given(contents(with_secrets=False))
def test_what_holds_no_secret_is_passed_on_unchanged(case: tuple[bytes, list[int]]) -> None:
    content, cuts = case
    if SCRUBBER.clean(content)[1]:
        return
    scrubber = SCRUBBER.stream()
    assert b"".join(passed(scrubber, *_pieces(content, cuts))) == content
    assert not scrubber.redacted
