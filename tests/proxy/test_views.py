"""What a reader reads: without wrapping, without escapes; the slow way says the same and where it stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.proxy.views import AS_WRITTEN, UNESCAPED, UNWRAPPED, View, is_plain

READ = [
    ("letters", b"Ab-C", b"ab-c"),
    ("blanks", b"a b\tc\r\n d\0\\e", b"abcde"),
    ("percent", b"a%2fb%2Fc%41", b"a/b/ca"),
    ("percent of percent", b"%2541%25252f", b"a/"),
    ("no percent", b"100% %zz %4", b"100%%zz%4"),
    ("JSON", b'\\u0041\\\\u0042\\\\\\\\u0043\\/\\"', b'abc/"'),
    ("half a character of JSON", b"a\\ud800b", b"ab"),
    ("escaped lines", b"a\\nb\\r\\n\\tc", b"abc"),
    ("hex escapes", b"\\x41\\\\x42", b"ab"),
    ("HTML by number", b"&#65;&#x42;&#X0043;&#0068", b"abcd"),
    ("HTML by name", b"a&lt;b&amp;c&plus;d&quot;&nbspe&nosuch;", b'a<b&c+d"&nbspe&nosuch;'),
    ("HTML of HTML", b"&amp;lt;&amp;amp;#65;", b"<a"),
    ("HTML in JSON", b"\\u0026lt;", b"<"),
    ("not a character", b"&#99999999999;a", b"a"),
    ("a soft break", b"ab=\r\ncd=\nef=g", b"abcdef=g"),
    ("a break within an escape", b"%4\r\n 1\\u00\n42", b"ab"),
    ("a backslash that ends a line", b"a\\\nnb", b"anb"),
    ("lines of an event", b"data: a\ndata: b\n\ndata:c", b"abc"),
    ("nothing", b"", b""),
]


@pytest.mark.parametrize(("content", "read"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_escapes_and_wrapping_are_undone(content: bytes, read: bytes) -> None:
    assert UNESCAPED.text(content) == read


def test_the_other_views_leave_escapes() -> None:
    assert AS_WRITTEN.text(b"A %41\\u0041\n") == b"a %41\\u0041\n"
    assert UNWRAPPED.text(b"A %41\\u0041\n") == b"a%41u0041"


PARTS = [
    b"%",
    b"%25",
    b"41",
    b"\\",
    b"u00",
    b"x",
    b"n",
    b"&",
    b"amp;",
    b"#",
    b"lt;",
    b";",
    b"=",
    b"\r",
    b"\n",
    b" ",
    b"da",
]
CONTENTS = st.lists(st.one_of(st.sampled_from([*PARTS, b"ta:", b"data:"]), st.binary(max_size=2)), max_size=20)


@settings(max_examples=300, deadline=None)
@given(CONTENTS.map(b"".join))
@pytest.mark.parametrize("view", [AS_WRITTEN, UNWRAPPED, UNESCAPED])
def test_a_trace_reads_the_same_and_says_where(view: View, content: bytes) -> None:
    trace = view.traced(content)
    assert trace.text == view.text(content)
    assert len(trace.starts) == len(trace.ends) == len(trace.text)
    assert all(start < end for start, end in zip(trace.starts, trace.ends, strict=True))
    assert list(trace.starts) == sorted(trace.starts)


@settings(deadline=None)
@given(CONTENTS.map(b"".join))
def test_plain_content_has_nothing_to_undo_but_blanks(content: bytes) -> None:
    assert not is_plain(content) or UNESCAPED.text(content) == UNWRAPPED.text(content)


WHOLE = [
    ("text", b"abc", 3),
    ("percent", b"ab%", 2),
    ("half of percent", b"ab%4", 2),
    ("whole percent", b"ab%41", 5),
    ("percent that may go on", b"ab%25", 2),
    ("a backslash", b"ab\\", 2),
    ("half of JSON", b"ab\\u004", 2),
    ("whole JSON", b"ab\\u0041", 8),
    ("no escape", b"ab\\q", 4),
    ("half of a hex escape", b"ab\\x4", 2),
    ("half of HTML", b"ab&l", 2),
    ("HTML that may go on", b"ab&amp;", 2),
    ("whole HTML", b"ab&lt;", 6),
    ("no HTML", b"a & b", 5),
    ("half of HTML in percent", b"ab%26#6", 2),
    ("half of HTML in JSON", b"ab\\u0026l", 2),
    ("half of a soft break", b"ab=\r", 2),
    ("half of a line's end within an escape", b"ab%4\r", 2),
    ("half a line's end", b"ab\r", 2),
    ("a line's end", b"ab\r\n", 4),
    ("after a long text", b"a" * 1000 + b"%4", 1000),
    ("nothing", b"", 0),
]


@pytest.mark.parametrize(("content", "whole"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_an_escape_that_is_not_whole_is_told(content: bytes, whole: int) -> None:
    assert UNESCAPED.whole_bytes(content) == whole
    assert UNWRAPPED.whole_bytes(content) == len(content)


def test_the_stem_of_a_text_has_no_half_of_a_line_of_an_event() -> None:
    assert [UNESCAPED.stem(b"up" + end) for end in (b"", b"d", b"da", b"dat", b"data")] == [b"up"] * 5
    assert UNWRAPPED.stem(b"upda") == b"upda"
