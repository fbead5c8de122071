"""Takes each check away in a copy of the tree, and demands that the test named for it falls."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards.table import GUARDS, Guard

ROOT = Path(__file__).parents[2]
FOLDERS = ("stack_local", "tui", "plugins", "tests")


def test_every_check_of_the_table_stands_where_it_says() -> None:
    for guard in GUARDS:
        assert (ROOT / guard.path).read_text().count(guard.check) == 1, guard.name


@pytest.mark.soak
@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_without_the_check_its_test_falls(guard: Guard, tmp_path: Path) -> None:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    changed = tmp_path / guard.path
    changed.write_text(changed.read_text().replace(guard.check, guard.without))
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", guard.falls],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    print(f"{guard.name}: {guard.falls} falls")
    assert run.returncode == 1, f"{guard.falls} holds without {guard.name}:\n{run.stdout[-2000:]}"
