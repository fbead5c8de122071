"""Approvals: the queue of what waits for a person, the exact call, and the ways to answer."""

from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import OptionList

from stack_local.client import Client
from stack_local.system import System
from stack_local.wire.decisions import ApproveDecision, ListPendingDecisions, PendingDecision, RejectDecision
from stack_local.wire.intents import CallEdits, IntentApproval, ListIntents
from tui.arming import Arming
from tui.asking import ask
from tui.format import duration
from tui.keymap import Place, bindings
from tui.messages import Done, QueueLoaded, Refused
from tui.pending import AskedCall, DecisionRequest, Pending, oldest_first, queue_head
from tui.screens.approve_dialogue import ApproveDialogue
from tui.screens.bytes import BytesScreen
from tui.screens.edit import EditScreen
from tui.screens.note import NoteScreen, reject, reject_and_block, send_back
from tui.widgets.detail import PendingDetail
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

PAGE = 100
"""Rows of the queue; what is beyond them comes up as these are decided."""

ARMING_LOOK_SECONDS = 0.1
MARGIN = 4
"""Cells of a line that are not the row's: the cursor's sign, the scroll bar, and one to breathe."""

EMPTY = "Nothing waits.\n\nAgents ask with stack_submit_intent, or by a call that needs your yes."


class ApprovalsScreen(Screen[None]):
    """Nothing here decides on one key: every decision opens a dialogue that is bound to what was shown."""

    CSS_PATH = "approvals.tcss"
    BINDINGS = bindings("approvals", "main")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 (Textual reads it as it is)
    places: tuple[Place, ...] = ("approvals", "main")

    def __init__(self, client: Client, system: System) -> None:
        super().__init__()
        self._client = client
        self._system = system
        self._arming = Arming(system)
        self._waiting: dict[str, Pending] = {}
        self._drawn: dict[str, tuple[tuple[str, str, str, int], Row]] = {}
        self._shown: Pending | None = None
        self._seen_bindings: set[tuple[str, str]] = set()
        self._head = Text(id="head")
        self._queue = RowList(id="queue")
        self._list = Vertical(id="waiting")
        self._empty = Text(EMPTY, id="empty")
        self._detail = PendingDetail()
        self._notice = Notice()
        self._look: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TopLine("approvals")
        with Vertical(id="work"):
            with self._list:
                yield self._head
                yield self._queue
            yield self._empty
            yield self._detail
        yield self._notice
        yield KeyHints("approvals", "main")
        yield StatusBar()

    def on_mount(self) -> None:
        self._queue.focus()
        self._look = self.set_interval(ARMING_LOOK_SECONDS, self._look_again)
        self.set_interval(1, self._tick)
        self._draw()

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask again what waits."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        intents = await ask(self._client, ListIntents(limit=PAGE), self.post_message)
        decisions = await ask(self._client, ListPendingDecisions(), self.post_message)
        if intents is not None and decisions is not None:
            self.post_message(QueueLoaded(intents.items, decisions.items))

    @on(QueueLoaded)
    def _take_queue(self, loaded: QueueLoaded) -> None:
        found = oldest_first(loaded.intents, loaded.decisions)
        self._waiting = {pending.id: pending for pending in found}
        self._drawn = {known: drawn for known, drawn in self._drawn.items() if known in self._waiting}
        self._draw()

    def _tick(self) -> None:
        if self.is_current:
            self._draw()

    @on(OptionList.OptionSelected)
    def _read(self) -> None:
        self._detail.take_focus()

    @on(OptionList.OptionHighlighted)
    def _follow_cursor(self) -> None:
        self._show_selected()

    @on(Resize)
    def _fit(self) -> None:
        self._detail.forget()
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = max(40, self.size.width - MARGIN)
        self._queue.show_rows([self._row_of(pending, width) for pending in self._waiting.values()])
        self._head.show(Content(queue_head(width)))
        self._empty.display = not self._waiting
        self._list.display = self._detail.display = bool(self._waiting)
        self._show_selected()

    def _row_of(self, pending: Pending, width: int) -> Row:
        """The row, drawn anew only when its words change: this runs every second for the whole queue."""
        left = duration((pending.item.expires_at - self._system.now()).total_seconds())
        drawn_for = (*pending.binding, left, width)
        if (known := self._drawn.get(pending.id)) is None or known[0] != drawn_for:
            self._drawn[pending.id] = (drawn_for, Row(pending.id, pending.row(left, width)))
        return self._drawn[pending.id][1]

    def _show_selected(self) -> None:
        self._shown = self._waiting.get(self._queue.selected_id or "")
        self._arming.show(self._shown and (self._shown.binding, self._queue.selected_index))
        self._detail.show_pending(self._shown, self._system.now(), is_armed=self._arming.is_armed)
        if self._look is not None:
            self._look.resume()

    def _look_again(self) -> None:
        """Take the word "arming" away as soon as it is over, and then stop looking."""
        self._detail.show_pending(self._shown, self._system.now(), is_armed=self._arming.is_armed)
        if self._arming.is_armed and self._look is not None:
            self._look.pause()

    def _decidable(self) -> Pending | None:
        """What is on the screen, if it has stood there long enough."""
        if self._shown is None:
            return None
        if not self._arming.is_armed or self._queue.selected_id != self._shown.id:
            self._notice.warn("arming… this row has just appeared, moved or changed; look, then press again")
            return None
        return self._shown

    def _is_seen(self, pending: Pending) -> bool:
        return pending.binding in self._seen_bindings or self._detail.is_seen

    def action_approve(self) -> None:
        """Ask how far the yes reaches."""
        if (pending := self._decidable()) is not None:
            self._open(ApproveDialogue(pending, self._system, is_seen=self._is_seen(pending)))

    def action_edit(self) -> None:
        """Edit the call, and then ask as for any yes."""
        match self._decidable():
            case Pending(item=AskedCall() as asked) as pending:
                self.app.push_screen(EditScreen(asked.call), partial(self._approve_edited, pending))
            case Pending():
                self._notice.warn("a change of controls cannot be edited: reject it and say what you want")

    def _approve_edited(self, pending: Pending, edits: CallEdits | None) -> None:
        if edits is not None:
            self._open(ApproveDialogue(pending, self._system, is_seen=self._is_seen(pending), edits=edits))

    def action_send_back(self) -> None:
        """Return the call with a note."""
        match self._decidable():
            case Pending(item=AskedCall()) as pending:
                self._open(NoteScreen(send_back(pending)))
            case Pending():
                self._notice.warn("a change of controls is approved or rejected")

    def action_reject(self) -> None:
        """Refuse it."""
        if (pending := self._decidable()) is not None:
            self._open(NoteScreen(reject(pending)))

    def action_reject_and_block(self) -> None:
        """Refuse it, and the agent with it."""
        match self._decidable():
            case Pending(item=AskedCall()) as pending:
                self._open(NoteScreen(reject_and_block(pending)))
            case Pending():
                self._notice.warn("only a call's agent can be blocked: press r to reject this")

    def action_bytes(self) -> None:
        """Show every byte of what is on the screen."""
        if self._shown is not None:
            self.app.push_screen(BytesScreen(self._shown), partial(self._note_seen, self._shown.binding))

    def _note_seen(self, binding: tuple[str, str], reached_end: bool | None) -> None:
        if reached_end:
            self._seen_bindings.add(binding)

    def action_read_on(self) -> None:
        """Scroll the detail."""
        self._detail.read_on()

    def _open(self, dialogue: ApproveDialogue | NoteScreen) -> None:
        self.app.push_screen(dialogue, self._send)

    def _send(self, request: DecisionRequest | None) -> None:
        if request is not None:
            self._decide(request)

    @work(group="decide")
    async def _decide(self, request: DecisionRequest) -> None:
        answer: IntentApproval | PendingDecision | None
        if isinstance(request, ApproveDecision | RejectDecision):
            answer = await ask(self._client, request, self.post_message)
        else:
            answer = await ask(self._client, request, self.post_message)
        if answer is not None:
            self.post_message(Done(_decided(request, answer)))
        self._load()

    @on(Done)
    def _tell_done(self, done: Done) -> None:
        self._notice.tell(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        self._notice.refuse(refused)


def _decided(request: DecisionRequest, answer: IntentApproval | PendingDecision) -> str:
    """What was decided, and of which call: another one may stand under the cursor by now."""
    words = DECIDED[type(request).__name__]
    if isinstance(answer, IntentApproval) and answer.call is not None:
        return f"{words} · {answer.call.method} {answer.call.path}"
    return words


DECIDED: dict[str, str] = {
    "ApproveIntent": "approved",
    "RejectIntent": "rejected; its passport is revoked",
    "SendBackIntent": "sent back with your note",
    "ApproveDecision": "approved and carried out",
    "RejectDecision": "rejected",
}
"""What is said after each decision."""
