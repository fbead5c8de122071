"""Services: what is connected, to which hosts, and connecting and disconnecting."""

from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import OptionList

from stack_local.client import Client
from stack_local.wire.services import (
    BindConnectionHosts,
    Connection,
    DisconnectService,
    ListConnections,
    VerifyConnection,
)
from tui.asking import ask
from tui.format import column, fitted, plural, visible
from tui.keymap import Place, bindings
from tui.messages import Done, Refused, ServicesLoaded
from tui.screens.confirm import ConfirmScreen
from tui.screens.connect import ConnectScreen
from tui.screens.prompt import PromptScreen
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

EMPTY = "Nothing is connected.\n\nPress c to connect a service: its credential stays here, agents get calls."
NAME_WIDTH, ACCOUNT_WIDTH, STATE_WIDTH = 20, 16, 12


class ServicesScreen(Screen[None]):
    """The connections, each with its hosts; never a credential."""

    CSS_PATH = "services.tcss"
    BINDINGS = bindings("services", "main")
    places: tuple[Place, ...] = ("services", "main")

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._connections: dict[str, Connection] = {}
        self._head = Text(id="head")
        self._rows = RowList(id="services")
        self._empty = Text(EMPTY, id="empty")
        self._detail = Text(id="service")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        yield TopLine("services")
        with Vertical(id="work"):
            yield self._head
            yield self._rows
            yield self._empty
            yield self._detail
        yield self._notice
        yield KeyHints("services", "main")
        yield StatusBar()

    def on_mount(self) -> None:
        self._rows.focus()
        self._head.show(f"  {'service':<{NAME_WIDTH}} {'account':<{ACCOUNT_WIDTH}} {'credential':<{STATE_WIDTH}} hosts")

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask again what is connected."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        answer = await ask(self._client, ListConnections(), self.post_message)
        if answer is not None:
            self.post_message(ServicesLoaded(answer.items))

    @on(ServicesLoaded)
    def _take(self, loaded: ServicesLoaded) -> None:
        self._connections = {connection.id: connection for connection in loaded.connections}
        self._draw()

    @on(Resize)
    def _draw(self) -> None:
        width = max(40, self.size.width - 4)
        self._rows.show_rows([Row(known.id, _row(known, width)) for known in self._connections.values()])
        self._rows.display = self._detail.display = self._head.display = bool(self._connections)
        self._empty.display = not self._connections
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        if (connection := self._selected()) is not None:
            self._detail.show(_in_full(connection))

    def _selected(self) -> Connection | None:
        return self._connections.get(self._rows.selected_id or "")

    def action_connect(self) -> None:
        """Open the dialogue."""
        self.app.push_screen(ConnectScreen(self._client), self._tell_connected)

    def _tell_connected(self, words: str | None) -> None:
        if words is not None:
            self._notice.tell(words)

    @work(exclusive=True, group="verify")
    async def action_verify(self) -> None:
        """Ask the service by its harmless request."""
        if (connection := self._selected()) is None:
            return
        answer = await ask(self._client, VerifyConnection(connection_id=connection.id), self.post_message)
        if answer is None:
            return
        told: Done | Refused = Done(f"it works: {answer.message}")
        if answer.status == "failed":
            told = Refused(f"the service does not take it: {answer.message}")
        self.post_message(told)
        self._load()

    def action_hosts(self) -> None:
        """Bind the connection to other hosts."""
        if (connection := self._selected()) is None:
            return
        prompt = PromptScreen(
            Content.assemble(("Hosts of ", "bold"), visible(connection.name, 40)),
            Content("The credential is sent to these and to no other. Pending approvals on it fall."),
            "Hosts, separated by blanks:",
        )
        self.app.push_screen(prompt, partial(self._bind_if, connection))

    def _bind_if(self, connection: Connection, typed: str | None) -> None:
        if typed is not None:
            self._bind(connection, typed.replace(",", " ").split())

    @work(group="change")
    async def _bind(self, connection: Connection, hosts: list[str]) -> None:
        request = BindConnectionHosts(connection_id=connection.id, hosts=hosts)
        if await ask(self._client, request, self.post_message) is not None:
            self.post_message(Done(f"bound to {plural(len(hosts), 'host')}"))
            self._load()

    def action_disconnect(self) -> None:
        """Disconnect, after saying what falls."""
        if (connection := self._selected()) is None:
            return
        name = visible(connection.name, 40)
        words = Content.assemble(
            "The credential of ", name, " is destroyed, and every passport that names it is revoked."
        )
        question = ConfirmScreen("Disconnect?", words, yes="Disconnect", typed_word=connection.name)
        self.app.push_screen(question, partial(self._disconnect_if, connection))

    def _disconnect_if(self, connection: Connection, is_sure: bool | None) -> None:
        if is_sure:
            self._disconnect(connection)

    @work(group="change")
    async def _disconnect(self, connection: Connection) -> None:
        answer = await ask(self._client, DisconnectService(connection_id=connection.id), self.post_message)
        if answer is not None:
            self.post_message(Done(f"disconnected; {plural(answer.revoked_passports, 'passport')} revoked"))
            self._load()

    @on(Done)
    def _tell(self, done: Done) -> None:
        self._notice.tell(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _row(connection: Connection, width: int) -> Content:
    state = {"never": "not tried", "passed": "works", "failed": "FAILED"}[connection.verification]
    room = width - NAME_WIDTH - ACCOUNT_WIDTH - STATE_WIDTH - 3
    parts = [
        column(fitted(connection.name, NAME_WIDTH), NAME_WIDTH),
        column(fitted(connection.account or "", ACCOUNT_WIDTH), ACCOUNT_WIDTH),
        Content(f"{state if connection.status == 'connected' else 'gone':<{STATE_WIDTH}}"),
        fitted(" ".join(connection.hosts) or "none bound: every call is refused", room),
    ]
    return Content(" ").join(parts)


def _in_full(connection: Connection) -> Content:
    asks = "every call asks you" if connection.asks_everything else "reads go out, writes ask you"
    spec = connection.injection
    goes = Content.assemble(f"sent as {spec.style}", f" in {spec.name}" if spec.name else "")
    return Content("\n").join(
        [
            Content.assemble(visible(connection.provider, 80).stylize("bold"), " · ", visible(connection.id, 40)),
            Content.assemble("hosts ", visible(", ".join(connection.hosts) or "none", 300)),
            Content.assemble(goes, f" · {asks} · scopes ", visible(", ".join(connection.scopes), 80)),
            visible(connection.description or "", 256),
        ]
    )
