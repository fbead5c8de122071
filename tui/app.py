"""The terminal UI: which screen comes first, the six main screens, and what holds on all of them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol, runtime_checkable

from textual import on, work
from textual.app import App
from textual.content import Content
from textual.events import Event, Paste
from textual.screen import Screen
from textual.theme import Theme

from stack_local.client import Client
from stack_local.domain.errors import StackError
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.wire.intents import ListIntents
from stack_local.wire.vault import ApplianceStatus, LockVault
from tui.asking import ask, state_of
from tui.feed import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, follow
from tui.format import is_hidden
from tui.keymap import Place, bindings
from tui.messages import ConnectionLost, Refused, SessionEnded, SessionOpened, StateFound, StatusReached
from tui.notify import DesktopNotify, Pace, waiting_words
from tui.palette import KeymapProvider
from tui.screens.agents import AgentsScreen
from tui.screens.approvals import ApprovalsScreen
from tui.screens.audit import AuditScreen
from tui.screens.clients import ClientsScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen
from tui.screens.passports import PassportsScreen
from tui.screens.services import ServicesScreen
from tui.screens.setup import SetupScreen
from tui.screens.start import StartScreen
from tui.screens.unlock import UnlockScreen
from tui.widgets.notice import Notice
from tui.widgets.status_bar import StatusBar
from tui.widgets.top_line import TopLine

SWITCH_SECONDS = 0.01
"""How long painting is held back while one screen gives way to another."""

PASTED_CHARACTERS = 1_000_000
"""What one paste may bring."""

THEME = Theme(
    name="stack",
    primary="#8ab4d8",
    secondary="#7a8ea8",
    warning="#e0b060",
    error="#e07a70",
    success="#8fbf8f",
    accent="#8ab4d8",
    foreground="#d8dce2",
    background="#14171c",
    surface="#1a1e25",
    panel="#20252d",
)


@runtime_checkable
class Reloads(Protocol):
    """A screen that shows what the appliance holds, and can ask for it again."""

    def reload(self) -> object: ...


class StackTui(App[None]):
    """The operator's side of stack_local. It knows the appliance through its client alone."""

    TITLE = "stack_local"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar = {KeymapProvider}
    BINDINGS = bindings("everywhere", priority=True)

    def __init__(
        self, client: Client, *, desktop_notify: DesktopNotify | None, system: System, ends_appliance: bool = False
    ) -> None:
        """`ends_appliance`: the server ends with this screen, which is asked about before."""
        super().__init__()
        self._ends_appliance = ends_appliance
        self._client = client
        self._desktop_notify = desktop_notify
        self._system = system
        self._pace = Pace(system)
        self._status: ApplianceStatus | None = None
        self._has_session = False

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.animation_level = "none"
        for place, screen in self._main_screens().items():
            self.add_mode(place, screen)
        self.push_screen(StartScreen())
        self._look_first()

    def _main_screens(self) -> dict[Place, Callable[[], Screen[None]]]:
        return {
            "approvals": partial(ApprovalsScreen, self._client, self._system),
            "audit": partial(AuditScreen, self._client),
            "passports": partial(PassportsScreen, self._client, self._system),
            "services": partial(ServicesScreen, self._client),
            "agents": partial(AgentsScreen, self._client),
            "clients": partial(ClientsScreen, self._client, self._system),
        }

    def delay_update(self, delay: float = SWITCH_SECONDS) -> None:
        """Hold painting back while screens change. Textual waits 50 ms, half of what a key may take to be answered."""
        super().delay_update(delay)

    async def on_event(self, event: Event) -> None:
        """Take from a paste what would act on the terminal before any field sees it."""
        if isinstance(event, Paste):
            kept = event.text[:PASTED_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
            event = Paste("".join(letter for letter in kept if letter == "\n" or not is_hidden(letter)))
        await super().on_event(event)

    # The way in -----------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="feed")
    async def _look_first(self) -> None:
        retry_seconds = FIRST_RETRY_SECONDS
        while True:
            try:
                self.post_message(StateFound(await state_of(self._client)))
                return
            except StackError:
                self.post_message(ConnectionLost(retry_seconds))
            await asyncio.sleep(retry_seconds)
            retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)

    @on(StateFound)
    def _open_the_door(self, found: StateFound) -> None:
        if found.state == "empty":
            self.push_screen(SetupScreen(self._client, self._system))
            return
        self.push_screen(UnlockScreen(self._client))

    @on(SessionOpened)
    def _take_session(self, opened: SessionOpened) -> None:
        self._client.hold_session(Secret(opened.session.session.get_secret_value()))
        self._has_session = True
        self._follow()

    @on(SetupScreen.Finished)
    @on(UnlockScreen.Finished)
    async def _enter(self) -> None:
        if self.current_mode == "_default":
            await self.switch_mode("approvals")
        elif isinstance(self.screen, UnlockScreen):
            self.pop_screen()
        self._show_status()

    @on(SessionEnded)
    def _leave_session(self) -> None:
        self._client.hold_session(None)
        self._has_session = False
        self.workers.cancel_group(self, "feed")
        if self.current_mode != "_default" and not isinstance(self.screen, UnlockScreen):
            self.push_screen(UnlockScreen(self._client))

    def action_lock(self) -> None:
        """Lock the vault."""
        self._lock()

    @work(group="lock")
    async def _lock(self) -> None:
        if await ask(self._client, LockVault(), self.post_message) is not None:
            self.post_message(SessionEnded())

    # What goes on ---------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="feed")
    async def _follow(self) -> None:
        await follow(self._client, self.post_message)

    @on(StatusReached)
    def _take_status(self, reached: StatusReached) -> None:
        before, self._status = self._status, reached.status
        if reached.status.state != "unlocked":
            self.post_message(SessionEnded())
            return
        self._show_status()
        if before is not None and reached.status.pending > before.pending:
            self._tell_waiting(reached.status.pending)
        if (before is None or before.changes != reached.status.changes) and isinstance(self.screen, Reloads):
            self.screen.reload()

    def _show_status(self) -> None:
        status = self._status
        if status is None:
            return
        base = self.screen_stack[0]
        for bar in base.query(StatusBar):
            bar.show_status(status)
        for line in base.query(TopLine):
            line.show_waiting({"approvals": status.pending - status.waiting_clients, "clients": status.waiting_clients})

    @on(ConnectionLost)
    def _show_lost(self, lost: ConnectionLost) -> None:
        for shown in self.screen_stack:
            for bar in shown.query(StatusBar):
                bar.show_lost(lost.retry_seconds)

    @on(Refused)
    def _show_refused(self, refused: Refused) -> None:
        for notice in self.screen_stack[0].query(Notice):
            notice.refuse(refused)

    def _tell_waiting(self, count: int) -> None:
        if not self._pace.may_tell():
            return
        self.bell()
        if self._desktop_notify is not None:
            self._notify_desktop(count)

    @work(group="notify", exit_on_error=False)
    async def _notify_desktop(self, count: int) -> None:
        waiting = await ask(self._client, ListIntents(limit=100), self.post_message)
        newest = max(waiting.items, key=lambda item: item.submitted_at, default=None) if waiting else None
        title, body = waiting_words(newest.call.service if newest and newest.call else None, count)
        if self._desktop_notify is not None:
            self.run_worker(partial(self._desktop_notify, title, body), thread=True, exit_on_error=False)

    # What the keys do -----------------------------------------------------------------------------------------------

    async def action_show_place(self, place: str) -> None:
        """Go to one of the main screens."""
        if self._has_session:
            await self.switch_mode(place)
            self._show_status()

    def action_help(self) -> None:
        """Show every key."""
        self.push_screen(HelpScreen())

    def action_leave(self) -> None:
        """Quit; while decisions wait or the server would end too, only after asking."""
        lost = self._lost_by_leaving()
        if not lost or isinstance(self.screen, ConfirmScreen):
            self.exit()
            return
        self.push_screen(ConfirmScreen("Quit?", Content("\n".join(lost)), yes="Quit"), self._take_leave)

    def _lost_by_leaving(self) -> list[str]:
        if self._status is None or not self._has_session:
            return []
        lost = []
        if self._ends_appliance:
            lost.append("The appliance ends with this screen: agents are refused until it runs again.")
        if self._status.pending:
            waits = waiting_words(None, self._status.pending)[1]
            lost.append(f"{waits}, and will go on waiting; nobody is asked until you return.")
        return lost

    def _take_leave(self, is_sure: bool | None) -> None:
        if is_sure:
            self.exit()
