"""Tests of the sanitizer and of the words for times and sizes."""

import unicodedata
from datetime import timedelta

import pytest

from tests.tui.payloads import PAYLOADS
from tests.tui.world import NOW
from tui.format import (
    byte_size,
    column,
    duration,
    ends_cut,
    fitted,
    is_hidden,
    short_id,
    time_left,
    visible,
    visible_block,
)

SHOWN = {
    "a": ("plain words", "plain words"),
    "escape": ("\x1b[31m", "<U+001B>[31m"),
    "bidi": ("\u202egnp", "<U+202E>gnp"),
    "zero width": ("a\u200bb", "a<U+200B>b"),
    "newline": ("a\nb", "a⏎b"),
    "an own sign": ("a⏎b", "a<U+23CE>b"),
    "an imitated code": ("<U+202E>", "<U+003C>U+202E>"),
    "another bracket": ("a<b>", "a<b>"),
    "markup": ("[/][@click=x]", "[/][@click=x]"),
    "an accent": ("e\u0301", "e\u0301"),
    "three accents": ("e\u0301\u0301\u0301", "e\u0301\u0301<U+0301>"),
    "an accent on nothing": ("\u0301e", "<U+0301>e"),
    "a frame": ("│", "<U+2502>"),
    "beyond the basic plane": ("\U000e0041", "<U+E0041>"),
    "umlauts and kanji": ("Größe 漢字", "Größe 漢字"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN)
def test_what_hides_is_shown_by_its_code(text: str, shown: str) -> None:
    assert visible(text).plain == shown


@pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS)
def test_no_payload_leaves_a_character_that_acts(text: str) -> None:
    for drawn in (visible(text).plain, visible_block(text).plain.replace("\n", "")):
        assert not any(is_hidden(character) for character in drawn.replace("⏎", ""))


@pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS)
def test_a_shown_payload_is_bounded_and_of_one_line(text: str) -> None:
    assert len(visible(text, 100).plain) < 130
    assert "\n" not in visible(text, 100).plain


@pytest.mark.parametrize("width", [8, 20, 30, 70])
@pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS)
def test_a_fitted_payload_takes_no_more_cells_than_it_has(text: str, width: int) -> None:
    assert fitted(text, width).cell_length <= width
    assert column(fitted(text, width), width).cell_length == width


def test_every_control_character_hides() -> None:
    controls = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")]
    assert all(is_hidden(character) for character in controls)


def test_a_cut_says_how_much_is_missing() -> None:
    assert visible("x" * 250, 200).plain == "x" * 200 + "… (+50)"
    assert ends_cut(visible("x" * 250, 200))
    assert not ends_cut(visible("x" * 200, 200))


def test_a_code_counts_as_long_as_it_is_drawn() -> None:
    assert visible("\x00" * 1000, 80).plain == "<U+0000>" * 10 + "… (+990)"


def test_lines_stay_in_a_block() -> None:
    assert visible_block("a\nb\x1b").plain == "a\nb<U+001B>"


def test_codes_carry_no_style_of_the_text() -> None:
    assert all("@" not in str(span.style) for span in visible("[@click=app.exit()]x[/]\x1b").spans)


TIMES = {
    9: "9 s",
    59.9: "59 s",
    60: "1 min",
    840: "14 min",
    3600: "1 h",
    11_100: "3 h 5 min",
    200_000: "2 d",
    -5: "0 s",
}


@pytest.mark.parametrize(("seconds", "words"), TIMES.items())
def test_a_length_of_time_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_what_is_over_is_expired() -> None:
    assert time_left(NOW + timedelta(minutes=14), NOW) == "14 min left"
    assert time_left(NOW, NOW) == "expired"


def test_sizes_read_as_a_person_says_them() -> None:
    assert [byte_size(count) for count in (1, 124, 198_400, 3_000_000)] == ["1 byte", "124 bytes", "198.4 kB", "3.0 MB"]


def test_a_short_id_keeps_its_kind_and_its_end() -> None:
    assert short_id("ppt_0000000000000000000001") == "ppt_…0001"
    assert short_id("odd") == "odd"
