"""No file over 500 lines, no function over 60: what is longer holds two thoughts."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import shipped, text_of, tree_of

FILE_LINES = 500
FUNCTION_LINES = 60


@pytest.mark.parametrize("path", shipped(), ids=str)
def test_a_file_is_short_enough_to_read_whole(path: Path) -> None:
    assert len(text_of(path).splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", shipped(), ids=str)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = {
        node.name: length
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long
