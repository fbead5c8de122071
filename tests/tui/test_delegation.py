"""Tests of the tree of delegation."""

from datetime import timedelta

from tests.tui.world import NOW, child_passport, identifier, passport
from tui.delegation import tree


def test_the_tree_has_agents_sessions_and_what_each_delegated() -> None:
    rows = tree(
        [passport(1), child_passport(2, 1), child_passport(3, 2, depth=2), passport(4, session_id=identifier("ses", 2))]
    )
    assert [(node.kind, node.depth, node.id[-1]) for node in rows] == [
        ("agent", 0, "1"),
        ("session", 1, "1"),
        ("passport", 2, "1"),
        ("passport", 3, "2"),
        ("passport", 4, "3"),
        ("session", 1, "2"),
        ("passport", 2, "4"),
    ]


def test_what_falls_is_everything_below() -> None:
    rows = tree([passport(1), child_passport(2, 1), child_passport(3, 2, depth=2)])
    assert [len(node.falls) for node in rows] == [3, 3, 3, 2, 1]


def test_an_orphan_is_not_left_out() -> None:
    rows = tree([child_passport(2, 99)])
    assert [node.kind for node in rows] == ["agent", "session", "passport"]


def test_a_loop_of_parents_ends() -> None:
    loop = [child_passport(1, 2), child_passport(2, 1)]
    assert tree([*loop, passport(3)])


def test_row_ids_are_told_apart() -> None:
    rows = tree([passport(1), child_passport(2, 1), passport(3, session_id=identifier("ses", 2))])
    assert len({node.row_id for node in rows}) == len(rows)


def test_a_row_says_who_holds_it_and_how_long() -> None:
    rows = tree([passport(1), child_passport(2, 1)])
    assert "held by docs-bot" in rows[-1].row(NOW, 76).plain
    assert "11 min left" in rows[-1].row(NOW + timedelta(seconds=30), 76).plain
