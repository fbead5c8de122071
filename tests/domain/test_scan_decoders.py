"""Peeling disguises off a text: what is left after each, and where it stood."""

import pytest

from stack_local.domain.scan_decoders import MOST_LAYERS, Decoded, Decoder, has_invisible, peeled, replaced

PEELED: list[tuple[str, str, Decoder, str, list[int]]] = [
    ("percent", "a%20%62c", Decoder.PERCENT, "a bc", [0, 1, 4, 7]),
    ("percent of two bytes", "x%C3%A9y", Decoder.PERCENT, "xéy", [0, 1, 7]),
    ("a percent that is none", "5%, 10%zz %41", Decoder.PERCENT, "5%, 10%zz A", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("JSON", 'a\\u0062"', Decoder.ESCAPES, 'ab"', [0, 1, 7]),
    ("braces", "\\u{0061}b", Decoder.ESCAPES, "ab", [0, 8]),
    ("source code", "\\x61\\x62", Decoder.ESCAPES, "ab", [0, 4]),
    ("HTML", "a&#98;&#x63;d", Decoder.ESCAPES, "abcd", [0, 1, 6, 12]),
    ("HTML without its end", "&#97 &#98", Decoder.ESCAPES, "a b", [0, 4, 5]),
    ("a zero-width space", "a\u200bb\u200bc", Decoder.ZERO_WIDTH, "abc", [0, 2, 4]),
    ("a mark on a letter", "e\u0301a", Decoder.ZERO_WIDTH, "ea", [0, 2]),
    ("a direction", "\u202eab\u202c", Decoder.ZERO_WIDTH, "ab", [1, 2]),
    ("a tag", "x\U000e0061", Decoder.ZERO_WIDTH, "xa", [0, 1]),
    ("a nul", "a\0b", Decoder.ZERO_WIDTH, "ab", [0, 2]),
    ("Cyrillic", "раy", Decoder.HOMOGLYPH, "pay", [0, 1, 2]),
    ("Cyrillic capitals", "РАУ", Decoder.HOMOGLYPH, "pay", [0, 1, 2]),
    ("fullwidth", "ｐａｙ！", Decoder.HOMOGLYPH, "pay!", [0, 1, 2, 3]),
    ("a ligature", "ofﬁce", Decoder.HOMOGLYPH, "office", [0, 1, 2, 2, 3, 4]),
    ("in brackets", "⒫⒜⒴", Decoder.HOMOGLYPH, "pay", [0, 1, 2]),
]


@pytest.mark.parametrize(
    ("text", "decoder", "bare", "places"), [case[1:] for case in PEELED], ids=[case[0] for case in PEELED]
)
def test_a_disguise_is_peeled_off_and_each_character_keeps_its_place(
    text: str, decoder: Decoder, bare: str, places: list[int]
) -> None:
    (found,) = peeled(text)
    assert (found.decoder, found.text) == (decoder, bare)
    assert [found.locate(at) for at in range(len(bare))] == places


@pytest.mark.parametrize(
    "text", ["", "plain", "über", "100 %", "C:\\users\\x", "&amp; &#; &#x;", "忽略", "日本", "é 😀"]
)
def test_what_wears_no_disguise_is_left_alone(text: str) -> None:
    assert list(peeled(text)) == []


def test_disguises_are_peeled_off_one_after_the_other_with_the_place_in_the_first_text() -> None:
    found = list(peeled("ab%5Cu200B\\u0430"))
    assert [(one.decoder, one.text) for one in found] == [
        (Decoder.PERCENT, "ab\\u200B\\u0430"),
        (Decoder.ESCAPES, "ab\u200b\u0430"),
        (Decoder.ZERO_WIDTH, "ab\u0430"),
        (Decoder.HOMOGLYPH, "aba"),
    ]
    assert found[-1].locate(2) == 10


def test_a_text_that_was_escaped_over_and_over_is_peeled_so_often_and_no_more() -> None:
    def escaped(times: int) -> str:
        return f"%{'25' * (times - 1)}41"

    assert _last(peeled(escaped(MOST_LAYERS))) == "A"
    assert _last(peeled(escaped(MOST_LAYERS + 1))) == "%41"


def _last(found: object) -> str:
    *_, last = found  # type: ignore[misc]
    assert isinstance(last, Decoded)
    return last.text


@pytest.mark.parametrize(("text", "is_there"), [("a\u200b", True), ("a\0", True), ("a", False), ("é", False)])
def test_whether_something_is_invisible_is_told(text: str, is_there: bool) -> None:
    assert has_invisible(text) is is_there


def test_each_character_of_a_table_is_replaced() -> None:
    assert replaced("aébé", {"é": "e", "ü": "u"}) == "aebe"
