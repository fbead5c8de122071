"""First-run set-up: a passphrase twice, then the recovery code, shown once and confirmed by typing a part of it."""

import hmac
from typing import ClassVar

from pydantic import SecretStr
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Input

from stack_local.client import Client
from stack_local.domain.errors import StackError
from stack_local.system import System
from stack_local.wire.vault import CreateVault
from tui.asking import open_session, refusal
from tui.format import visible
from tui.messages import Refused, SessionOpened, VaultCreated
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.text import Text

PASSPHRASE_CHARACTERS = 12
"""The least we take; the appliance may ask for more."""

WELCOME = (
    "No vault is here yet. It will hold your credentials on this machine, sealed under a passphrase.\n"
    "Agents get passports and approvals, never a credential."
)
LOST = "Nobody can reset the passphrase. If you lose it and the recovery code, everything in the vault is lost."
KEEP = "Your recovery code. Write it on paper now: it is shown this once, and opens the vault without the passphrase."


class SetupScreen(Screen[None]):
    """Two steps; there is no way around the second."""

    class Finished(Message):
        """The vault exists and a session is open."""

    CSS_PATH = "setup.tcss"
    ALLOW_SELECT: ClassVar[bool] = True

    def __init__(self, client: Client, system: System) -> None:
        super().__init__()
        self._client = client
        self._system = system
        self._groups: list[str] = []
        self._asked = 0
        self._first = Input(password=True, id="first", compact=True, max_length=4096)
        self._second = Input(password=True, id="second", compact=True, max_length=4096)
        self._code = Text(id="code")
        self._question = Text(id="question")
        self._typed = Input(id="typed", compact=True, max_length=64)
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Text("stack_local · set up", id="name")
            with ContentSwitcher(initial="passphrase"):
                with Vertical(id="passphrase"):
                    yield Text(WELCOME)
                    yield Text(LOST, classes="warning")
                    yield Text(f"Passphrase, at least {PASSPHRASE_CHARACTERS} characters; several words are best")
                    yield self._first
                    yield Text("The same again")
                    yield self._second
                with Vertical(id="recovery"):
                    yield Text(KEEP)
                    yield self._code
                    yield self._question
                    yield self._typed
            yield self._notice
            yield Text(hints([("Enter", "next"), ("^q", "quit")]))

    def on_mount(self) -> None:
        self._first.focus()

    @on(Input.Submitted, "#first")
    def _to_second(self) -> None:
        self._second.focus()

    @on(Input.Submitted, "#second")
    def _check_passphrase(self) -> None:
        if len(self._first.value) < PASSPHRASE_CHARACTERS:
            self._ask_again(f"use at least {PASSPHRASE_CHARACTERS} characters")
            return
        if not hmac.compare_digest(self._first.value.encode(), self._second.value.encode()):
            self._ask_again("the two are not the same; type both again")
            return
        self._notice.tell("making the vault… this takes a moment on purpose")
        self._second.disabled = True
        self._create(SecretStr(self._first.value))

    def _ask_again(self, why: str) -> None:
        self._first.value = self._second.value = ""
        self._first.focus()
        self._notice.warn(why)

    @work(exclusive=True)
    async def _create(self, passphrase: SecretStr) -> None:
        try:
            created = await self._client.call(CreateVault(passphrase=passphrase))
            try:
                self.post_message(SessionOpened(await open_session(self._client, passphrase)))
            finally:
                # Last, so that nobody is through before the session is there; and whatever became of it.
                self.post_message(VaultCreated(created))
        except StackError as refused:
            self.post_message(refusal(refused))

    @on(Refused)
    def _tell(self, refused: Refused) -> None:
        refused.stop()
        self._second.disabled = False
        self._notice.refuse(refused)

    @on(VaultCreated)
    def _show_code(self, message: VaultCreated) -> None:
        code = message.created.recovery_code.get_secret_value()
        self._first.value = self._second.value = ""
        self._groups = code.split("-")
        self._asked = self._system.random_bytes(1)[0] % len(self._groups)
        half = -(-len(self._groups) // 2)
        rows = [" - ".join(self._groups[:half]) + " -", " - ".join(self._groups[half:])]
        self._code.show(Content("\n").join([visible(row) for row in rows]))
        self._question.show(f"Type group {self._asked + 1} of {len(self._groups)}, counted from the left, to go on:")
        self.query_one(ContentSwitcher).current = "recovery"
        self._notice.tell("the vault is made")
        self._typed.focus()

    @on(Input.Submitted, "#typed")
    def _check_group(self) -> None:
        typed = self._typed.value.strip().upper()
        self._typed.value = ""
        if not hmac.compare_digest(typed.encode(), self._groups[self._asked].encode()):
            self._notice.warn(f"that is not group {self._asked + 1}; read it from your paper")
            return
        self._groups = []
        self._code.show("")
        self.post_message(self.Finished())
