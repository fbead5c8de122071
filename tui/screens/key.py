"""A new key, shown this once."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from stack_local.wire.keys import CreatedKey
from tui.format import visible
from tui.widgets.key_hints import hints
from tui.widgets.text import Text


class KeyScreen(ModalScreen[None]):
    """Shows the key until it is closed; then nobody can show it again."""

    CSS_PATH = "key.tcss"
    BINDINGS = [("escape", "leave", "I have it")]  # noqa: RUF012 (Textual reads it as it is)

    def __init__(self, created: CreatedKey) -> None:
        super().__init__()
        self._created = created

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text("The key, shown this once. Put it where the agent's client reads its bearer token.")
            yield Text(visible(self._created.api_key.get_secret_value()), id="value")
            yield Text(visible(self._created.warning or ""))
            yield Text(hints([("Esc", "I have it")]))

    def action_leave(self) -> None:
        """Close it."""
        self.dismiss(None)
