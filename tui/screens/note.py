"""Saying no, or not yet: send back with a note, reject, reject and block."""

from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from stack_local.wire.decisions import PendingDecision, RejectDecision
from stack_local.wire.intents import RejectIntent, SendBackIntent
from tui.calls import where
from tui.format import fitted, visible
from tui.pending import AskedCall, DecisionRequest, Pending
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.text import Text

NOTE_CHARACTERS = 1000
BLOCK_WORD = "block"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to say no: its words, and the request that a note makes of it."""

    title: Content
    consequence: Content
    needs_note: bool
    typed_word: str | None
    request: Callable[[str | None], DecisionRequest]


def send_back(pending: Pending) -> Refusal:
    """Not yet: the agent may ask better."""
    return Refusal(
        title=Content.assemble(("Send back: ", "bold"), _subject(pending)),
        consequence=Content("Nothing is revoked. The agent reads your note and may submit a better call."),
        needs_note=True,
        typed_word=None,
        request=lambda note: SendBackIntent(approval_id=pending.id, notes=note or ""),
    )


def reject(pending: Pending) -> Refusal:
    """No."""
    if isinstance(pending.item, PendingDecision):
        return Refusal(
            title=Content.assemble(("Reject: ", "bold"), _subject(pending)),
            consequence=_falls(pending),
            needs_note=False,
            typed_word=None,
            request=lambda note: RejectDecision(approval_id=pending.id, notes=note),
        )
    return Refusal(
        title=Content.assemble(("Reject: ", "bold"), _subject(pending)),
        consequence=_falls(pending),
        needs_note=False,
        typed_word=None,
        request=lambda note: RejectIntent(approval_id=pending.id, notes=note),
    )


def reject_and_block(pending: Pending) -> Refusal:
    """No, and no more."""
    return Refusal(
        title=Content.assemble(("Reject and block: ", "bold"), _subject(pending)),
        consequence=_falls(pending) + " It gets no other until you unblock it.",
        needs_note=False,
        typed_word=BLOCK_WORD,
        request=lambda note: RejectIntent(approval_id=pending.id, notes=note, block_future=True),
    )


def _subject(pending: Pending) -> Content:
    match pending.item:
        case AskedCall() as asked:
            return Content.assemble(where(asked.call), " ", fitted(asked.call.path, 40))
        case PendingDecision() as decision:
            return fitted(decision.summary, 60)


def _falls(pending: Pending) -> Content:
    match pending.item:
        case AskedCall() as asked:
            agent = visible(asked.approval.agent_name, 40)
            return Content.assemble(
                "The passport of ", agent, " is revoked, with all it delegated; what else waits in its session falls. "
                "It may ask for another passport: B blocks it.",
            )  # fmt: skip
        case PendingDecision():
            return Content("The controls stay as they are. Nothing is revoked.")


class NoteScreen(ModalScreen[DecisionRequest | None]):
    """Takes the note, and answers with the request to send."""

    CSS_PATH = "note.tcss"
    BINDINGS = [("escape", "leave", "Leave without deciding")]  # noqa: RUF012 (Textual reads it as it is)

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal
        self._note = Input(id="note", compact=True, max_length=NOTE_CHARACTERS)
        self._word = Input(id="word", compact=True, max_length=20)
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text(self._refusal.title, id="title")
            yield Text(self._refusal.consequence, id="consequence")
            yield Text("Note to the agent:" if self._refusal.needs_note else "Note to the agent, if you like:")
            yield self._note
            if self._refusal.typed_word is not None:
                yield Text(f"Type {self._refusal.typed_word} to go on:", id="ask-word")
                yield self._word
            yield self._notice
            yield Text(hints([("Enter", "next, then do it"), ("Esc", "decide nothing")]))

    def on_mount(self) -> None:
        self._note.focus()

    def action_leave(self) -> None:
        """Decide nothing."""
        self.dismiss(None)

    @on(Input.Submitted, "#note")
    def _take_note(self) -> None:
        if self._refusal.needs_note and not self._note.value.strip():
            self._notice.warn("say what should be different")
            return
        if self._refusal.typed_word is not None:
            self._word.focus()
            return
        self._finish()

    @on(Input.Submitted, "#word")
    def _take_word(self) -> None:
        if self._word.value.strip() != self._refusal.typed_word:
            self._notice.warn(f"type {self._refusal.typed_word}, or press Esc")
            return
        self._finish()

    def _finish(self) -> None:
        self.dismiss(self._refusal.request(self._note.value.strip() or None))
