"""Agents: who they are, how far each is trusted, and the few changes a person makes often."""

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
from stack_local.domain.agents import AgentStatus, Asks
from stack_local.domain.errors import InvalidRequest
from stack_local.wire.access import GetAgentPermissions, Grant, GrantAgentAccess, RevokeAgentAccess
from stack_local.wire.agents import Agent, ListAgents, RegisterAgent, UnblockAgent, UpdateAgent
from stack_local.wire.catalogue import Request, View
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import Connection, ListConnections
from tui.asking import ask, refusal
from tui.format import column, fitted, visible
from tui.keymap import Place, bindings
from tui.messages import AgentsLoaded, Done, GrantsLoaded, KeyCreated, Refused, ServicesLoaded
from tui.screens.choose import ChooseScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.key import KeyScreen
from tui.screens.prompt import PromptScreen
from tui.widgets.key_hints import KeyHints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.status_bar import StatusBar
from tui.widgets.text import Text
from tui.widgets.top_line import TopLine

EMPTY = "No agent is registered.\n\nPress n to register one, then k for the key it connects with."
NAME_WIDTH, MODE_WIDTH, ASKS_WIDTH = 26, 9, 20
GRANTS_SHOWN = 8
ASKS_WORDS = {
    Asks.ALWAYS: "every call asks you",
    Asks.WRITES: "writes ask you",
    Asks.NEVER: "NOTHING asks you",
}


class AgentsScreen(Screen[None]):
    """The agents and their controls."""

    CSS_PATH = "agents.tcss"
    BINDINGS = bindings("agents", "main")
    places: tuple[Place, ...] = ("agents", "main")

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._agents: dict[str, Agent] = {}
        self._grants: dict[str, list[Grant]] = {}
        self._head = Text(id="head")
        self._rows = RowList(id="agents")
        self._empty = Text(EMPTY, id="empty")
        self._detail = Text(id="agent")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        yield TopLine("agents")
        with Vertical(id="work"):
            yield self._head
            yield self._rows
            yield self._empty
            yield self._detail
        yield self._notice
        yield KeyHints("agents", "main")
        yield StatusBar()

    def on_mount(self) -> None:
        self._rows.focus()
        self._head.show(f"  {'agent':<{NAME_WIDTH}} {'mode':<{MODE_WIDTH}} {'approvals':<{ASKS_WIDTH}} state")

    @on(ScreenResume)
    def reload(self) -> None:
        """Ask again who is registered, and who may use what."""
        self._grants = {}
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        answer = await ask(self._client, ListAgents(), self.post_message)
        if answer is not None:
            self.post_message(AgentsLoaded(answer.items))

    @on(AgentsLoaded)
    def _take(self, loaded: AgentsLoaded) -> None:
        self._agents = {agent.id: agent for agent in loaded.agents}
        self._draw()

    @on(Resize)
    def _draw(self) -> None:
        width = max(40, self.size.width - 4)
        self._rows.show_rows([Row(agent.id, _row(agent, width)) for agent in self._agents.values()])
        self._rows.display = self._detail.display = self._head.display = bool(self._agents)
        self._empty.display = not self._agents
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        if (agent := self._selected()) is None:
            return
        self._detail.show(_in_full(agent, self._grants.get(agent.id)))
        if agent.id not in self._grants:
            self._load_grants(agent.id)

    @work(exclusive=True, group="grants")
    async def _load_grants(self, agent_id: str) -> None:
        answer = await ask(self._client, GetAgentPermissions(agent_id=agent_id), self.post_message)
        if answer is not None:
            self.post_message(GrantsLoaded(agent_id, answer.items))

    @on(GrantsLoaded)
    def _take_grants(self, loaded: GrantsLoaded) -> None:
        self._grants[loaded.agent_id] = loaded.grants
        self._describe()

    def _selected(self) -> Agent | None:
        return self._agents.get(self._rows.selected_id or "")

    # What the keys do -----------------------------------------------------------------------------------------------

    def action_new_agent(self) -> None:
        """Register an agent."""
        words = Content("It starts enforced, and gets no credential: it acts through the proxy.")
        prompt = PromptScreen(Content("Register an agent"), words, "Name (lower-case letters, digits, hyphens):")
        self.app.push_screen(prompt, self._register_if)

    def _register_if(self, name: str | None) -> None:
        if name is None:
            return
        try:
            request = RegisterAgent(name=name)
        except ValueError:
            self._notice.refuse(refusal(InvalidRequest("a name has lower-case letters, digits and hyphens only")))
            return
        self._change(request, "registered; press k for its key")

    def action_new_key(self) -> None:
        """Mint a key for the agent."""
        if (agent := self._selected()) is None:
            return
        words = Content.assemble("A key that stands for ", visible(agent.name, 64), " alone. It is shown once.")
        self.app.push_screen(ConfirmScreen("Mint a key?", words, yes="Mint it"), partial(self._mint_if, agent))

    def _mint_if(self, agent: Agent, is_sure: bool | None) -> None:
        if is_sure:
            self._mint(agent)

    @work(group="change")
    async def _mint(self, agent: Agent) -> None:
        request = CreateKey(preset="agent", label=agent.name[:64], agent_id=agent.id)
        created = await ask(self._client, request, self.post_message)
        if created is not None:
            self.post_message(KeyCreated(created))

    @on(KeyCreated)
    def _show_key(self, message: KeyCreated) -> None:
        self.app.push_screen(KeyScreen(message.created))

    def action_asks(self) -> None:
        """Choose which calls ask."""
        if (agent := self._selected()) is None:
            return
        choices = {asks.value: Content(words) for asks, words in ASKS_WORDS.items()}
        title = Content.assemble("Which calls of ", visible(agent.name, 64).stylize("bold"), " ask you?")
        screen = ChooseScreen(title, choices, first=agent.approvals.value)
        self.app.push_screen(screen, partial(self._set_asks, agent))

    def _set_asks(self, agent: Agent, chosen: str | None) -> None:
        if chosen is None or chosen == agent.approvals.value:
            return
        request = UpdateAgent(agent_id=agent.id, approvals=Asks(chosen))
        if chosen != Asks.NEVER.value:
            self._change(request, ASKS_WORDS[Asks(chosen)])
            return
        words = Content.assemble("Calls of ", visible(agent.name, 64), " go out without asking anybody.")
        self.app.push_screen(ConfirmScreen("Ask nobody?", words, yes="Ask nobody"), partial(self._change_if, request))

    def action_pause(self) -> None:
        """Suspend, or let go on."""
        if (agent := self._selected()) is None:
            return
        is_active = agent.status is AgentStatus.ACTIVE
        status = AgentStatus.SUSPENDED if is_active else AgentStatus.ACTIVE
        request = UpdateAgent(agent_id=agent.id, status=status)
        verb = "Suspend" if is_active else "Let go on"
        words = Content.assemble(
            visible(agent.name, 64), " makes no call until you let it." if is_active else " may act again."
        )
        self.app.push_screen(ConfirmScreen(f"{verb}?", words, yes=verb), partial(self._change_if, request))

    def action_take_away(self) -> None:
        """Take all grants from an agent, and revoke its passports."""
        if (agent := self._selected()) is None:
            return
        words = Content.assemble(
            visible(agent.name, 64), " may use nothing any more, and its passports fall at once.\n",
            "You can grant services again; the passports do not come back.",
        )  # fmt: skip
        question = ConfirmScreen("Take everything away?", words, yes="Take it")
        self.app.push_screen(question, partial(self._take_away_if, agent))

    def _take_away_if(self, agent: Agent, is_sure: bool | None) -> None:
        if is_sure:
            self._change(RevokeAgentAccess(agent_id=agent.id), "it may use nothing any more")

    def action_unblock(self) -> None:
        """Let a blocked agent hold passports again."""
        agent = self._selected()
        if agent is None or not agent.passport_blocked:
            self._notice.warn("this agent is not blocked")
            return
        words = Content.assemble(visible(agent.name, 64), " may hold passports again.")
        question = ConfirmScreen("Unblock?", words, yes="Unblock")
        self.app.push_screen(question, partial(self._change_if, UnblockAgent(agent_id=agent.id)))

    def _change_if(self, request: Request[Agent], is_sure: bool | None) -> None:
        if is_sure:
            self._change(request, "done")

    @work(group="change")
    async def _change(self, request: Request[Any], words: str) -> None:
        answer: View | None = await ask(self._client, request, self.post_message)
        if answer is not None:
            self.post_message(Done(words))
            self.reload()

    # Granting -------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="grant")
    async def action_grant(self) -> None:
        """Ask which connection to grant."""
        answer = await ask(self._client, ListConnections(), self.post_message)
        if answer is not None:
            self.post_message(ServicesLoaded(answer.items))

    @on(ServicesLoaded)
    def _choose_connection(self, loaded: ServicesLoaded) -> None:
        agent = self._selected()
        if agent is None or not loaded.connections:
            self._notice.warn("connect a service first: press 4, then c")
            return
        known = {connection.id: connection for connection in loaded.connections}
        choices = {
            connection.id: Content.assemble(visible(connection.name, 30), " · ", visible(connection.account or "", 30))
            for connection in loaded.connections
        }
        title = Content.assemble("What may ", visible(agent.name, 64).stylize("bold"), " use, with all its scopes?")
        screen = ChooseScreen(title, choices, first=None)
        self.app.push_screen(screen, partial(self._grant_chosen, agent, known))

    def _grant_chosen(self, agent: Agent, known: dict[str, Connection], chosen: str | None) -> None:
        if chosen is not None:
            connection = known[chosen]
            request = GrantAgentAccess(agent_id=agent.id, service_connection_id=chosen, scopes=connection.scopes)
            self._change(request, "granted")

    @on(Done)
    def _tell(self, done: Done) -> None:
        self._notice.tell(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _row(agent: Agent, width: int) -> Content:
    room = max(8, width - NAME_WIDTH - MODE_WIDTH - ASKS_WIDTH - 3)
    parts = [
        column(fitted(agent.name, NAME_WIDTH), NAME_WIDTH),
        Content(f"{agent.accountability_mode:<{MODE_WIDTH}}"),
        Content(f"{ASKS_WORDS[agent.approvals]:<{ASKS_WIDTH}}"),
        Content.assemble((_state(agent), "bold" if agent.passport_blocked else "")).truncate(room, ellipsis=True),
    ]
    return Content(" ").join(parts)


def _state(agent: Agent) -> str:
    return "BLOCKED" if agent.passport_blocked else str(agent.status)


def _in_full(agent: Agent, grants: list[Grant] | None) -> Content:
    lines = [
        Content.assemble(visible(agent.name, 64).stylize("bold"), " · ", visible(agent.id, 40)),
        Content(
            f"{agent.accountability_mode} · {agent.credential_access}"
            f" · on warning {agent.on_warning}, on critical {agent.on_critical}"
        ),
    ]
    if grants is not None:
        lines.append(Content.assemble(("may use ", "$foreground-muted"), _grants_in_words(grants)))
    if agent.passport_blocked:
        lines.append(
            Content.assemble(("blocked: ", "bold"), visible(agent.passport_blocked_reason or "no reason given", 200))
        )
    if agent.description:
        lines.append(visible(agent.description, 256))
    return Content("\n").join(lines)


def _grants_in_words(grants: list[Grant]) -> Content:
    if not grants:
        return Content("nothing: press g to grant a service")
    named = [
        Content.assemble(visible(grant.service_name, 40), " (", visible(", ".join(grant.scopes), 60), ")")
        for grant in grants[:GRANTS_SHOWN]
    ]
    more = [Content(f"(+{len(grants) - GRANTS_SHOWN})")] if len(grants) > GRANTS_SHOWN else []
    return Content(" · ").join([*named, *more])
