"""What is there before the appliance has answered."""

from textual.app import ComposeResult
from textual.screen import Screen

from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text


class StartScreen(Screen[None]):
    """Says that it is connecting, and when it tries again."""

    CSS_PATH = "start.tcss"

    def compose(self) -> ComposeResult:
        yield Text("stack_local", id="name")
        yield StatusBar()
