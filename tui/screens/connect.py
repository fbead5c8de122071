"""Connecting a service: the host first, the secret typed here, and the grant in the same step."""

from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Select

from stack_local.client import Client
from stack_local.domain.errors import StackError
from stack_local.domain.services import InjectionStyle
from stack_local.domain.urls import parse_host_port
from stack_local.wire.agents import Agent
from stack_local.wire.services import ConnectCustomService
from tui.asking import ask, refusal
from tui.connecting import NAMED, STYLES, Form, grant, read_certificates, request_of, review
from tui.messages import Doubted, Refused, ServiceConnected
from tui.screens.confirm import ConfirmScreen, doubt
from tui.widgets.form_line import FormLine, show_line
from tui.widgets.grant_fields import GrantFields
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.text import Text


class ConnectScreen(ModalScreen[str | None]):
    """Answers with the words of what was done. The secret stands as dots, and leaves with the request alone."""

    CSS_PATH = "connect.tcss"
    BINDINGS = [("escape", "leave", "Leave it"), ("ctrl+s", "review", "Go on")]  # noqa: RUF012

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._form: Form | None = None
        self._fields = {name: Input(id=name, compact=True, max_length=length) for name, length in LENGTHS.items()}
        self._secret = Input(id="secret", password=True, compact=True, max_length=65_536)
        self._style = Select(
            [(Content(words), style.value) for style, words in STYLES.items()],
            id="style", allow_blank=False, value=InjectionStyle.BEARER.value, compact=True,
        )  # fmt: skip
        self._grant_fields = GrantFields(client)
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text("Connect a service", id="title")
            for label, widget in self._lines():
                yield FormLine(label, widget)
            yield self._grant_fields
            yield self._notice
            yield Text(hints([("Tab", "next field"), ("^s", "review"), ("Esc", "leave it")]))

    def _lines(self) -> list[tuple[str, Input | Select[str]]]:
        fields = self._fields
        return [
            ("Hosts", fields["hosts"]),
            ("Name", fields["name"]),
            ("Account", fields["account"]),
            ("Sent as", self._style),
            ("In", fields["placed"]),
            ("Words", fields["template"]),
            ("User", fields["user"]),
            ("Secret", self._secret),
            ("Test path", fields["verify_path"]),
            ("CA file", fields["ca_file"]),
        ]

    def on_mount(self) -> None:
        for name, hint in HINTS.items():
            self._fields[name].placeholder = hint
        self._show_needed()
        self._fields["hosts"].focus()

    @on(Select.Changed, "#style")
    def _show_needed(self) -> None:
        style = InjectionStyle(str(self._style.value))
        show_line(self._fields["placed"], is_shown=style in NAMED)
        show_line(self._fields["template"], is_shown=style is InjectionStyle.TEMPLATE)
        show_line(self._fields["user"], is_shown=style is InjectionStyle.BASIC)

    def action_leave(self) -> None:
        """Connect nothing."""
        self._secret.value = ""
        self.dismiss(None)

    @on(Input.Submitted)
    def _next_field(self) -> None:
        self.screen.focus_next()

    def action_review(self) -> None:
        """Say what will happen, and ask."""
        try:
            form = self._filled()
            request_of(form)
        except StackError as refused:
            self._notice.refuse(refusal(refused))
            return
        self._form = form
        self.app.push_screen(ConfirmScreen("Connect?", review(form), yes="Connect"), self._connect_if)

    def _filled(self) -> Form:
        values = {name: field.value.strip() for name, field in self._fields.items()}
        hosts = values["hosts"].replace(",", " ").split()
        for host in hosts:
            parse_host_port(host)
        return Form(
            hosts=hosts,
            name=values["name"],
            account=values["account"] or None,
            style=InjectionStyle(str(self._style.value)),
            placed=values["placed"] or None,
            template=values["template"] or None,
            user=values["user"] or None,
            secret=self._secret.value,
            scopes=self._grant_fields.scopes,
            asks_everything=self._grant_fields.asks_everything,
            verify_path=values["verify_path"] or None,
            ca=read_certificates(values["ca_file"]) if values["ca_file"] else None,
            agent=self._grant_fields.agent,
        )

    def _connect_if(self, is_sure: bool | None) -> None:
        if is_sure and self._form is not None:
            self._connect(request_of(self._form))

    @work(exclusive=True, group="connect")
    async def _connect(self, request: ConnectCustomService) -> None:
        connection = await ask(self._client, request, self.post_message)
        if connection is not None:
            self.post_message(ServiceConnected(connection))

    @on(ServiceConnected)
    def _grant_next(self, connected: ServiceConnected) -> None:
        self._secret.value = ""
        form, self._form = self._form, None
        if form is None or form.agent is None:
            self.dismiss("connected; grant it to an agent when you are ready")
            return
        self._grant(form.agent, connected.connection.id, form.scopes)

    @work(exclusive=True, group="grant")
    async def _grant(self, agent: Agent, connection_id: str, scopes: list[str]) -> None:
        try:
            words = await grant(self._client, agent, connection_id, scopes)
        except StackError as refused:
            self.post_message(
                Refused(f"connected, but not granted: {refused.message}", "press Esc; grant it from agents")
            )
            return
        self.dismiss(words)

    @on(Doubted)
    def _ask_again(self, doubted: Doubted) -> None:
        self.app.push_screen(doubt(doubted), partial(self._connect_all_the_same, doubted))

    def _connect_all_the_same(self, doubted: Doubted, is_sure: bool | None) -> None:
        if not is_sure:
            self._notice.refuse(doubted.refused)
        elif isinstance(doubted.request, ConnectCustomService):
            self._connect(doubted.request)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


LENGTHS = {
    "hosts": 1000, "name": 63, "account": 128, "placed": 600, "template": 600, "user": 500, "verify_path": 512,
    "ca_file": 4096,
}  # fmt: skip
HINTS = {
    "hosts": "api.github.com   (exact hosts; the secret goes nowhere else)",
    "name": "github",
    "account": "whose account it is, as shown to you",
    "placed": "X-Api-Key   (the header or the parameter)",
    "template": "Token {value}   ({value} stands for the secret)",
    "user": "user name",
    "verify_path": "/user   (a harmless GET that tells if it works; may be empty)",
    "ca_file": "~/company-ca.pem   (only behind a private CA; else empty)",
}
