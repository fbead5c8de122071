"""What the architecture tests read: the repository's own files, and their parsed trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ("stack_local", "tui", "plugins")
"""What is shipped."""


@cache
def shipped() -> tuple[Path, ...]:
    """Every shipped Python file, relative to the root."""
    return tuple(sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")))


@cache
def repository() -> tuple[Path, ...]:
    """Every file that is tracked or would be, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(sorted(Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()))


@cache
def text_of(path: Path) -> str:
    """The text of a file of the repository."""
    return (ROOT / path).read_text()


@cache
def tree_of(path: Path) -> ast.Module:
    """The parsed text of a Python file."""
    return ast.parse(text_of(path))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does so."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_under(folder: str) -> tuple[Path, ...]:
    """The shipped Python files of one package: `stack_local/domain`."""
    return tuple(path for path in shipped() if path.is_relative_to(folder))
