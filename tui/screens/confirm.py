"""A question before something that cannot be taken back; the focus starts on no."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from tui.format import visible
from tui.messages import Doubted
from tui.widgets.key_hints import hints
from tui.widgets.text import Text


class ConfirmScreen(ModalScreen[bool]):
    """Answers yes only to the button; where a word is asked, only once it is typed."""

    CSS_PATH = "confirm.tcss"
    BINDINGS = [  # noqa: RUF012 (Textual reads it as it is)
        ("escape", "leave", "No"),
        ("left", "app.focus_previous", ""),
        ("right", "app.focus_next", ""),
    ]

    def __init__(self, title: str, words: Content, *, yes: str, typed_word: str | None = None) -> None:
        super().__init__()
        self._title = title
        self._words = words
        self._typed_word = typed_word
        self._no = Button("No, leave it", id="no", compact=True)
        self._yes = Button(yes, id="yes", compact=True, disabled=typed_word is not None)
        self._input = Input(id="word", compact=True, max_length=40)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text(self._title, id="title")
            yield Text(self._words, id="words")
            if self._typed_word is not None:
                yield Text(Content.assemble("Type ", visible(self._typed_word, 64).stylize("bold"), " to go on:"))
                yield self._input
            with Horizontal(id="buttons"):
                yield self._no
                yield self._yes
            yield Text(hints([("Tab", "to the other"), ("Enter", "take it"), ("Esc", "no")]))

    def on_mount(self) -> None:
        (self._no if self._typed_word is None else self._input).focus()

    def action_leave(self) -> None:
        """No."""
        self.dismiss(False)

    @on(Input.Changed)
    def _match_word(self, event: Input.Changed) -> None:
        self._yes.disabled = event.value.strip() != self._typed_word

    @on(Input.Submitted)
    def _go_to_button(self) -> None:
        (self._no if self._yes.disabled else self._yes).focus()

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(event.button is self._yes)


def doubt(doubted: Doubted) -> ConfirmScreen:
    """The second question, in the words of the refusal: only a person can say that it is right all the same."""
    hint = doubted.refused.hint
    words = Content("\n").join([visible(doubted.refused.words, 400), visible(hint or "", 300)])
    return ConfirmScreen("Refused. Is it right all the same?", words, yes="It is right")
