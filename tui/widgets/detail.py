"""The detail pane: one waiting decision, its facts above, and the rest of what would be sent below."""

import json
from datetime import datetime
from itertools import islice

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from stack_local.wire.decisions import PendingDecision
from stack_local.wire.intents import ExactCall
from tui.calls import body_in_words, indented, is_json, verdict_in_words, warnings, where
from tui.differences import changes
from tui.format import BLOCK_CHARACTERS, ends_cut, fitted, short_id, time_ago, time_left, visible, visible_block
from tui.pending import AskedCall, Pending
from tui.widgets.text import Text
from tui.widgets.untrusted import UntrustedBox

LABEL_WIDTH = 10
CHANGES_SHOWN = 12
DRAWN_CHARACTERS = 5 * BLOCK_CHARACTERS
"""Indentation and codes make a text longer."""

LINE_CHARACTERS = 60
"""JSON that short stands on one line, as it is sent: a small call is seen whole at 80×24."""


class PendingDetail(Vertical):
    """Shows one pending decision, and knows whether a person has seen all of it."""

    DEFAULT_CSS = """
    PendingDetail { height: 1fr; padding: 0 1; border-top: solid $panel-lighten-1; }
    PendingDetail > .fixed { text-wrap: nowrap; text-overflow: ellipsis; }
    PendingDetail > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    PendingDetail > VerticalScroll:focus { background-tint: $foreground 4%; }
    PendingDetail .quoted { border-left: thick $panel-lighten-1; padding: 0 1; margin: 0 0 1 0; }
    PendingDetail .section { margin: 1 0 0 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._headline = Text(id="headline", classes="fixed")
        self._alerts = Text(id="alerts", classes="fixed")
        self._facts = Text(id="facts", classes="fixed")
        self._changes = Text(id="changes", classes="section")
        self._agent_words = UntrustedBox()
        self._rest = Text(id="rest", classes="section")
        self._body = Text(id="body", classes="quoted")
        self._scroll = VerticalScroll(self._changes, self._agent_words, self._rest, self._body, id="read")
        self._shown: tuple[str, str] | None = None
        self._is_cut = False
        self._reached_end = False

    def compose(self) -> ComposeResult:
        yield self._headline
        yield self._alerts
        yield self._facts
        yield self._scroll

    def on_mount(self) -> None:
        self.watch(self._scroll, "scroll_y", self._note_end, init=False)

    @property
    def is_seen(self) -> bool:
        """Whether everything that would be sent has been on the screen."""
        return not self._is_cut and (self._reached_end or self._scroll.max_scroll_y == 0)

    def take_focus(self) -> None:
        """Let the arrow keys scroll it."""
        self._scroll.focus()

    def read_on(self) -> None:
        """Scroll one page."""
        self._scroll.scroll_page_down(animate=False)

    def show_pending(self, pending: Pending | None, now: datetime, *, is_armed: bool) -> None:
        """Show this one; the rest of it is drawn anew only when it is another or has changed."""
        self._scroll.display = pending is not None
        if pending is None:
            self._show_nothing()
            return
        self._headline.show(_headline(pending, now, is_armed=is_armed))
        self._facts.show(self._facts_of(pending, now))
        self._show_alerts(pending, now)
        if self._shown != pending.binding:
            self._shown = pending.binding
            self._show_rest(pending)

    def forget(self) -> None:
        """Draw everything anew at the next chance: the width has changed."""
        self._shown = None

    def _show_nothing(self) -> None:
        self._shown = None
        self._alerts.display = False
        self._headline.show("")
        self._facts.show("")

    def _show_alerts(self, pending: Pending, now: datetime) -> None:
        found = warnings(pending.item, now) if isinstance(pending.item, AskedCall) else []
        self._alerts.display = bool(found)
        self._alerts.show(Content("\n").join([Content.assemble(("! ", "bold $warning"), line) for line in found]))

    def _facts_of(self, pending: Pending, now: datetime) -> Content:
        width = max(20, self.size.width - 2 - LABEL_WIDTH)
        facts = _facts(pending, width, now)
        return Content("\n").join([_fact(label, value) for label, value in facts])

    def _show_rest(self, pending: Pending) -> None:
        self._reached_end = False
        self._scroll.scroll_home(animate=False)
        match pending.item:
            case AskedCall() as asked:
                self._changes.show(_changes(asked))
                self._agent_words.show(asked.approval.reason)
                self._rest.show(_rest_of_call(asked.call))
                body = _body(asked.call)
                self._is_cut = ends_cut(body)
                self._body.show(body)
                self._body.display = asked.call.body is not None
            case PendingDecision() as decision:
                self._changes.show("It is carried out at once when you approve.")
                self._agent_words.show(decision.reason)
                arguments = _arguments(decision)
                self._is_cut = any(ends_cut(line) for line in arguments)
                self._rest.show(Content("\n").join(arguments))
                self._body.display = False

    def _note_end(self) -> None:
        self._reached_end = self._reached_end or self._scroll.scroll_offset.y >= self._scroll.max_scroll_y > 0


def _headline(pending: Pending, now: datetime, *, is_armed: bool) -> Content:
    left = time_left(pending.item.expires_at, now)
    return Content.assemble(_what(pending), f"  ·  {left}", "" if is_armed else ("  ·  arming…", "bold $warning"))


def _what(pending: Pending) -> Content:
    match pending.item:
        case AskedCall() as asked:
            return where(asked.call)
        case PendingDecision() as decision:
            return Content.assemble((f"Change of controls: {fitted(decision.operation, 40).plain}", "bold"))


def _facts(pending: Pending, width: int, now: datetime) -> list[tuple[str, Content]]:
    match pending.item:
        case AskedCall() as asked:
            return _call_facts(asked, width, now)
        case PendingDecision() as decision:
            return _decision_facts(decision, width, now)


def _fact(label: str, value: Content) -> Content:
    return Content.assemble((f"{label:<{LABEL_WIDTH}}", "$foreground-muted"), value)


def _call_facts(asked: AskedCall, width: int, now: datetime) -> list[tuple[str, Content]]:
    call = asked.call
    asker = Content.assemble(
        fitted(asked.approval.agent_name, width - 30).stylize("bold"), f" · {short_id(asked.approval.session_id)}"
    )
    facts = [
        ("Path", fitted(call.path, width)),
        ("Query", Content("none") if call.query is None else fitted(call.query, width)),
        ("Carries", _carries(call, width)),
        ("As", Content.assemble(fitted(call.label, width - 24).stylize("bold"), " · ", visible(call.service, 20))),
        ("Asked by", Content.assemble(asker, f", {time_ago(asked.approval.submitted_at, now)}")),
        ("Dry run", verdict_in_words(asked.approval.simulation)),
    ]
    shown = facts if call.query is not None else [facts[0], *facts[2:]]
    return shown if call.summary is None else [("Does", fitted(call.summary, width).stylize("bold")), *shown]


def _carries(call: ExactCall, width: int) -> Content:
    headers = f" · {len(call.headers)} header{'s' if len(call.headers) != 1 else ''}" if call.headers else ""
    digest = f" · sha256 {call.body_sha256[:12]}" if call.body_sha256 else ""
    return Content.assemble(body_in_words(call), visible(digest, 24), headers).truncate(width, ellipsis=True)


def _decision_facts(decision: PendingDecision, width: int, now: datetime) -> list[tuple[str, Content]]:
    return [
        ("What", fitted(decision.summary, width)),
        (
            "Asked by",
            Content.assemble(fitted(decision.asked_by, width - 14), f", {time_ago(decision.submitted_at, now)}"),
        ),
    ]


def _changes(asked: AskedCall) -> Content:
    if asked.approval.last_similar is None:
        return Content.assemble(("First of its kind: ", "bold"), "no call like it was approved before.")
    found = list(changes(asked.approval.last_similar, asked.call))
    if not found:
        return Content.assemble(("Unchanged: ", "bold"), "the same as the last one approved.")
    lines = [Content.assemble("  ", change.in_words()) for change in islice(found, CHANGES_SHOWN)]
    if len(found) > CHANGES_SHOWN:
        lines.append(Content(f"  … (+{len(found) - CHANGES_SHOWN} changes)"))
    return Content("\n").join([Content.assemble(("Changed since the last one approved", "bold")), *lines])


def _rest_of_call(call: ExactCall) -> Content:
    lines = [Content.assemble(("In full", "bold"), " ", visible_block(call.url, BLOCK_CHARACTERS))]
    lines += [Content.assemble(visible(name, 128), ": ", visible(value, 8192)) for name, value in call.headers.items()]
    if call.content_type is not None:
        lines.append(Content.assemble("content-type: ", visible(call.content_type)))
    return Content("\n").join(lines)


def _body(call: ExactCall) -> Content:
    text = call.body or ""
    if len(text) > BLOCK_CHARACTERS:
        more = (f"\nCut here; x shows every byte … (+{len(text) - BLOCK_CHARACTERS})", "bold $warning")
        return Content.assemble(visible_block(text[:BLOCK_CHARACTERS], BLOCK_CHARACTERS), more)
    is_tree = is_json(call) and len(text) > LINE_CHARACTERS
    return visible_block(indented(text) if is_tree else text, DRAWN_CHARACTERS)


def _arguments(decision: PendingDecision) -> list[Content]:
    return [
        Content.assemble(
            visible(name, 64).stylize("bold"), ": ", visible(json.dumps(value, ensure_ascii=False), BLOCK_CHARACTERS)
        )
        for name, value in decision.arguments.items()
    ]
