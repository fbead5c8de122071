"""One word per area, the same in every layer; no drawer for odds and ends; tests mirror the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack_local import wire
from tests.architecture.sources import ROOT, files_under, repository, shipped, text_of, tree_of

DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

EXCUSED = Path("tests/architecture/without_a_test.txt")
"""Sources whose logic has no test file of its own yet, one a line. The list may only shrink."""

NOT_AREAS = {"catalogue", "oauth", "tool_schemas", "types"}
"""Files of `wire` that declare no operation."""


def test_no_file_is_a_drawer() -> None:
    assert {str(path) for path in repository() if path.stem in DRAWERS} == set()


def test_every_area_of_the_wire_is_one_of_the_operations() -> None:
    areas = {path.stem for path in files_under("stack_local/wire")} - {"__init__"} - NOT_AREAS
    assert areas == set(wire.__all__)
    assert areas <= {path.stem for path in files_under("stack_local/operations")}


@pytest.mark.parametrize("path", shipped(), ids=str)
def test_a_module_opens_with_a_sentence_on_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


def test_logic_has_a_test_file_of_its_own_or_is_excused() -> None:
    assert sources_without_a_test() <= excused()


def test_nothing_is_excused_that_has_its_test() -> None:
    """`python -m tests.architecture.shrink` takes it off the list."""
    assert excused() <= sources_without_a_test()


def excused() -> frozenset[str]:
    """The list as it is committed."""
    return frozenset(text_of(EXCUSED).split())


def sources_without_a_test() -> frozenset[str]:
    """Every shipped file with logic and without a mirror under `tests`."""
    return frozenset(str(path) for path in shipped() if _has_logic(path) and not any(map(_exists, _mirrors(path))))


def _has_logic(path: Path) -> bool:
    functions = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return path.stem != "__init__" and any(map(_does_something, functions))


def _does_something(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """More than words and `...`, as in a protocol."""
    return any(not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)) for line in function.body)


def _mirrors(path: Path) -> Iterator[Path]:
    """`stack_local/surfaces/cli/root.py`: `tests/surfaces/cli/test_root.py` or `tests/surfaces/test_cli_root.py`."""
    inside = path.relative_to("stack_local") if path.parts[0] == "stack_local" else path
    folder, name = inside.parent, inside.stem.strip("_")
    yield Path("tests") / folder / f"test_{name}.py"
    if len(folder.parts) > 1:
        yield Path("tests") / folder.parent / f"test_{folder.name}_{name}.py"
        yield Path("tests") / folder.parent / f"test_{name}.py"


def _exists(path: Path) -> bool:
    return (ROOT / path).exists()
