"""Another secret for a connection: typed here, kept there, and the one before stays for undo."""

from collections.abc import Sequence
from functools import partial

from pydantic import SecretStr
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from stack_local.client import Client
from stack_local.wire.credentials import RotateCredential
from stack_local.wire.services import Connection, CredentialField
from tui.asking import ask
from tui.format import plural, visible
from tui.messages import Done, Doubted, Refused
from tui.screens.confirm import doubt
from tui.widgets.form_line import FormLine
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.secret_input import LONGEST, SecretInput
from tui.widgets.text import Text


class RotateScreen(ModalScreen[str | None]):
    """Answers with the words of what was done. The secret stands as dots, and leaves with the request alone."""

    CSS_PATH = "rotate.tcss"
    BINDINGS = [("escape", "leave", "Leave it"), ("ctrl+s", "rotate", "Rotate")]  # noqa: RUF012

    def __init__(self, client: Client, connection: Connection, fields: Sequence[CredentialField]) -> None:
        super().__init__()
        self._client = client
        self._connection = connection
        self._lines = [(known, _input(number, known)) for number, known in enumerate(fields)]
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text(Content.assemble(("Rotate ", "bold"), visible(self._connection.name, 40)), id="title")
            yield Text(Content.assemble("To ", visible(", ".join(self._connection.hosts) or "no host", 300)))
            yield Text("The secret before it is kept for undo. Approvals that wait on the connection fall.", id="words")
            for known, typed in self._lines:
                yield FormLine(known.label, typed)
            yield self._notice
            yield Text(hints([("Tab", "next field"), ("^s", "rotate"), ("Esc", "leave it")]))

    def on_mount(self) -> None:
        self._lines[0][1].focus()

    def action_leave(self) -> None:
        """Change nothing."""
        self._forget()
        self.dismiss(None)

    def _forget(self) -> None:
        for _, typed in self._lines:
            typed.value = ""

    @on(Input.Submitted)
    def _next_field(self) -> None:
        if len(self._lines) == 1:
            self.action_rotate()
            return
        self.focus_next()

    def action_rotate(self) -> None:
        """Send it."""
        typed = {known.name: SecretStr(line.value) for known, line in self._lines if line.value}
        if not typed:
            self._notice.refuse(Refused("type the new secret"))
            return
        self._send(RotateCredential(connection_id=self._connection.id, credential=typed))

    @work(exclusive=True, group="rotate")
    async def _send(self, request: RotateCredential) -> None:
        answer = await ask(self._client, request, self.post_message)
        if answer is not None:
            self.post_message(Done(f"rotated; {plural(answer.ended_approvals, 'waiting approval')} fell; z goes back"))

    @on(Done)
    def _end(self, done: Done) -> None:
        self._forget()
        self.dismiss(done.words)

    @on(Doubted)
    def _ask_again(self, doubted: Doubted) -> None:
        self.app.push_screen(doubt(doubted), partial(self._rotate_all_the_same, doubted))

    def _rotate_all_the_same(self, doubted: Doubted, is_sure: bool | None) -> None:
        if not is_sure:
            self._notice.refuse(doubted.refused)
        elif isinstance(doubted.request, RotateCredential):
            self._send(doubted.request)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _input(number: int, known: CredentialField) -> Input:
    shown = f"secret-{number}"
    made = SecretInput(id=shown) if known.secret else Input(id=shown, compact=True, max_length=LONGEST)
    made.placeholder = visible(known.hint, 80).plain
    return made
