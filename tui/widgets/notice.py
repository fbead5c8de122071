"""The line that says how the last thing one did turned out."""

from textual.content import Content
from textual.timer import Timer

from tui.format import visible
from tui.messages import Refused
from tui.widgets.text import Text

TOLD_SECONDS = 8.0
"""How long good news and warnings stand: long enough to be read, too short to be taken for the next row's."""

REFUSED_SECONDS = 30.0


class Notice(Text):
    """One line; it stands for a while, or until something newer is to be said."""

    DEFAULT_CSS = """
    Notice { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    _end: Timer | None = None

    def tell(self, words: str) -> None:
        """Say what was done."""
        self._say(TOLD_SECONDS, Content.assemble(("✓ ", "bold $success"), visible(words)))

    def warn(self, words: str) -> None:
        """Say what is in the way."""
        self._say(TOLD_SECONDS, Content.assemble(("! ", "bold $warning"), visible(words)))

    def refuse(self, refused: Refused) -> None:
        """Say that it was refused, and what to do."""
        hint = f" — {refused.hint}" if refused.hint else ""
        self._say(REFUSED_SECONDS, Content.assemble(("✗ refused: ", "bold $error"), visible(refused.words + hint)))

    def _say(self, seconds: float, words: Content) -> None:
        self.show(words)
        if self._end is not None:
            self._end.stop()
        self._end = self.set_timer(seconds, self.clear_words)

    def clear_words(self) -> None:
        """Say nothing."""
        self.show("")
