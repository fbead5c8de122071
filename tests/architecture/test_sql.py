"""SQL stands in `store`, with named parameters: no run-time value is ever written into a statement."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import files_under, shipped, tree_of

STATEMENT = re.compile(
    r"\b(SELECT\s|INSERT\s+(OR\s+\w+\s+)?INTO\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|(CREATE|ALTER|DROP)\s+(TABLE|INDEX)\b"
    r"|PRAGMA\s|BEGIN\b|COMMIT\b|SAVEPOINT\b|ROLLBACK\b|RELEASE\b|WHERE\s)"
)

INTERPOLATED = {
    ("stack_local/store/agents.py", "name"): "a column's name, one of the fields of `Changes`",
    ("stack_local/store/audit.py", "order"): "ASC or DESC, chosen a few lines above",
    ("stack_local/store/audit.py", "'WHERE' if asked else ''"): "a word",
    ("stack_local/store/audit.py", "' AND '.join(asked)"): "constants from the table above it, with named parameters",
    ("stack_local/store/database.py", "name"): "a savepoint's name, written by us; SAVEPOINT takes no parameter",
    ("stack_local/store/database.py", "point.name"): "the same",
    ("stack_local/store/opening.py", "key_hex"): "64 hex digits of our own key; PRAGMA key takes no parameter",
    ("stack_local/store/opening.py", "number"): "the number in a migration's file name",
    ("stack_local/store/opening.py", "step.read_text()"): "a migration of ours",
}
"""What may stand in a statement besides constants in capitals: file and expression, to why it is safe."""


def _texts(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The strings below a node, without docstrings; an f-string as a whole."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Constant) and isinstance(child.value, str)):
            yield child
        else:
            yield from _texts(child)


def _words(text: ast.Constant | ast.JoinedStr) -> str:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def _statements(path: Path) -> list[ast.Constant | ast.JoinedStr]:
    return [text for text in _texts(tree_of(path)) if STATEMENT.search(_words(text))]


def _interpolations(path: Path) -> Iterator[tuple[str, str]]:
    for text in _statements(path):
        for part in text.values if isinstance(text, ast.JoinedStr) else []:
            if isinstance(part, ast.FormattedValue) and not ast.unparse(part.value).isupper():
                yield str(path), ast.unparse(part.value)


def test_sql_stands_in_store_only() -> None:
    elsewhere = {
        f"{path}:{text.lineno}"
        for path in shipped()
        if not path.is_relative_to("stack_local/store")
        for text in _statements(path)
    }
    assert not elsewhere


def test_no_run_time_value_is_written_into_a_statement() -> None:
    found = {place for path in files_under("stack_local/store") for place in _interpolations(path)}
    assert found == set(INTERPOLATED)


def test_no_statement_is_put_together_by_an_operator_or_by_format() -> None:
    joined = {
        f"{path}:{node.lineno}"
        for path in files_under("stack_local/store")
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and _holds_sql(node))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_format(node.func))
    }
    assert not joined


def _holds_sql(node: ast.AST) -> bool:
    return any(STATEMENT.search(_words(text)) for text in _texts(node))


def _is_format(called: ast.Attribute) -> bool:
    return called.attr in ("format", "format_map") and _holds_sql(called)
