"""Passports: the tree of delegation, and revoking one, an agent's, a session's, or all."""

from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import OptionList

from stack_local.client import Client
from stack_local.system import System
from stack_local.wire.passports import (
    ListActivePassports,
    RevokeAgentPassports,
    RevokeAllPassports,
    RevokePassport,
    RevokeSession,
)
from tui.asking import ask
from tui.delegation import Node, tree
from tui.format import plural, short_id, visible
from tui.keymap import Place, bindings
from tui.messages import Done, PassportsLoaded, Refused
from tui.screens.confirm import ConfirmScreen
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

EMPTY = "No passport is good now.\n\nAgents take one with stack_issue_passport; a call without one gets it by itself."
EVERYTHING_WORD = "everything"
NAMED_FALLS = 8
REDRAW_SECONDS = 5
REASON = "revoked at the terminal"

Revocation = RevokePassport | RevokeSession | RevokeAgentPassports | RevokeAllPassports


class PassportsScreen(Screen[None]):
    """Who acts now, for whom, and how to stop it."""

    CSS_PATH = "passports.tcss"
    BINDINGS = bindings("passports", "main")
    places: tuple[Place, ...] = ("passports", "main")

    def __init__(self, client: Client, system: System) -> None:
        super().__init__()
        self._client = client
        self._system = system
        self._branches: dict[str, Node] = {}
        self._count = 0
        self._rows = RowList(id="passports")
        self._empty = Text(EMPTY, id="empty")
        self._detail = Text(id="passport")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        yield TopLine("passports")
        with Vertical(id="work"):
            yield self._rows
            yield self._empty
            yield self._detail
        yield self._notice
        yield KeyHints("passports", "main")
        yield StatusBar()

    def on_mount(self) -> None:
        self._rows.focus()
        self.set_interval(REDRAW_SECONDS, self._tick)

    def _tick(self) -> None:
        if self.is_current:
            self._draw()

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask again who holds what."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        answer = await ask(self._client, ListActivePassports(), self.post_message)
        if answer is not None:
            self.post_message(PassportsLoaded(answer.items))

    @on(PassportsLoaded)
    def _take(self, loaded: PassportsLoaded) -> None:
        self._count = len(loaded.passports)
        self._branches = {node.row_id: node for node in tree(loaded.passports)}
        self._draw()

    @on(Resize)
    def _draw(self) -> None:
        now, width = self._system.now(), max(40, self.size.width - 4)
        self._rows.show_rows([Row(row_id, node.row(now, width)) for row_id, node in self._branches.items()])
        self._rows.display = self._detail.display = bool(self._branches)
        self._empty.display = not self._branches
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        node = self._branches.get(self._rows.selected_id or "")
        if node is not None:
            self._detail.show(_in_full(node))

    def action_revoke(self) -> None:
        """Revoke what the cursor is on, after saying what falls."""
        node = self._branches.get(self._rows.selected_id or "")
        if node is None:
            return
        title = f"Revoke this {node.kind}?" if node.kind != "agent" else "Revoke everything of this agent?"
        question = ConfirmScreen(title, _falls(node), yes=f"Revoke {plural(len(node.falls), 'passport')}")
        self.app.push_screen(question, partial(self._revoke_if, _revocation(node)))

    def action_revoke_everything(self) -> None:
        """The emergency stop."""
        words = f"Every passport falls: {plural(self._count, 'passport')} now. Agents stay, and have to take new ones."
        question = ConfirmScreen(
            "Emergency stop", Content(words), yes="Revoke everything", typed_word=EVERYTHING_WORD
        )  # fmt: skip
        self.app.push_screen(question, partial(self._revoke_if, RevokeAllPassports(confirm=True, reason=REASON)))

    def _revoke_if(self, request: Revocation, is_sure: bool | None) -> None:
        if is_sure:
            self._revoke(request)

    @work(group="revoke")
    async def _revoke(self, request: Revocation) -> None:
        if isinstance(request, RevokePassport):
            one = await ask(self._client, request, self.post_message)
            fallen = None if one is None else 1 + len(one.cascaded)
        else:
            many = await ask(self._client, request, self.post_message)
            fallen = None if many is None else many.revoked_count + many.cascaded_count
        if fallen is not None:
            self.post_message(Done(f"revoked: {plural(fallen, 'passport')} in all"))
            self._load()

    @on(Done)
    def _tell(self, done: Done) -> None:
        self._notice.tell(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _revocation(node: Node) -> Revocation:
    match node.kind:
        case "passport":
            return RevokePassport(jti=node.id, reason=REASON)
        case "session":
            return RevokeSession(session_id=node.id, reason=REASON)
        case "agent":
            return RevokeAgentPassports(agent_id=node.id, reason=REASON)


def _falls(node: Node) -> Content:
    lines = [
        Content.assemble("  ", short_id(passport.jti), " held by ", visible(passport.agent_name, 40))
        for passport in node.falls[:NAMED_FALLS]
    ]
    if len(node.falls) > NAMED_FALLS:
        lines.append(Content(f"  … (+{len(node.falls) - NAMED_FALLS})"))
    return Content("\n").join([Content("These fall at once, and what they delegate until then:"), *lines])


def _in_full(node: Node) -> Content:
    passport = node.passport
    services = Content(", ").join([visible(service, 40) for service in passport.services[:6]])
    lines = [Content.assemble((node.kind, "bold"), " ", visible(node.id, 40)), Content.assemble("may use ", services)]
    if passport.intent_summary is not None:
        lines.append(Content.assemble(("the agent says: ", "$foreground-muted"), visible(passport.intent_summary, 300)))
    return Content("\n").join(lines)
