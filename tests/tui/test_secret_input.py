"""Tests of the field for a secret."""

from textual.app import App, ComposeResult
from textual.events import Paste

from tui.widgets.secret_input import SecretInput

KEY = "-----BEGIN KEY-----\nMIIE\n-----END KEY-----"


class OneField(App[None]):
    def compose(self) -> ComposeResult:
        yield SecretInput(id="secret")


async def test_a_key_of_many_lines_is_pasted_whole_and_once() -> None:
    app = OneField()
    async with app.run_test() as pilot:
        field = app.query_one(SecretInput)
        field.post_message(Paste(KEY + "\n"))
        await pilot.pause()
        assert field.value == KEY
        assert field.password
