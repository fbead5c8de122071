"""Tests of notices to a person who looks elsewhere."""

import os
from pathlib import Path

import pytest

from tests.simulators.clock import TestSystem
from tui.notify import Pace, notify_send, waiting_words


def test_a_second_notice_within_the_minute_is_not_given() -> None:
    clock = TestSystem()
    pace = Pace(clock)
    assert pace.may_tell()
    clock.advance(59)
    assert not pace.may_tell()
    clock.advance(1)
    assert pace.may_tell()


def test_the_words_hold_service_and_count_alone() -> None:
    assert waiting_words("custom_github", 3) == ("stack_local", "3 decisions wait, newest for custom_github")
    assert waiting_words(None, 1) == ("stack_local", "1 decision waits")


def test_a_hostile_service_name_is_flattened() -> None:
    _, body = waiting_words("<b>\x1b]0;x\x07" + "a" * 500, 1)
    assert body == "1 decision waits, newest for ?b???0?x?" + "a" * 31


def test_the_notifier_gets_words_as_arguments_and_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "notify-send"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\n/usr/bin/env > {tmp_path}/environment\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("STACK_LOCAL_SESSION", "never-hand-this-on")
    notify_send("title", "--body; $(id)")
    assert (tmp_path / "arguments").read_text().split("\n")[1:4] == ["--", "title", "--body; $(id)"]
    assert "never-hand-this-on" not in (tmp_path / "environment").read_text()


def test_without_a_notifier_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    notify_send("title", "body")
