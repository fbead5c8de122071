"""Entries in the parsed form of a configuration file: put in, found again, told from another's, taken out."""

import pytest

from stack_local.surfaces.cli.config_entries import Entry, WrongShapeError, find, is_ours, is_satisfied, put, take_out

URL = "http://127.0.0.1:7822/mcp"
SERVER = Entry(("servers", "stack"), {"type": "http", "url": URL})
RULE = Entry(("permissions", "allow"), "stack:read", is_item=True)
OTHERS = {
    "model": "x",
    "servers": {"a": {"url": "https://a"}},
    "permissions": {"deny": ["z"], "allow": ["y"]},
    "last": 1,
}


def server(**fields):
    return Entry(SERVER.keys, {"type": "http", "url": URL} | fields)


def test_what_is_put_in_is_found():
    tree = put({}, [SERVER, RULE])
    assert tree == {"servers": {"stack": SERVER.value}, "permissions": {"allow": ["stack:read"]}}
    assert (find(tree, SERVER), find(tree, RULE)) == (SERVER, RULE)


def test_what_others_put_there_stays_in_its_order():
    tree = put(OTHERS, [SERVER, RULE])
    assert list(tree) == list(OTHERS)
    assert tree["servers"]["a"] == {"url": "https://a"}
    assert tree["permissions"] == {"deny": ["z"], "allow": ["y", "stack:read"]}


def test_an_entry_that_stands_already_is_not_put_in_twice():
    once = put(OTHERS, [SERVER, RULE])
    assert put(once, [SERVER, RULE]) == once


@pytest.mark.parametrize("before", [{}, OTHERS, {"servers": {}}, {"permissions": {"allow": []}}], ids=str)
def test_taking_out_what_was_put_in_leaves_what_was_there(before):
    assert take_out(put(before, [SERVER, RULE]), [SERVER, RULE], before) == before


def test_taking_out_puts_back_what_was_in_its_place():
    before = {"servers": {"stack": {"command": "mine"}}}
    assert take_out(put(before, [SERVER]) | {"new": 1}, [SERVER], before) == before | {"new": 1}


def test_an_item_that_was_there_before_is_left():
    before = {"permissions": {"allow": ["stack:read"]}}
    assert take_out(before | {"new": 1}, [RULE], before) == before | {"new": 1}


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        (server(), True),
        (server(url="http://127.0.0.1:9000/mcp"), True),
        (server(url="http://127.0.0.1:9000/mcp/core"), True),
        (server(url="http://[::1]:7822/mcp"), True),
        (server(url="http://localhost:7822/mcp"), False),
        (server(url="https://127.0.0.1:7822/mcp"), False),
        (server(url="http://127.0.0.1:7822/mcp/more"), False),
        (server(url="http://127.0.0.1.example.com:7822/mcp"), False),
        (server(headers={}), False),
        (Entry(SERVER.keys, "text"), False),
        (Entry(SERVER.keys, None), False),
    ],
    ids=str,
)
def test_an_entry_is_ours_by_what_it_says_apart_from_the_port(found, ours):
    assert is_ours(found, SERVER) is ours


@pytest.mark.parametrize(
    ("found", "satisfied"),
    [
        (server(), True),
        (server(headers={"Authorization": "Bearer ${KEY}"}), True),
        (server(url="http://127.0.0.1:9000/mcp"), False),
        (Entry(SERVER.keys, {"url": URL}), False),
        (Entry(SERVER.keys, []), False),
    ],
    ids=str,
)
def test_an_entry_to_which_a_person_added_still_says_what_we_want(found, satisfied):
    assert is_satisfied(found, SERVER) is satisfied


@pytest.mark.parametrize(
    "tree",
    [{"servers": []}, {"servers": None}, {"permissions": "allow"}, {"permissions": {"allow": {}}}],
    ids=str,
)
def test_a_place_that_cannot_be_is_an_error(tree):
    with pytest.raises(WrongShapeError):
        put(tree, [SERVER, RULE])
