"""Unlocking: the passphrase, or the recovery code, for an operator session."""

from pydantic import SecretStr
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from stack_local.client import Client
from stack_local.domain import errors
from stack_local.domain.errors import StackError
from stack_local.wire.vault import UnlockVault
from tui.asking import open_session, refusal
from tui.messages import Refused, SessionOpened
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.text import Text

BY_PASSPHRASE, BY_CODE = "Passphrase", "Recovery code"


class UnlockScreen(Screen[None]):
    """Covers whatever was there until a session is open; then one is where one was."""

    class Finished(Message):
        """A session is open."""

    CSS_PATH = "unlock.tcss"
    BINDINGS = [("ctrl+r", "other_way", "Use the recovery code, or the passphrase again")]  # noqa: RUF012

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._uses_code = False
        self._label = Text(BY_PASSPHRASE, id="label")
        self._secret = Input(password=True, id="secret", compact=True, max_length=4096)
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Text("stack_local", id="name")
            yield Text("Until you unlock it, no call goes out and nothing is decided.", id="why")
            yield self._label
            yield self._secret
            yield self._notice
            yield Text(hints([("Enter", "unlock"), ("^r", "use the recovery code"), ("^q", "quit")]))

    def on_mount(self) -> None:
        self._secret.focus()

    def action_other_way(self) -> None:
        """Change between passphrase and recovery code."""
        self._uses_code = not self._uses_code
        self._label.show(BY_CODE if self._uses_code else BY_PASSPHRASE)
        self._secret.value = ""

    @on(Input.Submitted)
    def _try(self) -> None:
        if not self._secret.value or self._secret.disabled:
            return
        self._notice.tell("opening… this takes a second on purpose")
        self._secret.disabled = True
        self._unlock(SecretStr(self._secret.value))

    @work(exclusive=True)
    async def _unlock(self, secret: SecretStr) -> None:
        try:
            if self._uses_code:
                session = await self._client.call(UnlockVault(recovery_code=secret))
            else:
                session = await open_session(self._client, secret)
        except errors.Unauthorized as refused:
            self.post_message(Refused(refused.message or "that does not open the vault", _wait(refused)))
        except StackError as refused:
            self.post_message(refusal(refused))
        else:
            self.post_message(SessionOpened(session))
            self.post_message(self.Finished())

    @on(Refused)
    def _tell(self, refused: Refused) -> None:
        refused.stop()
        self._secret.disabled = False
        self._secret.value = ""
        self._secret.focus()
        self._notice.refuse(refused)


def _wait(refused: StackError) -> str | None:
    seconds = refused.details.get("retry_after_seconds")
    return f"try again in {seconds} s" if isinstance(seconds, int) else None
