"""Help: every key, made from the keymap."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from tui.keymap import PLACE_TITLES, keys_of
from tui.widgets.key_hints import hints
from tui.widgets.text import Text


class HelpScreen(ModalScreen[None]):
    """The table of keys, by place."""

    CSS_PATH = "help.tcss"
    BINDINGS = [("escape,q,question_mark", "leave", "Back")]  # noqa: RUF012 (Textual reads it as it is)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialogue"):
            yield Text(_table())
        yield Text(hints([("↑↓", "scroll"), ("Esc", "back")]), id="keys")

    def on_mount(self) -> None:
        self.query_one("#dialogue").focus()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def _table() -> Content:
    lines: list[Content] = []
    for place, title in PLACE_TITLES.items():
        lines.append(Content.assemble((title, "bold $primary")))
        lines += [Content.assemble("  ", (f"{key.shown:<6}", "bold"), key.words) for key in keys_of([place])]
        lines.append(Content(""))
    lines.append(
        Content(
            "In a list: Enter reads, Tab goes back. In a dialogue: Enter takes what is marked, Esc decides nothing."
        )
    )
    return Content("\n").join(lines)
