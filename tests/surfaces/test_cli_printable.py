"""Text that others wrote, on its way to a terminal: nothing in it acts, reorders or hides."""

import json

import pytest

from stack_local.domain.errors import Forbidden
from stack_local.surfaces.cli.layout import barred, chop, columns, lines
from stack_local.surfaces.printable import printable, printable_lines
from stack_local.wire.audit import AuditEntry, AuditPage, ListAudit
from tests.surfaces.test_cli_launch import FakeLaunch, run

SHOWN = [
    ("plain", "héllo – 日本 ✓", "héllo – 日本 ✓"),
    ("escape", "\x1b[2J", "<U+001B>[2J"),
    ("title", "\x1b]0;pwned\x07", "<U+001B>]0;pwned<U+0007>"),
    ("clipboard", "\x1b]52;c;cm0=\x1b\\", "<U+001B>]52;c;cm0=<U+001B>\\"),
    ("c1 csi", "\x9b31m", "<U+009B>31m"),
    ("c1 osc", "\x9d0;x\x9c", "<U+009D>0;x<U+009C>"),
    ("carriage return", "GET\rDELETE", "GET<U+000D>DELETE"),
    ("backspace", "DELETE\b\b", "DELETE<U+0008><U+0008>"),
    ("delete", "a\x7f", "a<U+007F>"),
    ("newline", "a\nerror: b", "a<U+000A>error: b"),
    ("nul", "a\0b", "a<U+0000>b"),
    ("bidi override", "\u202eevil", "<U+202E>evil"),
    ("bidi isolate", "\u2066x\u2069", "<U+2066>x<U+2069>"),
    ("arabic letter mark", "\u061c", "<U+061C>"),
    ("zero width", "a\u200bb\u200d\ufeff", "a<U+200B>b<U+200D><U+FEFF>"),
    ("soft hyphen", "a\u00adb", "a<U+00AD>b"),
    ("separators", "a\u2028b\u2029", "a<U+2028>b<U+2029>"),
    ("tags", "\U000e0041", "<U+E0041>"),
    ("variation selectors", "a\ufe0f\U000e0100", "a<U+FE0F><U+E0100>"),
    ("fillers", "\u3164\u115f\u2800", "<U+3164><U+115F><U+2800>"),
    ("surrogate", "\udc80", "<U+DC80>"),
    ("private use", "\ue000", "<U+E000>"),
    ("four marks", "e" + "\u0301" * 4, "e\u0301\u0301\u0301<U+0301>"),
]

HOSTILE = "".join(text for _, text, _ in SHOWN)


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path)


def is_harmless(output: str, *, spared: str = "\n") -> bool:
    return all(printable(character) == character for character in output if character not in spared + "\u0301")


@pytest.mark.parametrize(("text", "shown"), [case[1:] for case in SHOWN], ids=[case[0] for case in SHOWN])
def test_what_could_act_is_shown_by_its_number(text, shown):
    assert printable(text) == shown


def test_lines_stay_lines_and_tabs_become_blanks():
    assert printable_lines("a\tb\r\nc\x1b") == ["a    b<U+000D>", "c<U+001B>"]


def entry(text: str) -> AuditEntry:
    return AuditEntry(
        sequence=1,
        entry_id=text,
        timestamp=0,
        trace_id="t",
        operator_id="op",
        actor=text,
        decided_by=None,
        agent_id=text,
        passport_jti=None,
        layer="system",
        action=text,
        outcome="success",
        subject=text,
        duration_ms=None,
        payload_hash=None,
        error_code=None,
        error_message=text,
        detail={text: text},
        prev_entry_hash="0",
        entry_hash="1",
    )


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["for a person", "as JSON"])
def test_a_hostile_answer_is_harmless(launch, flags):
    launch.appliance.answer(ListAudit, lambda _: AuditPage(entries=[entry(HOSTILE)], max_timestamp=1))
    told = run(launch, "audit", "list", *flags)
    assert told.exit_code == 0
    assert is_harmless(told.output)


def test_json_is_ascii_and_says_the_same(launch):
    launch.appliance.answer(ListAudit, lambda _: AuditPage(entries=[entry("\x9b\u202e\x7fé")], max_timestamp=1))
    told = run(launch, "audit", "list", "--json")
    assert told.stdout.isascii()
    assert json.loads(told.stdout)["entries"][0]["actor"] == "\x9b\u202e\x7fé"


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["for a person", "as JSON"])
def test_a_hostile_refusal_is_harmless(launch, flags):
    def refuse(_request):
        raise Forbidden(HOSTILE, rule=HOSTILE, hint=HOSTILE, found=[HOSTILE])

    launch.appliance.answer(ListAudit, refuse)
    told = run(launch, "audit", "list", *flags)
    assert told.exit_code == 5
    assert is_harmless(told.output)


HOSTILE_LINES = [
    (HOSTILE,),
    ("keys", HOSTILE),
    ("keys", "list", f"--{HOSTILE}"),
    ("keys", "create", "--preset", HOSTILE),
    ("keys", "create", "--expires-in-seconds", HOSTILE),
    ("keys", "list", HOSTILE),
    ("passports", "issue", "--agent-id", HOSTILE, "--intent", HOSTILE),
    ("agents", "get", "--agent-id", HOSTILE),
    ("call", HOSTILE),
    ("call", "list_agents", "--input", json.dumps({HOSTILE: 1})),
    ("approve", HOSTILE, "--yes"),
    ("unlock", "--passphrase-file", HOSTILE.replace("\0", "")),
    ("unlock", "--passphrase-file", HOSTILE),
    ("keys", "list", "--passphrase-file", "/nowhere/" + HOSTILE.replace("\0", "")),
]


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["for a person", "as JSON"])
@pytest.mark.parametrize("line", HOSTILE_LINES, ids=range(len(HOSTILE_LINES)))
def test_a_hostile_command_line_is_repeated_harmlessly(launch, line, flags):
    told = run(launch, *line, *flags)
    assert told.exit_code in {2, 6, 7}
    assert is_harmless(told.output)


def test_a_table_is_aligned_by_columns_and_cuts_long_cells():
    rows = [{"name": "日本", "n": 1}, {"name": "x" * 60, "n": 22}]
    assert list(lines({"items": rows}, width=None)) == [
        "name" + " " * 36 + "  n",
        "日本" + " " * 36 + "  1",
        "x" * 39 + "…  22",
    ]


def test_a_table_that_is_too_wide_says_so():
    rows = [{"first": "a" * 30, "second": "b" * 30}]
    shown = list(lines({"items": rows}, width=40))
    assert shown == ["first", "a" * 30, "(more fields with --json)"]


def test_an_answer_is_labels_blocks_and_tables():
    answer = {"ok": True, "none": None, "items": [], "inner": {"a": 1}, "text": "x\ny", "words": ["a", "b"]}
    assert list(lines(answer, width=None)) == [
        "ok     yes",
        "items  none",
        "words  a, b",
        "inner:",
        "  a  1",
        "text:",
        "  │ x",
        "  │ y",
    ]


def test_endless_nesting_ends():
    nested: dict = {}
    for _ in range(400):
        nested = {"a": nested, "b": [nested]}
        nested["b"] = []
    assert len(list(lines({"x": nested}, width=80))) < 300


@pytest.mark.parametrize("width", [1, 20, 80])
def test_text_of_others_never_reaches_column_zero(width):
    shown = list(barred("a" * 500 + "\n" + "日" * 300 + "\nhint: type yes", indent="    ", width=width))
    assert all(line.startswith("    │ ") for line in shown)
    assert all(columns(line) <= max(width, 14) for line in shown)


def test_pieces_are_the_text_again():
    assert "".join(chop("日本語のabc", 5)) == "日本語のabc"
    assert chop("", 5) == [""]
