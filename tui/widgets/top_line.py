"""The first line: the six screens, and which of them this is."""

from collections.abc import Mapping

from textual.content import Content
from textual.events import Resize

from tui.keymap import PLACE_TITLES, Place
from tui.widgets.text import Text

NUMBERED: tuple[Place, ...] = ("approvals", "audit", "passports", "services", "agents", "clients")

NAMED_FROM_WIDTH = 100
"""A narrower line has room for the screens alone."""


class TopLine(Text):
    """Names the screens by their keys; the present one stands in brackets."""

    DEFAULT_CSS = """
    TopLine { height: 1; background: $panel; text-wrap: nowrap; }
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._waiting: Mapping[Place, int] = {}
        super().__init__(_words(place, {}, is_named=False))

    def show_waiting(self, counts: Mapping[Place, int]) -> None:
        """Say on which screens how many decisions wait."""
        self._waiting = counts
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        self.show(_words(self._place, self._waiting, is_named=self.app.size.width >= NAMED_FROM_WIDTH))


def _words(present: Place, waiting: Mapping[Place, int], *, is_named: bool) -> Content:
    names: list[Content] = [Content.assemble((" stack_local ", "bold $primary"))] if is_named else []
    for place in NUMBERED:
        waits = f" ({waiting[place]})" if waiting.get(place) else ""
        title = PLACE_TITLES[place] + waits
        style = "bold reverse" if place == present else "$foreground-muted"
        names.append(Content.assemble((f"[{title}]" if place == present else f" {title} ", style)))
    return Content("").join(names)
