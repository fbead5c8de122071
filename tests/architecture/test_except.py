"""A broad `except` swallows what nobody foresaw: it stands at the places listed here, each with its reason."""

import ast
from collections import Counter
from pathlib import Path

from tests.architecture.sources import shipped, text_of, tree_of

BROAD = {"Exception", "BaseException"}

PLACES = {
    "stack_local/demo/play.py": "the demo's thread: its error is handed to the thread that waits",
    "stack_local/dispatch.py": "the door: whatever a handler raises becomes Broken, and is recorded",
    "stack_local/egress/connections.py": "gives the slot back and raises again, cancellation included",
    "stack_local/egress/sockets.py": "closes the socket and raises again, cancellation included",
    "stack_local/jobs.py": "the job loop: a job that fails once must not end the others",
    "stack_local/launch.py": "the server's thread: its error is handed to the thread that waits",
    "stack_local/operations/scan.py": "a plugin's classifier: the verdict without it stands, and is called incomplete",
    "stack_local/proxy/inspect.py": "the detector runner: its error is itself a finding",
    "stack_local/proxy/pipeline.py": "no call without an outcome: it is recorded, then raised again",
    "stack_local/store/database.py": "the writer's thread: rolls back, and hands the error to the caller that waits",
    "tui/asking.py": "the TUI worker: an answer nobody foresaw must not take the queue off the screen",
    "tui/feed.py": "the TUI worker: whatever broke the line, it is tried again",
}
"""File to what ends there, or is only cleaned up there."""


def _broad(path: Path) -> list[ast.ExceptHandler]:
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler) and _is_broad(node)]


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in BROAD for node in ast.walk(handler.type))


def test_a_broad_except_stands_only_where_it_is_listed() -> None:
    assert {str(path) for path in shipped() if _broad(path)} == set(PLACES)


def test_a_broad_except_raises_again_or_says_why_beside_it() -> None:
    silent: Counter[str] = Counter()
    for path in shipped():
        lines = text_of(path).splitlines()
        for handler in _broad(path):
            is_raised = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
            near = lines[handler.lineno - 1 : (handler.body[0].lineno)]
            if not is_raised and not any("#" in line for line in near):
                silent[str(path)] += 1
    assert not silent
