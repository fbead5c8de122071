"""Takes each check away in a copy of the tree, and demands that the test named for it falls."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards.oauth_table import OAUTH_GUARDS
from tests.guards.refusals import TESTS, Refusal, refusals
from tests.guards.table import GUARDS, Guard
from tests.guards.terms_table import TERMS_GUARDS

HANG_SECONDS = 180
"""Longer than the longest of these tests takes: without its check it never ends, and that is noticed too."""

REFUSALS = list(refusals())
ALL = (*GUARDS, *TERMS_GUARDS, *OAUTH_GUARDS)

ROOT = Path(__file__).parents[2]
FOLDERS = ("stack_local", "tui", "plugins", "tests")


def test_every_check_of_the_table_stands_where_it_says() -> None:
    for guard in ALL:
        assert (ROOT / guard.path).read_text().count(guard.check) == 1, guard.name


def test_every_refusal_has_a_name_of_its_own_and_leaves_a_file_that_reads() -> None:
    assert len({refusal.name for refusal in REFUSALS}) == len(REFUSALS) > 50
    for refusal in REFUSALS:
        ast.parse(refusal.without((ROOT / refusal.path).read_text()))


@pytest.mark.soak
@pytest.mark.parametrize("guard", ALL, ids=[guard.name for guard in ALL])
def test_without_the_check_its_test_falls(guard: Guard, tmp_path: Path) -> None:
    source = (ROOT / guard.path).read_text()
    _demand_a_fall(tmp_path, guard.name, guard.path, source.replace(guard.check, guard.without), guard.falls)


@pytest.mark.soak
@pytest.mark.parametrize("refusal", REFUSALS, ids=[refusal.name for refusal in REFUSALS])
def test_without_the_refusal_a_test_falls(refusal: Refusal, tmp_path: Path) -> None:
    source = (ROOT / refusal.path).read_text()
    _demand_a_fall(tmp_path, refusal.name, refusal.path, refusal.without(source), *TESTS[refusal.path])


def _demand_a_fall(folder: Path, name: str, path: str, without: str, *tests: str) -> None:
    """Run the tests over a copy of the tree in which one file is changed."""
    for part in FOLDERS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / path).write_text(without)
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"{name}: {tests} no longer end")
        return
    fallen = [line.removeprefix("FAILED ") for line in run.stdout.splitlines() if line.startswith("FAILED ")]
    print(f"{name}: {fallen} falls")
    assert run.returncode == 1, f"{tests} hold without {name}:\n{run.stdout[-2000:]}"
