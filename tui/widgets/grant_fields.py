"""What a new connection may be used for, and by which agent: the end of every dialogue that connects one."""

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Select

from stack_local.client import Client
from stack_local.wire.agents import Agent, ListAgents
from tui.asking import ask
from tui.connecting import agent_choice
from tui.messages import AgentsLoaded
from tui.widgets.form_line import FormLine
from tui.widgets.tick import Tick

NOBODY = ""


class GrantFields(Vertical):
    """Loads the agents itself; a refusal goes to the screen."""

    DEFAULT_CSS = "GrantFields { height: auto; }"

    def __init__(self, client: Client, *, asker: str | None = None) -> None:
        """`asker`: the id of the agent that is offered first."""
        super().__init__()
        self._client = client
        self._asker = asker
        self._agents: dict[str, Agent] = {}
        self._reads = Tick("read", value=True, id="reads", compact=True)
        self._writes = Tick("write", value=True, id="writes", compact=True)
        self._asks = Tick("reads ask me too", id="asks", compact=True)
        self._agent = Select[str]([(Content("nobody yet"), NOBODY)], id="agent", allow_blank=False, compact=True)

    @property
    def agent(self) -> Agent | None:
        """Whom it is granted to, in the same step."""
        return self._agents.get(str(self._agent.value))

    @property
    def scopes(self) -> list[str]:
        """What an agent may be granted of it."""
        return [name for name, box in (("read", self._reads), ("write", self._writes)) if box.value]

    @property
    def asks_everything(self) -> bool:
        """Whether reads wait for a person too."""
        return self._asks.value

    def compose(self) -> ComposeResult:
        yield FormLine("May", self._reads, self._writes, self._asks)
        yield FormLine("Grant to", self._agent)

    def on_mount(self) -> None:
        self._load_agents()

    @work(exclusive=True, group="load")
    async def _load_agents(self) -> None:
        answer = await ask(self._client, ListAgents(), self.post_message)
        if answer is not None:
            self.post_message(AgentsLoaded(answer.items))

    @on(AgentsLoaded)
    def _offer_agents(self, loaded: AgentsLoaded) -> None:
        loaded.stop()
        self._agents = {agent.id: agent for agent in loaded.agents}
        offered = [(agent_choice(agent), agent.id) for agent in loaded.agents]
        self._agent.set_options([(Content("nobody yet"), NOBODY), *offered])
        self._agent.value = self._asker if self._asker is not None and self._asker in self._agents else NOBODY
