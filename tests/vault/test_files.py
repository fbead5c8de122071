"""Replaced whole or not at all, private, bounded."""

import os
import stat
from pathlib import Path

import pytest

from stack_local.domain.errors import Unavailable
from stack_local.vault.files import find_bounded, write_atomically
from tests.simulators import crash


def test_a_written_file_is_private_and_leaves_no_draft(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"one")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666], ids=oct)
def test_a_written_file_has_the_mode_that_was_asked_for(tmp_path: Path, mode: int) -> None:
    write_atomically(tmp_path / "a", b"one", mode=mode)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_a_kill_at_any_step_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path, seen, outcome = tmp_path / "a", set(), "killed"
    for step in range(20):
        path.write_bytes(b"old")
        outcome = crash.run(lambda: write_atomically(path, b"new"), tmp_path, fault="kill", at=step)
        seen.add(path.read_bytes())
        if outcome == "finished":
            break
    assert outcome == "finished"
    assert seen == {b"old", b"new"}
    write_atomically(path, b"later")  # a draft left behind is in nobody's way
    assert path.read_bytes() == b"later"


def test_a_full_disk_at_any_step_is_refused_and_leaves_no_draft(tmp_path: Path) -> None:
    path, outcomes = tmp_path / "a", []
    for step in range(20):
        path.write_bytes(b"old")
        outcomes.append(crash.run(lambda: write_atomically(path, b"new"), tmp_path, fault="full", at=step))
        assert os.listdir(tmp_path) == ["a"]
        assert path.read_bytes() in (b"old", b"new")
        if outcomes[-1] == "finished":
            break
    assert outcomes == ["refused"] * (len(outcomes) - 1) + ["finished"]
    assert len(outcomes) > 3


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / ".a.draft").symlink_to(tmp_path / "victim")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "victim").read_bytes() == b"mine"
    assert not (tmp_path / "a").is_symlink()


def test_an_absent_file_is_none(tmp_path: Path) -> None:
    assert find_bounded(tmp_path / "a", max_bytes=10) is None


def test_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    assert find_bounded(tmp_path / "a", max_bytes=10) == b"x" * 10


@pytest.mark.parametrize("kind", ["too large", "directory", "link", "pipe"])
def test_what_is_not_a_small_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "too large":
        path.write_bytes(b"x" * 11)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(path)
    with pytest.raises(Unavailable):
        find_bounded(path, max_bytes=10)
