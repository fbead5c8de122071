"""Clients: who asks to be let in, who was, and taking it back."""

from functools import partial
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import OptionList

from stack_local.client import Client
from stack_local.domain.clients import redirect_host
from stack_local.system import System
from stack_local.wire.agents import ListAgents
from stack_local.wire.catalogue import Request
from stack_local.wire.consents import (
    Consent,
    ConsentRequest,
    EnterDeviceCode,
    GiveConsent,
    ListConsentRequests,
    ListConsents,
    RefuseConsent,
    RevokeConsent,
)
from stack_local.wire.services import ListConnections
from tui.asking import ask
from tui.format import column, fitted, short_id, time_ago, time_left, visible
from tui.keymap import Place, bindings
from tui.messages import ClientsLoaded, ConsentPrepared, Done, Refused
from tui.screens.confirm import ConfirmScreen
from tui.screens.consent import ConsentScreen, scopes_in_words
from tui.screens.prompt import PromptScreen
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

EMPTY = (
    "No client was let in.\n\n"
    "`stack-local connect CLIENT` says how a client finds the way here; its log-in then waits on this screen."
)
TICK_SECONDS = 1
NAME_WIDTH, AGENT_WIDTH, WHERE_WIDTH = 20, 16, 18


class ClientsScreen(Screen[None]):
    """What waits stands above what holds."""

    CSS_PATH = "clients.tcss"
    BINDINGS = bindings("clients", "main")
    places: tuple[Place, ...] = ("clients", "main")

    def __init__(self, client: Client, system: System) -> None:
        super().__init__()
        self._client = client
        self._system = system
        self._requests: dict[str, ConsentRequest] = {}
        self._consents: dict[str, Consent] = {}
        self._head = Text(id="head")
        self._rows = RowList(id="clients")
        self._empty = Text(EMPTY, id="empty")
        self._detail = Text(id="client")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        yield TopLine("clients")
        with Vertical(id="work"):
            yield self._head
            yield self._rows
            yield self._empty
            yield self._detail
        yield self._notice
        yield KeyHints("clients", "main")
        yield StatusBar()

    def on_mount(self) -> None:
        self._rows.focus()
        names = f"  {'client':<{NAME_WIDTH}} {'agent':<{AGENT_WIDTH}} {'answers go to':<{WHERE_WIDTH}} "
        self._head.show(f"{names}state")
        self.set_interval(TICK_SECONDS, self._tick)
        self._draw()

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask again who waits and who was let in."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        waiting = await ask(self._client, ListConsentRequests(), self.post_message)
        given = await ask(self._client, ListConsents(), self.post_message)
        if waiting is not None and given is not None:
            self.post_message(ClientsLoaded(waiting.items, given.items))

    @on(ClientsLoaded)
    def _take(self, loaded: ClientsLoaded) -> None:
        self._requests = {asked.id: asked for asked in loaded.requests}
        self._consents = {consent.id: consent for consent in loaded.consents}
        self._draw()

    def _tick(self) -> None:
        if self.is_current:
            self._draw()

    @on(Resize)
    def _draw(self) -> None:
        now, width = self._system.now(), max(40, self.size.width - 4)
        self._requests = {known: asked for known, asked in self._requests.items() if asked.expires_at > now}
        rows = [
            Row(asked.id, _request_row(asked, time_left(asked.expires_at, now), width))
            for asked in self._requests.values()
        ]
        rows += [
            Row(given.id, _consent_row(given, time_ago(given.used_at, now), width)) for given in self._consents.values()
        ]
        self._rows.show_rows(rows)
        self._rows.display = self._detail.display = self._head.display = bool(rows)
        self._empty.display = not rows
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        chosen = self._rows.selected_id or ""
        if chosen in self._requests:
            self._detail.show(_request_in_full(self._requests[chosen]))
        elif chosen in self._consents:
            self._detail.show(_consent_in_full(self._consents[chosen]))

    def _waiting(self) -> ConsentRequest | None:
        asked = self._requests.get(self._rows.selected_id or "")
        if asked is None:
            self._notice.warn("nothing waits in this row")
        return asked

    # Letting in -----------------------------------------------------------------------------------------------------

    def action_let_in(self) -> None:
        """Open the dialogue for the log-in shown."""
        if (asked := self._waiting()) is not None:
            self._prepare(asked)

    @on(OptionList.OptionSelected)
    def _open_waiting(self) -> None:
        if self._rows.selected_id in self._requests:
            self.action_let_in()

    @work(exclusive=True, group="prepare")
    async def _prepare(self, asked: ConsentRequest) -> None:
        connections = await ask(self._client, ListConnections(), self.post_message)
        agents = await ask(self._client, ListAgents(), self.post_message)
        if connections is not None and agents is not None:
            self.post_message(ConsentPrepared(asked, connections.items, agents.items))

    @on(ConsentPrepared)
    def _ask_how_far(self, prepared: ConsentPrepared) -> None:
        dialogue = ConsentScreen(prepared.asked, prepared.connections, prepared.agents, self._system)
        self.app.push_screen(dialogue, self._give_if)

    def _give_if(self, request: GiveConsent | None) -> None:
        if request is not None:
            self._change(request, "let in; the client goes on by itself")

    def action_refuse(self) -> None:
        """Refuse the log-in shown."""
        if (asked := self._waiting()) is not None:
            self._change(RefuseConsent(request_id=asked.id), "refused")

    def action_device_code(self) -> None:
        """Take the code that a command shows."""
        prompt = PromptScreen(
            Content("Log-in of a command"),
            Content("Type a code only if you began the log-in yourself, a moment ago."),
            "The code it shows:",
        )
        self.app.push_screen(prompt, self._enter_code)

    def _enter_code(self, typed: str | None) -> None:
        if typed is None:
            return
        if not 8 <= len(typed) <= 16:
            self._notice.warn("a code has eight letters and digits, such as BCDF-2345")
            return
        self._change(EnterDeviceCode(user_code=typed), "found: it waits above")

    # Taking back ----------------------------------------------------------------------------------------------------

    def action_revoke(self) -> None:
        """End what the client shown was allowed, after saying what falls."""
        consent = self._consents.get(self._rows.selected_id or "")
        if consent is None:
            self._notice.warn("this row was not let in yet; r refuses it")
            return
        words = Content.assemble(
            "The tokens of ", visible(consent.client_name, 40), " end now, and so do the passports it minted."
        )
        self.app.push_screen(ConfirmScreen("Revoke?", words, yes="Revoke"), partial(self._revoke_if, consent))

    def _revoke_if(self, consent: Consent, is_sure: bool | None) -> None:
        if is_sure:
            self._change(RevokeConsent(consent_id=consent.id), "revoked")

    @work(group="change")
    async def _change(self, request: Request[Any], words: str) -> None:
        if await ask(self._client, request, self.post_message) is not None:
            self.post_message(Done(words))
            self._load()

    @on(Done)
    def _tell(self, done: Done) -> None:
        self._notice.tell(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _request_row(asked: ConsentRequest, left: str, width: int) -> Content:
    return _row(asked.client_name, f"tag {asked.tag}", asked.redirect_host, f"WAITS, {left}", width)


def _consent_row(given: Consent, used: str, width: int) -> Content:
    return _row(given.client_name, given.agent_name, redirect_host(given.redirect_uri), f"used {used}", width)


def _row(name: str, who: str, where: str, state: str, width: int) -> Content:
    room = max(8, width - NAME_WIDTH - AGENT_WIDTH - WHERE_WIDTH - 3)
    return Content(" ").join(
        [
            column(fitted(name, NAME_WIDTH), NAME_WIDTH),
            column(fitted(who, AGENT_WIDTH), AGENT_WIDTH),
            column(fitted(where or "a command", WHERE_WIDTH), WHERE_WIDTH),
            Content(state).truncate(room, ellipsis=True),
        ]
    )


def _request_in_full(asked: ConsentRequest) -> Content:
    lines = [
        Content.assemble(visible(asked.client_name, 64).stylize("bold"), " · tag ", (asked.tag, "bold reverse")),
        Content.assemble("answers go to ", visible(asked.redirect_uri or "the command itself", 200)),
        Content.assemble("it may ", scopes_in_words(asked.scopes)),
    ]
    return Content("\n").join(lines)


def _consent_in_full(given: Consent) -> Content:
    return Content("\n").join(
        [
            Content.assemble(visible(given.client_name, 64).stylize("bold"), f" · {short_id(given.id)}"),
            Content.assemble("answers go to ", visible(given.redirect_uri or "the command itself", 200)),
            Content.assemble("acts as ", visible(given.agent_name, 64), f", until {given.ends_at:%Y-%m-%d}"),
            Content.assemble("it may ", scopes_in_words(given.scopes)),
        ]
    )
