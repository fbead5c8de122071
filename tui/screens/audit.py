"""Audit: the log as it grows, newest first, with a filter; and the whole chain verified on demand."""

from datetime import UTC, datetime

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import Input, OptionList

from stack_local.client import Client
from stack_local.domain.audit import Outcome
from stack_local.wire.audit import AuditEntry, ListAudit, VerifyAuditChain
from stack_local.wire.proxy import ListUnsettledWrites, SettleWrite
from tui import in_doubt
from tui.asking import ask
from tui.format import column, fitted, visible
from tui.keymap import Place, bindings
from tui.messages import AuditLoaded, Done, Refused
from tui.screens.choose import ChooseScreen
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

WINDOW = 500
"""Rows kept on the screen; the log itself has all."""

PAGE = 100
SIGNS = {Outcome.SUCCESS: "done", Outcome.FAILURE: "FAILED", Outcome.PENDING: "began", Outcome.BLOCKED: "REFUSED"}
TIME_WIDTH, OUTCOME_WIDTH, ACTION_WIDTH = 14, 7, 22


class AuditScreen(Screen[None]):
    """A window on the end of the chain."""

    CSS_PATH = "audit.tcss"
    BINDINGS = [*bindings("audit", "main"), ("escape", "leave_filter", "Back to the log")]  # noqa: RUF012
    places: tuple[Place, ...] = ("audit", "main")

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._entries: list[AuditEntry] = []
        self._drawn: dict[int, Row] = {}
        self._drawn_width = 0
        self._filter = Input(
            placeholder="filter: words that a row must hold, e.g. proxy refused", id="filter", compact=True
        )
        self._head = Text(id="head")
        self._list = RowList(id="log")
        self._detail = Text(id="entry")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        yield TopLine("audit")
        with Vertical(id="work"):
            yield self._filter
            yield self._head
            yield self._list
            yield self._detail
        yield self._notice
        yield KeyHints("audit", "main")
        yield StatusBar()

    def on_mount(self) -> None:
        self._list.focus()

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask for what is newer than the newest here."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        newest = self._entries[0].sequence if self._entries else None
        page = await ask(self._client, ListAudit(limit=PAGE, after_sequence=newest), self.post_message)
        if page is not None:
            self.post_message(AuditLoaded(page.entries))

    @on(AuditLoaded)
    def _take(self, loaded: AuditLoaded) -> None:
        known = self._entries[0].sequence if self._entries else 0
        fresh = [entry for entry in loaded.entries if entry.sequence > known]
        has_gap = bool(self._entries) and len(fresh) == PAGE and fresh[-1].sequence > known + 1
        self._entries = (fresh if has_gap else [*fresh, *self._entries])[:WINDOW]
        kept = {entry.sequence for entry in self._entries}
        self._drawn = {sequence: row for sequence, row in self._drawn.items() if sequence in kept}
        self._draw()

    @on(Input.Changed, "#filter")
    @on(Resize)
    def _draw(self) -> None:
        width = max(40, self.size.width - 4)
        words = self._filter.value.casefold().split()
        shown = [entry for entry in self._entries if _holds(entry, words)]
        is_at_top = not self._list.selected_index
        self._list.show_rows([self._row_of(entry, width) for entry in shown])
        if is_at_top and shown:
            self._list.highlighted = 0
        self._head.show(_head(len(shown), len(self._entries)))
        self._show_entry()

    def _row_of(self, entry: AuditEntry, width: int) -> Row:
        """The row, drawn once: an entry never changes."""
        if self._drawn_width != width:
            self._drawn, self._drawn_width = {}, width
        if entry.sequence not in self._drawn:
            self._drawn[entry.sequence] = Row(str(entry.sequence), _row(entry, width))
        return self._drawn[entry.sequence]

    @on(OptionList.OptionHighlighted)
    def _show_entry(self) -> None:
        entry = next((known for known in self._entries if str(known.sequence) == self._list.selected_id), None)
        self._detail.show(Content("Nothing recorded yet.") if entry is None else _in_full(entry))

    @on(Input.Submitted, "#filter")
    def action_leave_filter(self) -> None:
        """From the filter back to the rows."""
        self._list.focus()

    def action_filter(self) -> None:
        """Type what rows must hold."""
        self._filter.focus()

    @work(exclusive=True, group="verify")
    async def action_verify(self) -> None:
        """Recompute the chain."""
        verdict = await ask(self._client, VerifyAuditChain(), self.post_message)
        if verdict is None:
            return
        if verdict.ok:
            self.post_message(Done(f"the chain holds: {verdict.checked} entries up to #{verdict.head.sequence}"))
            return
        self.post_message(Refused(f"the chain BREAKS at #{verdict.first_break}: {verdict.reason}"))

    @work(exclusive=True, group="outcomes")
    async def action_outcomes(self) -> None:
        """Ask which writes are in doubt, and let a person say what became of one."""
        answer = await ask(self._client, ListUnsettledWrites(), self.post_message)
        if answer is None:
            return
        if not answer.items:
            self.post_message(Done("no write is in doubt"))
            return
        writes = {write.operation_id: write for write in answer.items}
        rows = {operation_id: in_doubt.row(write) for operation_id, write in writes.items()}
        chosen = await self.app.push_screen_wait(
            ChooseScreen(Content("Writes whose outcome nobody knows"), rows, first=None)
        )
        if chosen is None:
            return
        question = ChooseScreen(in_doubt.question(writes[chosen]), in_doubt.CHOICES, first=None)
        said = await self.app.push_screen_wait(question)
        if said is not None:
            await self._settle(chosen, happened=said == in_doubt.HAPPENED)

    async def _settle(self, operation_id: str, *, happened: bool) -> None:
        request = SettleWrite(operation_id=operation_id, happened=happened)
        if await ask(self._client, request, self.post_message) is not None:
            self.post_message(Done(f"noted: it {'happened' if happened else 'did not happen'}"))

    @on(Done)
    def _tell(self, done: Done) -> None:
        self._notice.tell(done.words)


def _holds(entry: AuditEntry, words: list[str]) -> bool:
    fields = (entry.action, entry.outcome, SIGNS[entry.outcome], entry.actor, entry.agent_id, entry.subject)
    text = " ".join([*(field or "" for field in fields), entry.error_code or ""]).casefold()
    return all(word in text for word in words)


def _head(shown: int, held: int) -> str:
    columns = f"  {'when':<{TIME_WIDTH}} {'how':<{OUTCOME_WIDTH}} {'action':<{ACTION_WIDTH}} on what"
    return columns if shown == held else f"{columns}   ({shown} of the last {held})"


def _row(entry: AuditEntry, width: int) -> Content:
    when = datetime.fromtimestamp(entry.timestamp / 1000, UTC).astimezone()
    sign = SIGNS[entry.outcome]
    room = width - TIME_WIDTH - OUTCOME_WIDTH - ACTION_WIDTH - 3
    parts = [
        Content(f"{when:%m-%d %H:%M:%S}"),
        Content.assemble((f"{sign:<{OUTCOME_WIDTH}}", "bold" if sign.isupper() else "")),
        column(fitted(entry.action, ACTION_WIDTH), ACTION_WIDTH),
        fitted(entry.subject or "", room),
    ]
    return Content(" ").join(parts)


def _in_full(entry: AuditEntry) -> Content:
    who = Content.assemble(("by ", "$foreground-muted"), visible(entry.actor, 60))
    if entry.decided_by is not None:
        who = Content.assemble(who, (" · decided by ", "$foreground-muted"), visible(entry.decided_by, 60))
    chain = f"#{entry.sequence} · {entry.entry_hash[:16]} ← {entry.prev_entry_hash[:16]}"
    lines = [Content.assemble(visible(entry.subject or entry.action, 240).stylize("bold")), who, visible(chain, 80)]
    if entry.error_message is not None or entry.error_code is not None:
        lines.append(
            Content.assemble(visible(entry.error_code or "", 64), " ", visible(entry.error_message or "", 240))
        )
    if entry.detail:
        pairs = [f"{name}={value}" for name, value in entry.detail.items()]
        lines.append(visible(" · ".join(pairs), 400))
    return Content("\n").join(lines)
