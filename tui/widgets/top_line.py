"""The first line: the five screens, and which of them this is."""

from textual.content import Content

from tui.keymap import PLACE_TITLES, Place
from tui.widgets.text import Text

NUMBERED: tuple[Place, ...] = ("approvals", "audit", "passports", "services", "agents")


class TopLine(Text):
    """Names the screens by their keys; the present one stands in brackets."""

    DEFAULT_CSS = """
    TopLine { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; }
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        super().__init__(_words(place, pending=0))

    def show_pending(self, count: int) -> None:
        """Say how many decisions wait."""
        self.show(_words(self._place, pending=count))


def _words(present: Place, *, pending: int) -> Content:
    names: list[Content] = [Content.assemble(("stack_local", "bold $primary"))]
    for place in NUMBERED:
        waits = f" ({pending})" if place == "approvals" and pending else ""
        title = PLACE_TITLES[place] + waits
        style = "bold reverse" if place == present else "$foreground-muted"
        names.append(Content.assemble((f"[{title}]" if place == present else f" {title} ", style)))
    return Content(" ").join(names)
