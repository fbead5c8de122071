"""The yes: once, a number of times, for a time, or for the session, with the sentence of what will happen."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList

from stack_local.domain.approvals import MAX_USES, MAX_VALID_SECONDS, Breadth
from stack_local.system import System
from stack_local.wire.decisions import ApproveDecision, PendingDecision
from stack_local.wire.intents import ApproveIntent, CallEdits
from tui.arming import Arming
from tui.calls import bound, where, will_happen
from tui.differences import changes
from tui.edits import apply
from tui.format import fitted
from tui.pending import AskedCall, DecisionRequest, Pending
from tui.screens.confirm import ConfirmScreen
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.text import Text

DEFAULT_USES = 3
DEFAULT_MINUTES = 15
CHOICES: dict[str, str] = {
    Breadth.ONCE: "Approve once",
    Breadth.USES: "Approve N times…",
    Breadth.TIME: "Approve for a time…",
    Breadth.SESSION: "Approve for the session…",
}
NO = "no"
EDITS_SHOWN = 5


class ApproveDialogue(ModalScreen[DecisionRequest | None]):
    """Answers with the request to send. The narrowest yes comes first; wider ones take another step."""

    CSS_PATH = "approve_dialogue.tcss"
    BINDINGS = [("escape", "leave", "Leave without deciding")]  # noqa: RUF012 (Textual reads it as it is)

    def __init__(self, pending: Pending, system: System, *, is_seen: bool, edits: CallEdits | None = None) -> None:
        super().__init__()
        self._pending = pending
        self._system = system
        self._is_seen = is_seen
        self._edits = edits
        self._arming = Arming(system)
        self._choices = RowList(id="choices")
        self._number = Input(id="number", type="integer", compact=True, max_length=4)
        self._sentence = Text(id="sentence")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text(self._title(), id="title")
            yield Text(self._edited(), id="edited")
            yield Text(self._unseen(), id="unseen")
            yield self._choices
            yield self._number
            yield self._sentence
            yield self._notice
            yield Text(hints([("↑↓", "choose"), ("Enter", "take it"), ("Esc", "decide nothing")]))

    def on_mount(self) -> None:
        for text in self.query("#edited, #unseen").results(Text):
            text.display = bool(text.plain)
        self._number.display = False
        self._choices.show_rows([Row(name, Content(words)) for name, words in self._names().items()])
        self._choices.highlighted = 0
        self._choices.focus()

    def action_leave(self) -> None:
        """Decide nothing."""
        self.dismiss(None)

    def _title(self) -> Content:
        match self._pending.item:
            case AskedCall() as asked:
                path = fitted(asked.call.path, 60)
                return Content.assemble("Approve ", where(asked.call), "\n", path, "\n", bound(asked))
            case PendingDecision() as decision:
                return Content.assemble(("Allow: ", "bold"), fitted(decision.summary, 60))

    def _edited(self) -> Content:
        match self._pending.item, self._edits:
            case AskedCall() as asked, CallEdits() as edits:
                found = list(changes(asked.call, apply(asked.call, edits)))
                lines = [Content.assemble("  ", change.in_words()) for change in found[:EDITS_SHOWN]]
                more = [Content(f"  … (+{len(found) - EDITS_SHOWN} changes)")] if len(found) > EDITS_SHOWN else []
                return Content("\n").join([Content.assemble(("With your edits:", "bold")), *lines, *more])
            case _:
                return Content("")

    def _unseen(self) -> Content:
        if self._is_seen:
            return Content("")
        return Content.assemble(
            ("! You have not seen all of it.", "bold $warning"), " Space scrolls, x shows every byte."
        )

    def _names(self) -> dict[str, str]:
        if isinstance(self._pending.item, PendingDecision):
            return {Breadth.ONCE: "Approve, and carry it out now", NO: "Decide nothing"}
        return {**CHOICES, NO: "Decide nothing"}

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        self._number.display = False
        self._sentence.show(self._will_happen(self._chosen))

    @property
    def _chosen(self) -> str:
        return self._choices.selected_id or NO

    def _will_happen(self, chosen: str) -> Content:
        if chosen == NO:
            return Content("It goes on waiting.")
        match self._pending.item:
            case AskedCall() as asked:
                breadth, number = Breadth(chosen), self._typed_number(chosen)
                return will_happen(asked, breadth, self._system.now(), uses=number, minutes=number)
            case PendingDecision():
                return Content("The change is made at once, as you.")

    def _typed_number(self, chosen: str) -> int:
        default = DEFAULT_USES if chosen == Breadth.USES else DEFAULT_MINUTES
        return int(self._number.value) if self._number.display and self._number.value.isdigit() else default

    @on(OptionList.OptionSelected)
    def _choose(self) -> None:
        if not self._arming.is_armed:
            self._notice.warn("arming… read the sentence, then press Enter again")
            return
        match self._chosen:
            case Breadth.USES | Breadth.TIME:
                self._ask_number()
            case Breadth.SESSION:
                self._confirm("This is the widest yes there is.")
            case Breadth.ONCE:
                self._finish()
            case _:
                self.dismiss(None)

    def _ask_number(self) -> None:
        self._number.display = True
        is_uses = self._chosen == Breadth.USES
        self._number.value = str(DEFAULT_USES if is_uses else DEFAULT_MINUTES)
        self._number.border_title = "How many times" if is_uses else "How many minutes"
        self._number.focus()
        self._notice.warn(f"type how many {'times, 1 to 100' if is_uses else 'minutes, 1 to 1440'}, then Enter")

    @on(Input.Changed)
    def _describe_number(self) -> None:
        self._sentence.show(self._will_happen(self._chosen))

    @on(Input.Submitted)
    def _take_number(self) -> None:
        largest = MAX_USES if self._chosen == Breadth.USES else MAX_VALID_SECONDS // 60
        if not self._number.value.isdigit() or not 1 <= int(self._number.value) <= largest:
            self._notice.warn(f"a number from 1 to {largest}")
            return
        self._finish()

    def _finish(self) -> None:
        if self._is_seen:
            self.dismiss(self._request())
            return
        self._confirm("You have not seen all of what would be sent.")

    def _confirm(self, warning: str) -> None:
        words = Content("\n\n").join([Content(warning), self._will_happen(self._chosen)])
        self.app.push_screen(ConfirmScreen("Approve all the same?", words, yes="Approve"), self._take_confirmation)

    def _take_confirmation(self, is_sure: bool | None) -> None:
        if is_sure:
            self.dismiss(self._request())

    def _request(self) -> DecisionRequest:
        match self._pending.item:
            case PendingDecision() as decision:
                return ApproveDecision(approval_id=decision.id)
            case AskedCall() as asked:
                breadth, number = Breadth(self._chosen), self._typed_number(self._chosen)
                return ApproveIntent(
                    approval_id=asked.id,
                    digest=asked.call.digest,
                    breadth=breadth,
                    uses=number if breadth is Breadth.USES else None,
                    valid_seconds=number * 60 if breadth is Breadth.TIME else None,
                    edits=self._edits,
                )
