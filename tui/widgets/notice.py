"""The line that says how the last thing one did turned out."""

from textual.content import Content

from tui.format import visible
from tui.messages import Refused
from tui.widgets.text import Text


class Notice(Text):
    """One line; it stays until something newer is to be said."""

    DEFAULT_CSS = """
    Notice { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def tell(self, words: str) -> None:
        """Say what was done."""
        self.show(Content.assemble(("✓ ", "bold $success"), visible(words)))

    def warn(self, words: str) -> None:
        """Say what is in the way."""
        self.show(Content.assemble(("! ", "bold $warning"), visible(words)))

    def refuse(self, refused: Refused) -> None:
        """Say that it was refused, and what to do."""
        hint = f" — {refused.hint}" if refused.hint else ""
        self.show(Content.assemble(("✗ refused: ", "bold $error"), visible(refused.words + hint)))

    def clear_words(self) -> None:
        """Say nothing."""
        self.show("")
