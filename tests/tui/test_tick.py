"""Tests that a ticked box is told from an empty one without its color."""

from textual.app import App, ComposeResult

from tui.widgets.tick import Tick


class Boxes(App[None]):
    """Two boxes."""

    def compose(self) -> ComposeResult:
        yield Tick("on", value=True, id="on")
        yield Tick("off", id="off")


async def test_a_ticked_box_has_another_sign() -> None:
    app = Boxes()
    async with app.run_test() as pilot:
        on, off = app.query_one("#on", Tick), app.query_one("#off", Tick)
        assert (on.BUTTON_INNER, off.BUTTON_INNER) == ("X", " ")
        on.toggle()
        await pilot.pause()
        assert on.BUTTON_INNER == " "
