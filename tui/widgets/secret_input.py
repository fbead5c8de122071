"""A field for a secret: dots on the screen, and a key of many lines is pasted whole."""

from textual.events import Paste
from textual.widgets import Input

LONGEST = 65_536
"""Characters of a secret."""


class SecretInput(Input):
    """What is typed or pasted stands as dots."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, password=True, compact=True, max_length=LONGEST)

    def _on_paste(self, event: Paste) -> None:
        """Take all lines: Textual's own field takes the first, and a private key would be cut without a word."""
        event.prevent_default()
        event.stop()
        self.replace(event.text.strip(), *self.selection)
