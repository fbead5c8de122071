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
from stack_local.wire.connecting import ConnectService
from stack_local.wire.credentials import CredentialMetadata, ListCredentials, UndoCredential
from stack_local.wire.proposals import Proposal
from stack_local.wire.services import (
    BindConnectionHosts,
    Connection,
    CredentialField,
    CredentialTemplate,
    DisconnectService,
    ListCredentialTemplates,
    ListServices,
    VerifyConnection,
)
from tui.asking import ask
from tui.catalogue import Choice, checked_words
from tui.connecting import checked
from tui.format import column, fitted, plural, visible
from tui.keymap import Place, bindings
from tui.messages import (
    CheckedLoaded,
    ConnectingBegun,
    Done,
    Doubted,
    LogInNeeded,
    ProposalTaken,
    Refused,
    RotationPrepared,
)
from tui.screens.choose_service import ChooseServiceScreen
from tui.screens.confirm import ConfirmScreen, doubt
from tui.screens.connect import ConnectScreen
from tui.screens.connect_known import ConnectKnownScreen
from tui.screens.log_in import LogInScreen
from tui.screens.prompt import PromptScreen
from tui.screens.proposals import ProposalsScreen
from tui.screens.rotate import RotateScreen
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

EMPTY = "Nothing is connected.\n\nPress c to connect a service: its credential stays here, agents get calls."
NAME_WIDTH, ACCOUNT_WIDTH, STATE_WIDTH, TEMPLATE_WIDTH = 18, 14, 10, 10
TYPED = "typed"
"""What the source of a credential is called that a person typed."""


class ServicesScreen(Screen[None]):
    """The connections, each with its hosts; never a credential."""

    CSS_PATH = "services.tcss"
    BINDINGS = bindings("services", "main")
    places: tuple[Place, ...] = ("services", "main")

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._connections: dict[str, Connection] = {}
        self._checked: frozenset[str] = frozenset()
        """The connections to services that are verified."""
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
        titles = [("service", NAME_WIDTH), ("account", ACCOUNT_WIDTH), ("credential", STATE_WIDTH)]
        titles += [("template", TEMPLATE_WIDTH), ("hosts", 0)]
        self._head.show("  " + " ".join(f"{title:<{width}}" for title, width in titles))

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask again what is connected."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        answer = await ask(self._client, ListServices(connected=True), self.post_message)
        if answer is not None:
            self.post_message(CheckedLoaded(answer.items))

    @on(CheckedLoaded)
    def _take(self, loaded: CheckedLoaded) -> None:
        known = [(connection, service) for service in loaded.services for connection in service.connections]
        self._connections = {connection.id: connection for connection, _ in known}
        self._checked = frozenset(connection.id for connection, service in known if service.checked)
        self._draw()

    @on(Resize)
    def _draw(self) -> None:
        width = max(40, self.size.width - 4)
        rows = [
            Row(known.id, _row(known, width, is_checked=known.id in self._checked))
            for known in self._connections.values()
        ]
        self._rows.show_rows(rows)
        self._rows.display = self._detail.display = self._head.display = bool(self._connections)
        self._empty.display = not self._connections
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        if (connection := self._selected()) is not None:
            self._detail.show(_in_full(connection, is_checked=connection.id in self._checked))

    def _selected(self) -> Connection | None:
        return self._connections.get(self._rows.selected_id or "")

    def action_connect(self) -> None:
        """Ask which service, then open its form."""
        self.app.push_screen(ChooseServiceScreen(self._client), self._connect_chosen)

    def _connect_chosen(self, choice: Choice | None) -> None:
        if choice is None:
            return
        if choice.template is None:
            self.app.push_screen(ConnectScreen(self._client), self._tell_connected)
            return
        self.app.push_screen(ConnectKnownScreen(self._client, choice.template), self._tell_connected)

    def action_proposals(self) -> None:
        """See what agents ask for."""
        self.app.push_screen(ProposalsScreen(self._client), self._complete_if)

    def _complete_if(self, proposal: Proposal | None) -> None:
        if proposal is not None:
            self._complete(proposal)

    @work(exclusive=True, group="complete")
    async def _complete(self, proposal: Proposal) -> None:
        template = await self._template_of(proposal.provider)
        if template is None:
            self.post_message(Refused("the service that is asked for is not in the catalogue", "decline it"))
            return
        self.post_message(ProposalTaken(proposal, template))

    async def _template_of(self, provider: str) -> CredentialTemplate | None:
        answer = await ask(self._client, ListCredentialTemplates(provider=provider[:64]), self.post_message)
        items = [] if answer is None else answer.items
        return next((known for known in items if known.is_service and known.provider == provider), None)

    @on(ProposalTaken)
    def _open_proposal(self, taken: ProposalTaken) -> None:
        form = ConnectKnownScreen(self._client, taken.template, taken.proposal)
        self.app.push_screen(form, self._tell_connected)

    @work(exclusive=True, group="rotate")
    async def action_rotate(self) -> None:
        """Ask for another secret, or for another log-in, once it is known which of them the credential needs."""
        if (connection := self._selected()) is None:
            return
        answer = await ask(self._client, ListCredentials(), self.post_message)
        kept = next((known for known in answer.items if known.connection_id == connection.id), None) if answer else None
        if kept is None:
            return
        fields = _fields(kept, await self._template_of(connection.provider))
        prepared = RotationPrepared(connection, fields) if fields else LogInNeeded(connection, kept.source)
        self.post_message(prepared)

    @on(RotationPrepared)
    def _open_rotation(self, prepared: RotationPrepared) -> None:
        rotation = RotateScreen(self._client, prepared.connection, prepared.fields)
        self.app.push_screen(rotation, self._tell_connected)

    @on(LogInNeeded)
    def _ask_to_log_in(self, needed: LogInNeeded) -> None:
        connection = needed.connection
        words = Content.assemble(
            "The credential of ",
            visible(connection.name, 40),
            " comes from a log-in at the service. What it has stays in use until you are back.",
        )
        values = {"service_id": connection.provider, "connection_id": connection.id, "flow": needed.flow}
        question = ConfirmScreen("Log in again?", words, yes="Log in")
        self.app.push_screen(question, partial(self._log_in_if, checked(ConnectService, values)))

    def _log_in_if(self, request: ConnectService, is_sure: bool | None) -> None:
        if is_sure:
            self._log_in(request)

    @work(exclusive=True, group="log in")
    async def _log_in(self, request: ConnectService) -> None:
        answer = await ask(self._client, request, self.post_message)
        if answer is not None:
            self.post_message(ConnectingBegun(answer))

    @on(ConnectingBegun)
    def _go_on(self, begun: ConnectingBegun) -> None:
        if begun.connecting.attempt_id is None:
            self._tell_logged_in(begun.connecting.id)
        else:
            self.app.push_screen(LogInScreen(self._client, begun.connecting.attempt_id), self._tell_logged_in)

    def _tell_logged_in(self, connection_id: str | None) -> None:
        if connection_id is not None:
            self._notice.tell("logged in again; the credential before is kept")
            self._load()

    def action_undo(self) -> None:
        """Go back to the secret before, after saying what falls."""
        if (connection := self._selected()) is None:
            return
        name = visible(connection.name, 40)
        words = Content.assemble(
            name, " goes back to the secret before this one; this one is kept in its place. Approvals that wait fall."
        )
        question = ConfirmScreen("Back to the secret before?", words, yes="Go back")
        self.app.push_screen(question, partial(self._undo_if, connection))

    def _undo_if(self, connection: Connection, is_sure: bool | None) -> None:
        if is_sure:
            self._undo(connection)

    @work(group="change")
    async def _undo(self, connection: Connection) -> None:
        answer = await ask(self._client, UndoCredential(connection_id=connection.id), self.post_message)
        if answer is not None:
            self.post_message(Done(f"back to the secret before; {plural(answer.ended_approvals, 'approval')} fell"))
            self._load()

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
            hosts = typed.replace(",", " ").split()
            self._bind(BindConnectionHosts(connection_id=connection.id, hosts=hosts))

    @work(group="change")
    async def _bind(self, request: BindConnectionHosts) -> None:
        if await ask(self._client, request, self.post_message) is not None:
            self.post_message(Done(f"bound to {plural(len(request.hosts), 'host')}"))
            self._load()

    @on(Doubted)
    def _ask_again(self, doubted: Doubted) -> None:
        self.app.push_screen(doubt(doubted), partial(self._bind_all_the_same, doubted))

    def _bind_all_the_same(self, doubted: Doubted, is_sure: bool | None) -> None:
        if not is_sure:
            self._notice.refuse(doubted.refused)
        elif isinstance(doubted.request, BindConnectionHosts):
            self._bind(doubted.request)

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


def _fields(kept: CredentialMetadata, template: CredentialTemplate | None) -> list[CredentialField]:
    """What is typed in place of a credential; nothing where it came from a log-in."""
    if kept.source != TYPED:
        return [] if template is None or kept.source in template.flows else template.key_fields
    known = {} if template is None else {one.name: one for one in template.fields}
    return [known.get(name) or CredentialField(name=name, label=name, hint="", secret=True) for name in kept.fields]


def _row(connection: Connection, width: int, *, is_checked: bool) -> Content:
    state = {"never": "not tried", "passed": "works", "failed": "FAILED"}[connection.verification]
    room = width - NAME_WIDTH - ACCOUNT_WIDTH - STATE_WIDTH - TEMPLATE_WIDTH - 4
    parts = [
        column(fitted(connection.name, NAME_WIDTH), NAME_WIDTH),
        column(fitted(connection.account or "", ACCOUNT_WIDTH), ACCOUNT_WIDTH),
        Content(f"{state if connection.status == 'connected' else 'gone':<{STATE_WIDTH}}"),
        Content(f"{checked_words(is_checked=is_checked):<{TEMPLATE_WIDTH}}"),
        fitted(" ".join(connection.hosts) or "none bound: every call is refused", room),
    ]
    row = Content(" ").join(parts)
    if connection.reconnect_reason is None:
        return row
    why = Content.assemble("  RECONNECT: ", fitted(connection.reconnect_reason, width - 15)).stylize("bold")
    return Content("\n").join([row, why])


def _in_full(connection: Connection, *, is_checked: bool) -> Content:
    asks = "every call asks you" if connection.asks_everything else "reads go out, writes ask you"
    spec = connection.injection
    goes = Content.assemble(f"sent as {spec.style}", f" in {spec.name}" if spec.name else "")
    title = Content.assemble(visible(connection.provider, 80).stylize("bold"), " · ", visible(connection.id, 40))
    lines = [
        Content.assemble(title, f" · {checked_words(is_checked=is_checked)}"),
        Content.assemble("hosts ", visible(", ".join(connection.hosts) or "none", 300)),
        Content.assemble(goes, f" · {asks} · scopes ", visible(", ".join(connection.scopes), 80)),
        visible(connection.description or "", 256),
    ]
    if connection.reconnect_reason is not None:
        why = Content.assemble("RECONNECT with t: ", visible(connection.reconnect_reason, 200))
        lines.insert(0, why.stylize("bold"))
    return Content("\n").join(lines)
