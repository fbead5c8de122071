"""The root of the command: what it imports, its exit statuses, and how it says no."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stack_local.domain import errors
from stack_local.surfaces.cli.statuses import EXIT_STATUSES, status_of
from stack_local.vault.passphrase import WrongPassphrase
from stack_local.wire.agents import ListAgents
from tests.surfaces.test_cli_launch import FakeLaunch, command, run

ROOT = Path(__file__).parents[2]

STATUSES = [
    (errors.Broken("x"), 1),
    (errors.StackError("x"), 1),
    (errors.Conflict("x"), 3),
    (errors.Unauthorized("x"), 4),
    (WrongPassphrase("x"), 4),
    (errors.Forbidden("x"), 5),
    (errors.NotFound("x"), 6),
    (errors.InvalidRequest("x"), 7),
    (errors.TooLarge("x"), 7),
    (errors.Locked("x"), 8),
    (errors.Unavailable("x"), 9),
    (errors.NotServed("x"), 9),
    (errors.UpstreamFailed("x"), 10),
    (errors.UpstreamTimedOut("x"), 10),
    (errors.TooMany("x"), 11),
]


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path)


def raising(error):
    def answer(_request):
        raise error

    return answer


def walk(group, path=()):
    for name, below in group.commands.items():
        yield (*path, name), below
        if isinstance(below, click.Group):
            yield from walk(below, (*path, name))


def every_command(launch):
    root = command(launch)
    root.list_commands(click.Context(root))
    return list(walk(root))


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
def test_each_error_class_has_its_exit_status(launch, error, status):
    launch.appliance.answer(ListAgents, raising(error))
    assert run(launch, "agents", "list").exit_code == status
    assert status_of(error) == status


def test_every_error_class_is_mapped_by_itself():
    direct = {type(error) for error, _ in STATUSES}
    assert set(errors.StackError.__subclasses__()) <= direct


def test_every_exit_status_is_in_the_help(launch):
    told = run(launch, "--help").stdout
    for status in {status for _, status in STATUSES} | {0, 2, 130}:
        assert f"\n    {status:<4} " in told
        assert f"\n  {status:<4} " in EXIT_STATUSES


def test_the_help_names_the_variable_of_the_session(launch):
    assert "STACK_LOCAL_SESSION" in run(launch, "--help").stdout


def test_a_refusal_is_an_error_with_its_details_and_a_hint_on_stderr(launch):
    refusal = errors.Forbidden("not this agent", gate_reason="call_mismatch", hint="submit it again")
    launch.appliance.answer(ListAgents, raising(refusal))
    told = run(launch, "agents", "list")
    assert told.stdout == ""
    assert told.stderr.splitlines() == [
        "error: not this agent",
        "  gate_reason: call_mismatch",
        "hint: submit it again",
    ]


def test_a_refusal_in_json_is_the_one_object_on_stdout(launch):
    launch.appliance.answer(ListAgents, raising(errors.Locked("the vault is locked", hint="unlock it")))
    told = run(launch, "agents", "list", "--json")
    envelope = {"message": "the vault is locked", "code": "LOCKED", "details": {"hint": "unlock it"}}
    assert json.loads(told.stdout) == {"error": envelope}
    assert told.stderr == ""


@pytest.mark.parametrize(
    "line",
    [
        ("nothing-like-this",),
        ("keys", "nothing-like-this"),
        ("keys", "create", "--nothing-like-this"),
        ("keys", "create", "--preset", "king"),
        ("passports", "issue"),
        ("approve",),
        ("call",),
    ],
)
def test_a_wrong_command_line_is_2_with_a_hint(launch, line):
    told = run(launch, *line)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith("error: ")
    assert "--help" in told.stderr
    assert launch.appliance.asked == []


@pytest.mark.parametrize("line", [("keys", "create", "--preset", "king", "--json"), ("keys", "--json"), ("--json",)])
def test_a_wrong_command_line_in_json_is_the_one_object(launch, line):
    told = run(launch, *line)
    assert told.exit_code == 2
    assert json.loads(told.stdout)["error"]["code"] == "USAGE"
    assert told.stderr == ""


def test_an_area_alone_shows_its_commands(launch):
    told = run(launch, "keys")
    assert told.exit_code == 2
    assert "revoke" in told.stderr


def test_an_interrupt_is_130(launch):
    launch.appliance.answer(ListAgents, raising(KeyboardInterrupt()))
    told = run(launch, "agents", "list", "--json")
    assert told.exit_code == 130
    assert json.loads(told.stdout)["error"]["code"] == "INTERRUPTED"


def test_home_stands_on_every_command_once(launch):
    for path, below in every_command(launch):
        assert [option.name for option in below.params].count("home") == 1, path


def test_every_command_explains_itself(launch):
    for path, _ in every_command(launch):
        told = run(launch, *path, "--help")
        assert (told.exit_code, told.stderr) == (0, ""), path


def python(code: str, *args: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )


HEAVY = {"quart", "hypercorn", "textual", "rich", "mcp", "sqlcipher3", "httpx", "authlib", "keyring", "cryptography"}

SHOW_IMPORTS = """
import sys
from stack_local.surfaces.cli import main
try:
    main(None)
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("line", "unwanted"),
    [
        (["--version"], HEAVY | {"pydantic"}),
        (["--help"], HEAVY),
        (["passports", "issue", "--help"], HEAVY),
        (["keys", "nothing"], HEAVY),
    ],
    ids=["version", "help", "help of a derived command", "wrong command"],
)
def test_words_alone_import_nothing_heavy(line, unwanted):
    told = python(SHOW_IMPORTS, *line)
    imported = set(told.stderr.splitlines()[-1].split())
    assert "click" in imported
    assert imported & unwanted == set()


def test_the_version_is_the_packages(launch):
    assert run(launch, "--version").stdout == "stack-local 0.1.0\n"


DEFECT = """
from stack_local.surfaces.cli import main
class Broken:
    def home(self, option): raise ValueError(option + "-in-a-message\\x1b]0;x\\x07")
    def doctor(self, home): ...
main(Broken())
"""


def test_a_defect_says_where_and_not_what_it_held():
    told = python(DEFECT, "doctor", "--home", "hunter2")
    assert (told.returncode, told.stdout) == (1, "")
    assert "error: a defect of ours (ValueError)" in told.stderr
    assert "shell.py" in told.stderr
    assert "hunter2" not in told.stderr
    assert "\x1b" not in told.stderr


def test_a_defect_in_json_is_still_one_object():
    told = python(DEFECT, "doctor", "--json", "--home", "x")
    assert told.returncode == 1
    assert json.loads(told.stdout)["error"]["code"] == "BROKEN"


def test_a_terminal_of_another_encoding_gets_escapes_and_no_exception():
    code = """
import pathlib
from stack_local.surfaces.cli import DoctorLine, main
class Odd:
    def home(self, option): return pathlib.Path("/")
    def doctor(self, home): return [DoctorLine("ok", "grün │ 日本")]
main(Odd())
"""
    told = python(code, "doctor", environment={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    assert (told.returncode, told.stdout) == (0, "ok    gr�n \\u2502 \\u65e5\\u672c\n")
