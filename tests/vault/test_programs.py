"""A program is run as it stands on the PATH, with little, for a while, and for what it prints alone."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack_local.domain.errors import StackError, Unavailable, UpstreamFailed, UpstreamTimedOut
from stack_local.domain.secrets import Secret
from stack_local.vault import programs
from stack_local.vault.programs import Program, Programs
from tests.vault.scripts import Lifeline, Scripts, scripts_in

TOOL = Program("tool", "the tool", re.compile(r"TOOL_[A-Z]+"), "log in first")
HANG = "exec sleep 50"


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return scripts_in(tmp_path)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    line = Lifeline(tmp_path / "lifeline")
    yield line
    line.close()


async def run(scripts: Scripts, *arguments: str, **variables: str) -> Secret:
    return await Programs(scripts.environment | variables).run(TOOL, *arguments)


async def failure(scripts: Scripts, **variables: str) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as failed:
        await run(scripts, **variables)
    return failed.value


@pytest.mark.parametrize(
    ("name", "printed", "secret"),
    [
        ("a word", "s3cret", "s3cret"),
        ("a newline at its end", "s3cret\\n", "s3cret"),
        ("a newline of Windows", "s3cret\\r\\n", "s3cret"),
        ("two newlines", "s3cret\\n\\n", "s3cret\n"),
        ("several lines", "a\\nb\\n", "a\nb"),
        ("blanks that belong to it", "  a b  ", "  a b  "),
        ("another script", "пароль", "пароль"),
    ],
)
async def test_the_secret_is_what_the_program_prints(scripts: Scripts, name: str, printed: str, secret: str) -> None:
    scripts.write("tool", f"printf '{printed}'")
    assert await run(scripts) == Secret(secret), name


async def test_arguments_arrive_as_they_are_because_no_shell_reads_them(scripts: Scripts) -> None:
    scripts.recording("tool", printed="s3cret")
    odd = ("$(id)", "a b", "; rm -rf /", "`id`", "*", "--", "'\"")
    await run(scripts, *odd)
    assert tuple(scripts.argv) == odd


async def test_a_program_is_given_what_is_common_and_what_is_its_own(scripts: Scripts) -> None:
    scripts.recording("tool", printed="s3cret")
    own = {"TOOL_SESSION": "1", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": "/run/user/1"}
    await run(scripts, **own, OTHER_TOKEN="2", STACK_LOCAL_KEY="3", LD_PRELOAD="/x.so", PYTHONPATH="/x", XTOOL_A="4")
    assert scripts.given == scripts.environment | own


async def test_a_folder_of_the_path_that_is_not_absolute_is_left_out(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts.write("tool", "printf evil")
    monkeypatch.chdir(scripts.folder)
    for path in (".", "", ":", "../bin"):
        with pytest.raises(Unavailable):
            await Programs({"PATH": path}).run(TOOL)


async def test_the_path_is_that_of_the_start(scripts: Scripts, monkeypatch: pytest.MonkeyPatch) -> None:
    started = dict(scripts.environment)
    running = Programs(started)
    scripts.write("tool", "printf first")
    other = scripts.home / "tool"
    other.write_text("#!/bin/sh\nprintf second\n")
    other.chmod(0o755)
    started["PATH"] = str(scripts.home)
    monkeypatch.setenv("PATH", str(scripts.home))
    assert await running.run(TOOL) == Secret("first")


async def test_a_program_has_neither_input_nor_terminal(scripts: Scripts) -> None:
    scripts.write("tool", "cat\n(: < /dev/tty) 2> /dev/null && printf terminal\nprintf alone")
    assert await run(scripts) == Secret("alone")


@pytest.mark.parametrize(
    ("name", "lines"),
    [("nothing", ""), ("an empty line", "echo"), ("bytes that are no text", "printf '\\377\\376'")],
)
async def test_what_is_printed_must_be_a_text(scripts: Scripts, name: str, lines: str) -> None:
    scripts.write("tool", lines)
    assert (await failure(scripts)).details["program"] == "tool", name


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_a_program_that_prints_without_end_is_stopped(scripts: Scripts, stream: str) -> None:
    scripts.write("tool", f"exec yes >&{stream}")
    assert "exit_status" not in (await failure(scripts)).details


async def test_the_most_that_may_be_printed_is_taken(scripts: Scripts) -> None:
    scripts.write("tool", f"head -c {programs.OUTPUT_BYTES} /dev/zero | tr '\\0' a")
    assert await run(scripts) == Secret("a" * programs.OUTPUT_BYTES)


async def test_a_program_that_is_not_there_is_said_to_be_missing(scripts: Scripts) -> None:
    with pytest.raises(Unavailable) as missing:
        await run(scripts)
    assert (missing.value.code, missing.value.details["program"]) == ("PROGRAM_MISSING", "tool")


async def test_a_file_that_nobody_may_run_is_no_program(scripts: Scripts) -> None:
    scripts.write("tool", "printf a").chmod(0o644)
    with pytest.raises(Unavailable):
        await run(scripts)


async def test_a_file_that_is_no_program_cannot_be_started(scripts: Scripts) -> None:
    path = scripts.write("tool", "")
    path.write_bytes(b"\x00\x01")
    with pytest.raises(Unavailable) as refused:
        await run(scripts)
    assert refused.value.code == "PROGRAM_MISSING"


@pytest.mark.parametrize(
    ("name", "complaint", "said"),
    [
        ("one line", "not logged in", "not logged in"),
        ("the first of several", "\\n\\n  first\\nsecond\\n", "first"),
        ("nothing", "", None),
        ("colors", "\\033[31mred\\033[0m", "red"),
        ("a title for the terminal", "\\033]0;x\\007", "?]0;x?"),
        ("text that turns around", "a\\342\\200\\256b", "a?b"),
        ("no text", "\\377", "\N{REPLACEMENT CHARACTER}"),
        ("its own variable", "bad session 0123456789", "bad session …"),
        ("what it printed", "cannot use half-a-secret", "cannot use …"),
    ],
)
async def test_a_failure_says_its_first_line_without_what_is_secret(
    scripts: Scripts, name: str, complaint: str, said: str | None
) -> None:
    scripts.write("tool", f"printf half-a-secret\nprintf '{complaint}' >&2\nexit 3")
    failed = await failure(scripts, TOOL_SESSION="0123456789")
    assert failed.details.get("said") == said, name
    assert (failed.details["exit_status"], failed.details["hint"]) == (3, "log in first")


async def test_a_long_complaint_is_cut(scripts: Scripts) -> None:
    scripts.write("tool", "head -c 5000 /dev/zero | tr '\\0' a >&2\nexit 1")
    assert (await failure(scripts)).details["said"] == "a" * programs.COMPLAINT_CHARACTERS


async def test_a_program_that_a_signal_ended_failed(scripts: Scripts) -> None:
    scripts.write("tool", "printf a\nkill -9 $$")
    assert (await failure(scripts)).details["exit_status"] == -9


@pytest.mark.parametrize("lines", [HANG, "trap '' TERM INT HUP\nwhile :; do sleep 50; done"])
async def test_a_program_that_hangs_is_killed_with_all_it_started(
    scripts: Scripts, lifeline: Lifeline, lines: str
) -> None:
    scripts.write("tool", f"exec 9> {lifeline.path}\nsleep 50 &\n{lines}")
    with pytest.raises(UpstreamTimedOut) as late:
        await Programs(scripts.environment, seconds=0.3).run(TOOL)
    assert late.value.details["hint"] == "log in first"
    assert lifeline.is_dropped()


async def test_a_program_that_leaves_another_behind_is_late(scripts: Scripts, lifeline: Lifeline) -> None:
    # Whoever holds the pipe may still print: the secret may be half of one.
    scripts.write("tool", f"exec 9> {lifeline.path}\nsleep 50 &\nprintf half")
    with pytest.raises(UpstreamTimedOut):
        await Programs(scripts.environment, seconds=0.3).run(TOOL)
    assert lifeline.is_dropped()


async def test_nothing_of_a_program_stays_open_when_another_it_left_behind_escaped(scripts: Scripts) -> None:
    before = os.listdir("/proc/self/fd")
    scripts.write("tool", "setsid sleep 20 &\nprintf half")
    with pytest.raises(UpstreamTimedOut):
        await Programs(scripts.environment, seconds=0.3).run(TOOL)
    await asyncio.sleep(0)  # what was closed is let go of in the loop's next round
    assert os.listdir("/proc/self/fd") == before


async def test_a_program_dies_with_the_call_that_waits_for_it(scripts: Scripts, lifeline: Lifeline) -> None:
    scripts.write("tool", f"exec 9> {lifeline.path}\nprintf x >&9\n{HANG}")
    call = asyncio.ensure_future(run(scripts))
    await lifeline.pulled()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert lifeline.is_dropped()


async def test_no_error_holds_what_was_printed(scripts: Scripts) -> None:
    for lines in ("printf s3cret-value\nexit 1", "printf s3cret-value >&2\nprintf s3cret-value\nexit 1"):
        scripts.write("tool", lines)
        with pytest.raises(StackError) as failed:
            await run(scripts)
        assert "s3cret-value" not in f"{failed.value} {failed.value.details}"
