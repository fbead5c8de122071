"""Every `raise` of the door, the front door, the bearer and egress: a check each, found in the source itself."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTS = {
    "stack_local/dispatch.py": (
        "tests/test_dispatch.py",
        "tests/contract/test_every_operation.py",
        "tests/e2e/test_freshness.py",
    ),
    "stack_local/surfaces/front_door.py": ("tests/surfaces/test_front_door.py",),
    "stack_local/surfaces/heads.py": ("tests/surfaces/test_heads.py",),
    "stack_local/surfaces/auth.py": ("tests/surfaces/test_auth.py", "tests/oauth/test_tokens.py"),
    **{str(path.relative_to(ROOT)): ("tests/egress",) for path in sorted(ROOT.glob("stack_local/egress/*.py"))},
}
"""The files, and the tests of which one must fall when a check of the file is taken away."""


@dataclass(frozen=True)
class Refusal:
    """One statement that refuses."""

    path: str
    lines: tuple[int, int]
    """The first and the last, counted from 1."""
    function: str
    says: str

    @property
    def name(self) -> str:
        """Where it stands, and the first words it says."""
        return f"{self.path}:{self.lines[0]} {self.function}: {self.says.strip()}"

    def without(self, source: str) -> str:
        """The file as it would be if the statement did nothing."""
        lines = source.splitlines(keepends=True)
        first, last = self.lines
        indent = lines[first - 1][: -len(lines[first - 1].lstrip())]
        return "".join([*lines[: first - 1], f"{indent}pass\n", *lines[last:]])


def refusals() -> Iterator[Refusal]:
    """Every statement that raises an error of its own; one that passes an error on is no check."""
    for path in TESTS:
        tree = ast.parse((ROOT / path).read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _of_function(path, function)


def _of_function(path: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Refusal]:
    for statement in ast.walk(function):
        if isinstance(statement, ast.Raise) and isinstance(statement.exc, ast.Call):
            last = statement.end_lineno or statement.lineno
            yield Refusal(path, (statement.lineno, last), function.name, _first_words(statement.exc))


def _first_words(call: ast.Call) -> str:
    words = (node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return next(words, ast.unparse(call))
