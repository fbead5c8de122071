"""A box to tick whose sign says whether it is ticked, and not its color alone."""

from textual.widgets import Checkbox


class Tick(Checkbox):
    """`[X]` or `[ ]`."""

    BUTTON_INNER = " "
    BUTTON_LEFT = "["
    BUTTON_RIGHT = "]"

    def watch_value(self) -> None:
        """Draw the sign of the new value."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()
