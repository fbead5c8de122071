"""Tests of a form's line: what its label may draw, and hiding it with what stands in it."""

from textual.app import App, ComposeResult
from textual.widgets import Input

from tui.widgets.form_line import FormLine, show_line


class OneLine(App[None]):
    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def compose(self) -> ComposeResult:
        yield FormLine(self._label, Input())


async def test_a_label_is_cut_and_draws_nothing_of_its_own() -> None:
    app = OneLine("[bold]Key[/]\x1b[31m" + "x" * 50)
    async with app.run_test():
        label = str(app.query_one(".label").render())
        assert label.startswith("[bold]Key[/]")
        assert "\x1b" not in label
        assert "x" * 50 not in label


async def test_a_line_is_hidden_and_shown_by_what_stands_in_it() -> None:
    app = OneLine("Key")
    async with app.run_test():
        typed, line = app.query_one(Input), app.query_one(FormLine)
        show_line(typed, is_shown=False)
        assert not line.display
        show_line(typed, is_shown=True)
        assert line.display
