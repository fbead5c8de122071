"""The box for an agent's own words: a bar at the left, dimmed, and a label that says what it is."""

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.format import visible_block
from tui.widgets.text import Text

LABEL = "from the agent, not checked"
CHARACTERS = 1200
"""How much of it is shown; the appliance takes a thousand."""


class UntrustedBox(Vertical):
    """What an agent wrote, apart from the facts. It cannot reach the first column."""

    DEFAULT_CSS = """
    UntrustedBox { height: auto; margin: 1 0 0 0; border-left: thick $panel-lighten-2; padding: 0 1; }
    UntrustedBox > .label { text-style: bold; color: $text-muted; }
    UntrustedBox > .words { color: $text-muted; max-height: 8; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = Text(classes="words")

    def compose(self) -> ComposeResult:
        yield Text(LABEL, classes="label")
        yield self._words

    def show(self, words: str | None) -> None:
        """Show the words; without any, the box is not there."""
        self.display = bool(words)
        self._words.show(visible_block(words or "", CHARACTERS))
