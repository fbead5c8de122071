"""One line asked of the person."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.widgets.key_hints import hints
from tui.widgets.text import Text


class PromptScreen(ModalScreen[str | None]):
    """Answers with what was typed; with None where nothing was."""

    CSS_PATH = "prompt.tcss"
    BINDINGS = [("escape", "leave", "Leave it")]  # noqa: RUF012 (Textual reads it as it is)

    def __init__(self, title: Content, words: Content, label: str) -> None:
        super().__init__()
        self._parts = (title, words, label)
        self._typed = Input(id="typed", compact=True, max_length=2000)

    def compose(self) -> ComposeResult:
        title, words, label = self._parts
        with Vertical(id="dialogue"):
            yield Text(title, id="title")
            yield Text(words, id="words")
            yield Text(label)
            yield self._typed
            yield Text(hints([("Enter", "do it"), ("Esc", "leave it")]), id="keys")

    def on_mount(self) -> None:
        self._typed.focus()

    def action_leave(self) -> None:
        """Leave it."""
        self.dismiss(None)

    @on(Input.Submitted)
    def _take(self) -> None:
        self.dismiss(self._typed.value.strip() or None)
