"""How the demo speaks: aligned lines of at most 80 columns, in plain words."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from stack_local.demo.errands import LIST_SERVICES, LOOK, PROXY, SUBMIT, Result

COLUMNS = 80
LABEL_COLUMNS = 12
TOOL_COLUMNS = 27


_WORDS = {LIST_SERVICES: "a chat service is connected", SUBMIT: "waits for a person"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, and whether it did."""

    words: str
    held: bool


class Narrator:
    """Says what happens, a line at a time."""

    def __init__(self, out: Callable[[str], None]) -> None:
        self._out = out
        self._latest = ""

    def heading(self, words: str) -> None:
        """Begin a part."""
        self._out("")
        self._out(words)

    def line(self, label: str, words: str) -> None:
        """A label, and words that go on below themselves where they are long."""
        self._print(f"  {label:<{LABEL_COLUMNS}}", words)

    def tool(self, result: Result) -> None:
        """What a tool answered; the same answer to the same question is said once."""
        said = f"  -> {result.tool:<{TOOL_COLUMNS}}"
        words = words_of(result)
        if said + words != self._latest:
            self._print(said, words)
        self._latest = said + words

    def check(self, check: Check) -> None:
        """A thing that held, or did not."""
        self._print("  ok    " if check.held else "  FAIL  ", check.words)

    def _print(self, start: str, words: str) -> None:
        for line in textwrap.wrap(words, COLUMNS, initial_indent=start, subsequent_indent=" " * len(start)):
            self._out(line)


def words_of(result: Result) -> str:
    """One tool's answer in a few words."""
    if result.code is not None:
        return f"refused: {result.code}"
    if result.tool == PROXY:
        return _words_of_call(result)
    if result.tool == LOOK:
        return str(result.tree["status"])
    return _WORDS[result.tool]


def _words_of_call(result: Result) -> str:
    words = f"the service answered {result.tree['status']}"
    if result.tree["replayed"]:
        words += ", as stored"
    return words
