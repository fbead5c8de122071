"""Connecting a service of the catalogue: its hosts first, what its template asks, and the grant in the same step."""

from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, Select

from stack_local.client import Client
from stack_local.domain.errors import StackError
from stack_local.wire.agents import Agent
from stack_local.wire.connecting import ConnectService
from stack_local.wire.proposals import Proposal
from stack_local.wire.services import CredentialField, CredentialTemplate
from stack_local.wire.vault import GetStatus
from tui.asking import ask, refusal
from tui.catalogue import (
    KEY,
    REDIRECT_PATH,
    TOKEN,
    WAYS,
    KnownForm,
    checked_words,
    fields_of,
    request_of,
    review,
    scope_words,
    shown_host,
    token_link,
    ways_of,
)
from tui.connecting import grant
from tui.format import is_plain, visible, visible_block
from tui.messages import ConnectingBegun, Done, Doubted, Refused
from tui.screens.confirm import ConfirmScreen, doubt
from tui.screens.log_in import LogInScreen
from tui.widgets.form_line import FormLine, show_line
from tui.widgets.grant_fields import GrantFields
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.secret_input import SecretInput
from tui.widgets.text import Text
from tui.widgets.tick import Tick

LENGTHS = {"name": 63, "account": 128, "client_id": 256}


class ConnectKnownScreen(ModalScreen[str | None]):
    """Answers with the words of what was done. Secrets stand as dots, and leave with the request alone."""

    CSS_PATH = "connect_known.tcss"
    BINDINGS = [("escape", "leave", "Leave it"), ("ctrl+s", "review", "Go on")]  # noqa: RUF012

    def __init__(self, client: Client, template: CredentialTemplate, proposal: Proposal | None = None) -> None:
        super().__init__()
        self._client = client
        self._template = template
        self._proposal = proposal
        self._form: KnownForm | None = None
        self._ways = ways_of(template)
        self._hosts = Text(id="hosts")
        self._way = Select(
            [(Content(WAYS[way]), way) for way in self._ways],
            id="way", allow_blank=False, value=self._ways[0], compact=True,
        )  # fmt: skip
        self._parts = [(part, _input(f"part-{at}", part)) for at, part in enumerate(template.placeholders)]
        self._fields = {
            way: [(known, _input(f"{way}-{at}", known)) for at, known in enumerate(fields_of(template, way))]
            for way in (TOKEN, KEY)
        }
        self._ticks = [(name, _tick(at, words, is_on=on)) for at, (name, words, on) in enumerate(self._scopes())]
        self._own = {name: Input(id=name, compact=True, max_length=length) for name, length in LENGTHS.items()}
        self._client_secret = SecretInput(id="client_secret")
        self._made = Text(id="made")
        self._application = Text(id="application")
        self._grant_fields = GrantFields(client, asker=None if proposal is None else proposal.agent_id)
        self._notice = Notice()

    def _scopes(self) -> list[tuple[str, Content, bool]]:
        """Each permission with its words and whether it starts ticked; what an agent asked beyond them does not."""
        asked = [] if self._proposal is None else self._proposal.scopes
        known = [
            (scope.name, _marked(scope_words(scope), is_asked=scope.name in asked), scope.usual or scope.name in asked)
            for scope in self._template.scopes
        ]
        names = {scope.name for scope in self._template.scopes}
        unknown = [name for name in asked if name not in names]
        return known + [(name, Content.assemble("not known here: ", visible(name, 80)), False) for name in unknown]

    def compose(self) -> ComposeResult:
        title = Content.assemble(
            ("Connect ", "bold"),
            visible(self._template.name, 48).stylize("bold"),
            f" · {checked_words(is_checked=self._template.checked)}",
        )
        with Vertical(id="dialogue"):
            yield Text(title, id="title")
            yield self._hosts
            with VerticalScroll(id="body", can_focus=False):
                yield from self._body()
            yield self._notice
            yield Text(hints([("Tab", "next field"), ("Space", "tick"), ("^s", "review"), ("Esc", "leave it")]))

    def _body(self) -> ComposeResult:
        yield FormLine("Credential", self._way)
        for part, typed in self._parts:
            yield FormLine(part.label, typed)
        if self._ticks:
            yield Text("Permissions at the service", classes="label")
        for _, tick in self._ticks:
            yield tick
        yield self._made
        for lines in self._fields.values():
            for known, typed in lines:
                yield FormLine(known.label, typed)
        yield self._application
        yield FormLine("Client id", self._own["client_id"])
        yield FormLine("Client secret", self._client_secret)
        yield FormLine("Name", self._own["name"])
        yield FormLine("Account", self._own["account"])
        yield self._grant_fields

    def on_mount(self) -> None:
        self._own["name"].value = "" if self._proposal is None else _proposed_name(self._proposal)
        self._own["name"].placeholder = visible(self._template.name, 40).plain
        self._own["account"].placeholder = "whose account it is, as shown to you"
        self._own["client_id"].placeholder = "empty: the one used there before"
        self._show_hosts()
        self._show_needed()
        first = next((typed for _, typed in self._parts), None)
        (first or self._way).focus()
        if self._template.flows:
            self._load_address()

    @work(exclusive=True, group="address")
    async def _load_address(self) -> None:
        status = await ask(self._client, GetStatus(), self.post_message)
        if status is not None:
            where = visible_block(self._template.application_url or "", 2000)
            back = visible(status.base_url + REDIRECT_PATH, 300)
            lines = [Content.assemble("Register your app at ", where), Content.assemble("Redirect address ", back)]
            self._application.show(Content("\n").join(lines))

    @on(Input.Changed)
    def _show_hosts(self) -> None:
        filled = {part.name: typed.value.strip() for part, typed in self._parts}
        hosts = [visible(shown_host(host, filled), 253) for host in self._template.hosts]
        self._hosts.show(Content.assemble("To ", Content(", ").join(hosts).stylize("bold"), " and no other host"))

    @on(Select.Changed, "#way")
    @on(Checkbox.Changed)
    def _show_needed(self) -> None:
        way = str(self._way.value)
        for name, lines in self._fields.items():
            for _, typed in lines:
                show_line(typed, is_shown=name == way)
        is_login = way not in self._fields
        self._application.display = is_login
        show_line(self._own["client_id"], is_shown=is_login)
        show_line(self._client_secret, is_shown=is_login)
        self._made.display = way == TOKEN
        self._made.show(_how_it_is_made(self._template, self._ticked()))

    def _ticked(self) -> list[str]:
        return [name for name, tick in self._ticks if tick.value]

    @on(Input.Submitted)
    def _next_field(self) -> None:
        self.focus_next()

    def action_leave(self) -> None:
        """Connect nothing."""
        self._forget()
        self.dismiss(None)

    def _forget(self) -> None:
        for typed in self.query(Input):
            typed.value = ""

    def action_review(self) -> None:
        """Say what will happen, and ask."""
        form = self._filled()
        try:
            request = request_of(form)
        except StackError as refused:
            self._notice.refuse(refusal(refused))
            return
        self._form = form
        question = ConfirmScreen("Connect?", review(form), yes="Connect")
        self.app.push_screen(question, partial(self._connect_if, request))

    def _filled(self) -> KnownForm:
        way = str(self._way.value)
        own = {name: typed.value.strip() or None for name, typed in self._own.items()}
        return KnownForm(
            template=self._template,
            way=way,
            placeholders={part.name: typed.value.strip() for part, typed in self._parts},
            service_scopes=self._ticked(),
            name=own["name"],
            account=own["account"],
            scopes=self._grant_fields.scopes,
            asks_everything=self._grant_fields.asks_everything,
            client_id=own["client_id"],
            agent=self._grant_fields.agent,
            proposal_id=None if self._proposal is None else self._proposal.id,
            typed={known.name: typed.value for known, typed in self._fields.get(way, [])},
            client_secret=self._client_secret.value or None,
        )

    def _connect_if(self, request: ConnectService, is_sure: bool | None) -> None:
        if is_sure:
            self._connect(request)

    @work(exclusive=True, group="connect")
    async def _connect(self, request: ConnectService) -> None:
        answer = await ask(self._client, request, self.post_message)
        if answer is not None:
            self.post_message(ConnectingBegun(answer))

    @on(Doubted)
    def _ask_again(self, doubted: Doubted) -> None:
        self.app.push_screen(doubt(doubted), partial(self._connect_all_the_same, doubted))

    def _connect_all_the_same(self, doubted: Doubted, is_sure: bool | None) -> None:
        if not is_sure:
            self._notice.refuse(doubted.refused)
        elif isinstance(doubted.request, ConnectService):
            self._connect(doubted.request)

    @on(ConnectingBegun)
    def _go_on(self, begun: ConnectingBegun) -> None:
        connecting = begun.connecting
        if connecting.id is not None:
            self._connected(connecting.id)
        elif connecting.attempt_id is not None:
            self.app.push_screen(LogInScreen(self._client, connecting.attempt_id), self._connected)

    def _connected(self, connection_id: str | None) -> None:
        form = self._form
        if connection_id is None or form is None:
            self._notice.warn("nothing is connected yet")
            return
        self._forget()
        if form.agent is None:
            self.dismiss("connected; grant it to an agent when you are ready")
            return
        self._grant(form.agent, connection_id, form.scopes)

    @work(exclusive=True, group="grant")
    async def _grant(self, agent: Agent, connection_id: str, scopes: list[str]) -> None:
        try:
            self.post_message(Done(await grant(self._client, agent, connection_id, scopes)))
        except StackError as refused:
            hint = "press Esc; grant it from agents"
            self.post_message(Refused(f"connected, but not granted: {refused.message}", hint))

    @on(Done)
    def _end(self, done: Done) -> None:
        done.stop()
        self.dismiss(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _proposed_name(proposal: Proposal) -> str:
    """The name an agent chose, if a field can show it as it is: a field draws what it holds."""
    name = proposal.name[: LENGTHS["name"]]
    return name if is_plain(name) and "\n" not in name else ""


def _how_it_is_made(template: CredentialTemplate, scopes: list[str]) -> Content:
    """The address in full: a cut one would lead elsewhere."""
    link = token_link(template, scopes)
    if link is None:
        return Content("")
    steps = visible(template.token_steps or "", 500)
    return Content("\n").join([Content.assemble("Make it at ", visible_block(link, 8000)), steps])


def _marked(words: Content, *, is_asked: bool) -> Content:
    return Content.assemble(words, "  (asked for)") if is_asked else words


def _tick(number: int, words: Content, *, is_on: bool) -> Tick:
    return Tick(words, value=is_on, id=f"scope-{number}", compact=True)


def _input(shown: str, known: CredentialField) -> Input:
    made = SecretInput(id=shown) if known.secret else Input(id=shown, compact=True, max_length=500)
    made.placeholder = visible(known.hint, 80).plain
    return made
