"""The text of configuration files: read strictly, and everything that is not ours stays as it was written."""

import json

import pytest

from stack_local.surfaces.cli.config_text import MARK, parse, render

TABLES = ("mcp_servers", "stack")
OURS = {"url": "http://127.0.0.1:7822/mcp", "tools": {"stack_proxy_read": {"approval_mode": "approve"}}}
BLOCK = f"""\
{MARK}
[mcp_servers.stack]
url = "http://127.0.0.1:7822/mcp"

[mcp_servers.stack.tools.stack_proxy_read]
approval_mode = "approve"
"""

CODEX = """\
# my own settings
model = "x"   # the good one

[mcp_servers.first]
command = "npx"
args = [
  "a",
]

# about the project
[projects."/home/me"]
trust_level = "trusted"
"""


def toml(text, server=OURS):
    tree = parse(text, "toml")
    servers = {name: value for name, value in tree.get("mcp_servers", {}).items() if name != "stack"}
    if server is not None:
        servers["stack"] = server
    tree.pop("mcp_servers", None)
    return render(text, tree | ({"mcp_servers": servers} if servers else {}), "toml", TABLES)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"a": 1, "a": 2}', "json"),
        ("// a comment\n{}", "json"),
        ('{"a": 1,}', "json"),
        ("[]", "json"),
        ('{"a": NaN}', "json"),
        ("\ufeff{}", "json"),
        ("[" * 100_000, "json"),
        ("a = ", "toml"),
        ("a = 1\na = 2", "toml"),
        ("a = " + "[" * 100_000, "toml"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_not_of_its_form_is_refused(text, form):
    with pytest.raises(ValueError):
        parse(text, form)


@pytest.mark.parametrize("text", ["", "\n", "  \n"], ids=repr)
def test_an_empty_file_says_nothing(text):
    assert parse(text, "json") == parse(text, "toml") == {}


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "z": 1,\n  "a": [\n    true,\n    null\n  ]\n}\n',
        '{\n    "z": "ü"\n}',
        '{\n\t"z": "\\u00fc"\n}\n',
        '{\r\n  "z": 1\r\n}\r\n',
    ],
    ids=["two blanks", "four blanks and no last newline", "tabs and escapes", "carriage returns"],
)
def test_json_keeps_order_indent_escapes_and_line_ends(text):
    assert render(text, parse(text, "json"), "json") == text


def test_a_number_that_would_not_survive_is_refused():
    with pytest.raises(ValueError):
        render('{"a": 1e999}', {"a": float("inf"), "b": 1}, "json")


def test_a_new_toml_file_is_our_block():
    assert toml("") == BLOCK


def test_our_block_comes_after_everything_else_unchanged():
    assert toml(CODEX) == f"{CODEX}\n{BLOCK}"


def test_our_block_is_replaced_and_taken_out_without_a_trace():
    once = toml(CODEX)
    assert toml(once) == once
    assert toml(toml(once, {"url": "http://127.0.0.1:9/mcp"}), None) == CODEX


def test_what_a_client_put_after_our_block_stays_with_its_comment():
    theirs = "# theirs\n[mcp_servers.other]\nurl = 'x'\n"
    assert toml(f"{BLOCK}\n{theirs}", None) == theirs


def test_tables_of_ours_that_others_tore_apart_are_found():
    torn = "[mcp_servers.stack]\nurl = 'u'\n[a]\nb = 1\n[mcp_servers.stack.tools.x]\napproval_mode = 'x'\n[c]\nd = 1\n"
    assert toml(torn, None) == "[a]\nb = 1\n[c]\nd = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = {stack = {url = "u"}}\n',
        'mcp_servers.stack.url = "u"\n',
        '[mcp_servers]\nstack = {url = "u"}\n',
        "[[mcp_servers]]\na = 1\n",
    ],
    ids=["inline", "dotted", "inline in a table", "an array of tables"],
)
def test_a_server_that_does_not_stand_in_tables_is_not_edited(text):
    with pytest.raises(ValueError):
        render(text, {"mcp_servers": {"stack": OURS}}, "toml", TABLES)


def test_lines_in_a_text_that_look_like_a_table_are_refused_and_not_cut():
    text = "note = '''\n[mcp_servers.stack]\nurl = 1\n'''\n"
    with pytest.raises(ValueError):
        toml(text)


def test_toml_values_are_written_as_they_are_read():
    server = {"url": 'a"b\\cü\n', "on": True, "seconds": 1.5, "count": 3, "list": ["a", "b"], "a key.": {"x": "y"}}
    assert parse(toml("", server), "toml") == {"mcp_servers": {"stack": server}}


def test_json_of_a_new_file_is_indented():
    assert render("", {"a": {"b": 1}}, "json") == json.dumps({"a": {"b": 1}}, indent=2) + "\n"
