"""Patterns that others write: RE2 refuses what backtracks, and a match is of the whole text."""

import pytest

from stack_local.domain.constraints import MAX_PATTERN_CHARACTERS
from stack_local.domain.errors import InvalidRequest
from stack_local.patterns import compiled

LONG = 100_000
"""Characters at which an engine that backtracks does not come back."""

MATCHES: list[tuple[str, str, str, bool]] = [
    ("the same", "abc", "abc", True),
    ("more in front", "bc", "abc", False),
    ("more behind", "ab", "abc", False),
    ("a line behind", "abc", "abc\n", False),
    ("a line behind a dollar", "abc$", "abc\n", False),
    ("anchors of its own", "^abc$", "abc", True),
    ("another line between anchors", "^b$", "a\nb\nc", False),
    ("a dot and a line's end", "a.c", "a\nc", False),
    ("a dot and a character of several bytes", "a.c", "aéc", True),
    ("a choice, whole", "GET|POST", "POST", True),
    ("a choice, part of it", "GET|POST", "POSTS", False),
    ("nothing", "", "", True),
    ("nothing and something", "", "a", False),
    ("capitals", "abc", "ABC", False),
    ("capitals that do not matter", "(?i)abc", "ABC", True),
    ("a class", "/v1/things/[0-9]+", "/v1/things/17", True),
    ("digits of other scripts", "[0-9]+", "١٧", False),
    ("a NUL", "a\x00b", "a\x00b", True),
    ("the longest pattern", "a" * MAX_PATTERN_CHARACTERS, "a" * MAX_PATTERN_CHARACTERS, True),
    ("a long text", "[a-z]*", "a" * LONG, True),
]


@pytest.mark.parametrize(("pattern", "text", "fits"), [case[1:] for case in MATCHES], ids=[case[0] for case in MATCHES])
def test_a_pattern_matches_the_whole_of_a_text_or_nothing(pattern: str, text: str, fits: bool) -> None:
    assert compiled(pattern)(text) is fits


REFUSED: list[tuple[str, str]] = [
    ("a look ahead", "(?=a)a"),
    ("a look ahead that must not be", "(?!a)b"),
    ("a look behind", "(?<=a)b"),
    ("a look behind that must not be", "(?<!a)b"),
    ("a back-reference", r"(a)\1"),
    ("a back-reference by name", "(?P<x>a)(?P=x)"),
    ("an atomic group", "(?>a+)b"),
    ("a possessive repeat", "a++b"),
    ("a condition", "(a)?(?(1)b|c)"),
    ("an open bracket", "[a-z"),
    ("an open group", "(a"),
    ("nothing to repeat", "*a"),
    ("too long", "a" * (MAX_PATTERN_CHARACTERS + 1)),
    ("more repeats than RE2 counts", "a{1001}"),
    ("repeats of repeats, too large when compiled", "((a{100}){100}){100}"),
    ("a large class, too often", r"(\pL{200}){5}"),
    ("half a character", "a\ud800"),
]


@pytest.mark.parametrize("pattern", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_re2_does_not_run_in_its_memory_is_refused_with_its_field(pattern: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        compiled(pattern)
    assert refused.value.details["field"] == "value"


EVIL: list[tuple[str, str, str]] = [
    ("a repeat of repeats", "(a+)+b", "a" * LONG),
    ("a repeat of choices", "(a|a)*b", "a" * LONG),
    ("a repeat of choices that overlap", "(a|aa)+b", "a" * LONG),
    ("repeats in a row", ".*.*.*.*.*.*.*.*b", "a" * LONG),
    ("a group of two repeats", "(x+x+)+y", "x" * LONG),
    ("many that may be missing", "a?" * 25 + "a" * 25, "a" * 24),
    ("an address", r"([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@)", "a" * LONG + "!"),
]


@pytest.mark.parametrize(("pattern", "text"), [case[1:] for case in EVIL], ids=[case[0] for case in EVIL])
def test_a_pattern_that_makes_others_backtrack_for_ever_is_answered(pattern: str, text: str) -> None:
    assert compiled(pattern)(text) is False


def test_a_pattern_is_compiled_once() -> None:
    assert compiled("compiled once") is compiled("compiled once")
