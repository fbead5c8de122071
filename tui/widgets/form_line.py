"""One line of a form: its label, and what is typed or chosen there."""

from textual.containers import Horizontal
from textual.widget import Widget

from tui.format import visible
from tui.widgets.text import Text

LABEL_CELLS = 24


class FormLine(Horizontal):
    """A screen's style says how wide `.label` is."""

    def __init__(self, label: str, *widgets: Widget) -> None:
        super().__init__(Text(visible(label, LABEL_CELLS), classes="label"), *widgets, classes="line")


def show_line(widget: Widget, *, is_shown: bool) -> None:
    """Show or hide the line a widget stands in."""
    line = widget.parent
    assert isinstance(line, FormLine)
    line.display = is_shown
