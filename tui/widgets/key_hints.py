"""The line of hints: which keys work here."""

from textual.content import Content

from tui.keymap import Place, keys_of
from tui.widgets.text import Text


class KeyHints(Text):
    """Made from the keymap, so that it cannot say what no key does."""

    DEFAULT_CSS = """
    KeyHints { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *places: Place) -> None:
        super().__init__(hints([(key.shown, key.hint) for key in keys_of(places) if key.hint is not None]))


def hints(pairs: list[tuple[str, str]]) -> Content:
    """Keys in bold, each with its word: for this line and for the foot of a dialogue."""
    return Content("  ").join([Content.assemble((key, "bold $primary"), " ", words) for key, words in pairs])
