"""One of a few: a list to take one row from."""

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList

from tui.widgets.key_hints import hints
from tui.widgets.row_list import Row, RowList
from tui.widgets.text import Text


class ChooseScreen(ModalScreen[str | None]):
    """Answers with the id of the row taken. The cursor starts on what is so now."""

    CSS_PATH = "choose.tcss"
    BINDINGS = [("escape", "leave", "Leave it")]  # noqa: RUF012 (Textual reads it as it is)

    def __init__(self, title: Content, choices: Mapping[str, Content], *, first: str | None) -> None:
        super().__init__()
        self._heading = title
        self._choices = choices
        self._first = first
        self._rows = RowList(id="choices")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text(self._heading, id="title")
            yield self._rows
            yield Text(hints([("↑↓", "choose"), ("Enter", "take it"), ("Esc", "leave it")]), id="keys")

    def on_mount(self) -> None:
        self._rows.show_rows([Row(row_id, words) for row_id, words in self._choices.items()])
        self._rows.highlighted = list(self._choices).index(self._first) if self._first else 0
        self._rows.focus()

    def action_leave(self) -> None:
        """Leave it."""
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _take(self) -> None:
        self.dismiss(self._rows.selected_id)
