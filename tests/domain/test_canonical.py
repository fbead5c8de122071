"""The bytes that are hashed: RFC 8785 as far as we use it, strict reading, exact comparison."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack_local.domain.canonical import (
    MAX_DEPTH,
    MAX_NUMBER_CHARACTERS,
    Json,
    Number,
    canonical,
    digest,
    first_difference,
    read_json,
    write_json,
)
from stack_local.domain.errors import InvalidRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WHOLE = st.integers(-(2**53), 2**53)
TREES = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)

FORMS: list[tuple[str, Json, str]] = [
    ("null", None, "null"),
    ("booleans", [True, False], "[true,false]"),
    ("whole numbers", [0, -1, 2**53, -(2**53)], "[0,-1,9007199254740992,-9007199254740992]"),
    ("empty things", [[], {}, ""], '[[],{},""]'),
    (
        "RFC 8785 section 3.2.2: string",
        "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"',
    ),
    ("RFC 8785 section 3.2.2: literals", {"literals": [None, True, False]}, '{"literals":[null,true,false]}'),
    ("short escapes", "\b\t\n\f\r", '"\\b\\t\\n\\f\\r"'),
    ("other controls", "\0\x01\x1f\x7f\x80", '"\\u0000\\u0001\\u001f\x7f\x80"'),
    ("separators are plain", "\u2028\u2029", '"\u2028\u2029"'),
    ("no normal form", ["é", "e\u0301", "\u212b"], '["é","e\u0301","\u212b"]'),
    ("beyond the first plane", "😀", '"😀"'),
    ("inner members", {"b": {"d": 1, "c": 2}, "a": 3}, '{"a":3,"b":{"c":2,"d":1}}'),
    ("upper before lower", {"a": 1, "B": 2, "_": 3}, '{"B":2,"_":3,"a":1}'),
    ("shorter first", {"aa": 1, "a": 2, "": 3}, '{"":3,"a":2,"aa":1}'),
    (
        "RFC 8785 section 3.2.3: members by UTF-16",
        {
            "\u20ac": "Euro Sign",
            "\r": "Carriage Return",
            "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\U0001f600": "Emoji: Grinning Face",
            "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis",
        },
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",'
        '"\u20ac":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ),
]


@pytest.mark.parametrize(("tree", "text"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_a_tree_has_this_canonical_form(tree: Json, text: str) -> None:
    assert canonical(tree) == text.encode()
    assert digest(tree) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("tree", [1.0, 0.5, Number("1"), 2**53 + 1, -(2**53) - 1, [{"a": 1.5}], b"a", (1,)], ids=repr)
def test_what_two_languages_could_print_differently_has_no_canonical_form(tree: Json) -> None:
    with pytest.raises(TypeError):
        canonical(tree)


@settings(deadline=None)
@given(TREES)
def test_reading_the_canonical_form_gives_the_tree_back(tree: Json) -> None:
    assert read_json(canonical(tree)) == tree
    assert canonical(read_json(canonical(tree))) == canonical(tree)


@settings(deadline=None)
@given(TREES)
def test_reading_what_was_written_gives_the_tree_back(tree: Json) -> None:
    assert read_json(write_json(tree)) == tree


@settings(deadline=None)
@given(st.dictionaries(TEXT, TREES, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_change_the_canonical_form(tree: dict[str, Json], shuffled: object) -> None:
    names = list(tree)
    shuffled.shuffle(names)  # type: ignore[attr-defined]
    assert canonical({name: tree[name] for name in names}) == canonical(tree)


@settings(deadline=None)
@given(TREES, TREES)
def test_two_trees_differ_exactly_when_their_canonical_forms_do(left: Json, right: Json) -> None:
    assert (first_difference(left, right) is None) == (canonical(left) == canonical(right))


@settings(deadline=None)
@given(TREES)
def test_a_tree_does_not_differ_from_itself_however_it_was_written(tree: Json) -> None:
    left, right = read_json(canonical(tree), keep_numbers=True), read_json(write_json(tree), keep_numbers=True)
    assert first_difference(left, right) is None


READ: list[tuple[str, bytes, Json]] = [
    ("blanks around", b' \t\r\n{"a" : [1 , 2.5]}\n', {"a": [1, 2.5]}),
    ("a bare value", b'"x"', "x"),
    ("an exponent", b"1e2", 100.0),
    ("an escaped pair", b'"\\ud83d\\ude00"', "😀"),
    ("an escaped slash", b'"\\/"', "/"),
    ("an escaped NUL", b'"\\u0000"', "\0"),
    ("the longest number", b"9" * MAX_NUMBER_CHARACTERS, int("9" * MAX_NUMBER_CHARACTERS)),
]


@pytest.mark.parametrize(("raw", "tree"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_json_is_read(raw: bytes, tree: Json) -> None:
    assert read_json(raw) == tree


UNREAD: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("latin-1", b'"\xe9"'),
    ("overlong UTF-8", b'"\xc0\xaf"'),
    ("a surrogate in UTF-8", b'"\xed\xa0\x80"'),
    ("an escaped lone surrogate", b'"\\ud800"'),
    ("a low surrogate first", b'"\\ude00\\ud83d"'),
    ("a lone surrogate as a name", b'{"\\udfff":1}'),
    ("a lone surrogate in a list", b'[["\\ud800"]]'),
    ("two values", b"1 2"),
    ("a raw control", b'"\n"'),
    ("a hexadecimal escape", b'"\\x41"'),
    ("NaN", b"NaN"),
    ("Infinity", b"[Infinity]"),
    ("minus Infinity", b"-Infinity"),
    ("a plus sign", b"+1"),
    ("a leading zero", b"01"),
    ("a bare point", b".5"),
    ("a hexadecimal number", b"0x10"),
    ("a member twice", b'{"a":1,"a":1}'),
    ("a member twice by escape", b'{"a":1,"\\u0061":1}'),
    ("a member without quotes", b"{a:1}"),
    ("a comma at the end", b"[1,]"),
    ("one level too deep", b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1)),
    ("one object too deep", b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)),
    ("one empty level too deep", b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)),
    ("far too deep", b"[" * 100_000),
    ("a fraction too long", b"1." + b"0" * MAX_NUMBER_CHARACTERS),
    ("a number too long", b"9" * (MAX_NUMBER_CHARACTERS + 1)),
]


@pytest.mark.parametrize("keep_numbers", [False, True], ids=["values", "lexemes"])
@pytest.mark.parametrize("raw", [case[1] for case in UNREAD], ids=[case[0] for case in UNREAD])
def test_what_is_not_one_plain_json_text_is_refused(raw: bytes, keep_numbers: bool) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_json(raw, keep_numbers=keep_numbers)
    assert (refused.value.code, refused.value.details["field"]) == ("INVALID_REQUEST", "body")


@pytest.mark.parametrize("raw", [b"1e999", b"-1e999", b'{"a":[1e400]}'])
def test_a_number_beyond_a_double_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_json(raw)


def test_a_huge_exponent_is_kept_as_written() -> None:
    left, right = (read_json(raw, keep_numbers=True) for raw in (b"1e" + b"9" * 30, b"1e" + b"9" * 31))
    assert first_difference(left, left) is None
    assert first_difference(left, right) == "body"


def test_the_deepest_tree_is_read() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)


def test_a_refusal_never_repeats_the_text() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_json(b'{"password": hunter22}')
    assert "hunter22" not in repr(refused.value.__dict__)
    assert refused.value.__suppress_context__


DIFFERENCES: list[tuple[str, Json, Json, str | None]] = [
    ("equal", {"a": [1, "x", None]}, {"a": [1, "x", None]}, None),
    ("a leaf", 1, 2, "body"),
    ("one and true", 1, True, "body"),
    ("zero and false", {"a": 0}, {"a": False}, "body.a"),
    ("whole and fraction", 1, 1.0, "body"),
    ("null and nothing", {"a": None}, {}, "body.a"),
    ("nothing and null", {}, {"a": None}, "body.a"),
    ("the first name in order", {"b": 1, "a": 1}, {"b": 2, "a": 2}, "body.a"),
    ("the later name", {"a": 1, "b": 1}, {"a": 1, "b": 2}, "body.b"),
    ("within a list", [[1], [2, 3]], [[1], [2, 4]], "body[1][1]"),
    ("within both", {"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "body.a[0].b"),
    ("lengths", [1], [1, 2], "body"),
    ("kinds", {"a": []}, {"a": {}}, "body.a"),
    ("list and text", ["x"], "x", "body"),
]


@pytest.mark.parametrize(("left", "right", "path"), [case[1:] for case in DIFFERENCES], ids=[c[0] for c in DIFFERENCES])
def test_the_first_difference_is_named_from_either_side(left: Json, right: Json, path: str | None) -> None:
    assert first_difference(left, right) == path
    assert first_difference(right, left) == path


def test_a_kept_number_is_not_an_ordinary_one() -> None:
    assert first_difference(read_json(b"1", keep_numbers=True), 1) == "body"


def test_the_path_begins_with_the_name_it_is_given() -> None:
    assert first_difference({"a": 1}, {"a": 2}, "arguments") == "arguments.a"


def test_what_is_sent_keeps_its_order_and_has_no_blanks() -> None:
    assert write_json({"b": [1, 2.5], "a": "é"}) == '{"b":[1,2.5],"a":"é"}'.encode()
