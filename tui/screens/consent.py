"""Letting a client in: who asks, where its answer goes, as which agent, and how far it may use each connection."""

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList

from stack_local.domain.consents import Posture
from stack_local.domain.scopes import DESCRIPTIONS
from stack_local.system import System
from stack_local.wire.agents import Agent
from stack_local.wire.consents import ConsentRequest, GiveConsent
from stack_local.wire.services import Connection
from tui.arming import Arming
from tui.format import column, fitted, visible
from tui.screens.choose import ChooseScreen
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.text import Text

NO, YES = "no", "yes"
NEW_AGENT = "new"
POSTURE_WORDS = {
    Posture.NONE: "not at all",
    Posture.READ: "reads only",
    Posture.ASK: "reads, and asks you before it writes",
}
SERVICE_WIDTH = 28


class ConsentScreen(ModalScreen[GiveConsent | None]):
    """Answers with the request to send. The cursor starts on what decides nothing."""

    CSS_PATH = "consent.tcss"
    BINDINGS = [  # noqa: RUF012 (Textual reads it as it is)
        ("escape", "leave", "Leave without deciding"),
        ("space", "change", "Change how far"),
        ("g", "choose_agent", "As which agent"),
    ]

    def __init__(
        self, asked: ConsentRequest, connections: Sequence[Connection], agents: Sequence[Agent], system: System
    ) -> None:
        super().__init__()
        self._asked = asked
        self._connections = {known.id: known for known in connections if known.status == "connected"}
        self._agents = {known.id: known for known in agents}
        self._postures = dict.fromkeys(self._connections, Posture.NONE)
        self._agent_id = asked.known_agent_id if asked.known_agent_id in self._agents else None
        self._arming = Arming(system)
        self._choices = RowList(id="choices")
        self._as_whom = Text(id="agent")
        self._sentence = Text(id="sentence")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text(_title(self._asked))
            yield Text(_facts(self._asked))
            yield self._as_whom
            yield self._choices
            yield self._sentence
            yield self._notice
            yield Text(hints([("Enter", "take it"), ("Space", "how far"), ("g", "as whom"), ("Esc", "decide nothing")]))

    def on_mount(self) -> None:
        self._arming.show(self._asked.id)
        self._draw()
        self._choices.highlighted = list(self._rows()).index(NO)
        self._choices.focus()

    def action_leave(self) -> None:
        """Leave without deciding."""
        self.dismiss(None)

    def action_change(self) -> None:
        """The next posture for the connection the cursor is on."""
        chosen = self._choices.selected_id or NO
        if chosen in self._postures:
            order = list(Posture)
            self._postures[chosen] = order[(order.index(self._postures[chosen]) + 1) % len(order)]
            self._draw()

    def action_choose_agent(self) -> None:
        """Ask as which agent."""
        choices = {NEW_AGENT: Content("a new agent of its own")}
        choices |= {known.id: visible(known.name, 50) for known in self._agents.values()}
        title = Content("As which agent? It may then also use what that agent may use already.")
        self.app.push_screen(ChooseScreen(title, choices, first=self._agent_id or NEW_AGENT), self._take_agent)

    def _take_agent(self, chosen: str | None) -> None:
        if chosen is not None:
            self._agent_id = None if chosen == NEW_AGENT else chosen
            self._draw()

    def _rows(self) -> Mapping[str, Content]:
        rows = {known.id: self._service_row(known) for known in self._connections.values()}
        return {**rows, NO: Content("Decide nothing"), YES: Content("Let it in, as said above")}

    def _service_row(self, known: Connection) -> Content:
        return Content.assemble(
            column(fitted(known.name, SERVICE_WIDTH), SERVICE_WIDTH), " ", POSTURE_WORDS[self._postures[known.id]]
        )

    def _draw(self) -> None:
        self._choices.show_rows([Row(row_id, words) for row_id, words in self._rows().items()])
        agent = self._agents.get(self._agent_id or "")
        named = Content("a new agent of its own") if agent is None else visible(agent.name, 50).stylize("bold")
        self._as_whom.show(Content.assemble(("As        ", "$foreground-muted"), named))
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        chosen = self._choices.selected_id or NO
        if chosen == YES:
            used = sum(posture is not Posture.NONE for posture in self._postures.values())
            kept = "" if self._agent_id is None else " beside what that agent may use already"
            self._sentence.show(f"The client gets tokens at once; it may use {used} of your services{kept}.")
        elif chosen == NO:
            self._sentence.show("It goes on waiting.")
        else:
            self._sentence.show("Space or Enter changes how far it may use this service.")

    @on(OptionList.OptionSelected)
    def _choose(self) -> None:
        match self._choices.selected_id:
            case "yes" if not self._arming.is_armed:
                self._notice.warn("arming… read who asks, then press Enter again")
            case "yes":
                self.dismiss(self._request())
            case "no" | None:
                self.dismiss(None)
            case _:
                self.action_change()

    def _request(self) -> GiveConsent:
        # Another agent's grants stay as they are where nothing was chosen for it.
        said = {
            connection_id: posture for connection_id, posture in self._postures.items() if posture is not Posture.NONE
        }
        return GiveConsent(request_id=self._asked.id, agent_id=self._agent_id, postures=said)


def _title(asked: ConsentRequest) -> Content:
    name = visible(asked.client_name, 44)
    return Content.assemble(
        ("Let ", "bold"), name.stylize("bold"), (" in?   tag ", "bold"), (asked.tag, "bold reverse")
    )


def _facts(asked: ConsentRequest) -> Content:
    where = visible(asked.redirect_host or "this command itself", 60)
    published = (
        [Content.assemble(("Named by  ", "$foreground-muted"), visible(asked.client_id, 60))]
        if asked.client_id.startswith("https:")
        else []
    )
    lines = [
        *published,
        Content.assemble(("Answer to ", "$foreground-muted"), where.stylize("bold")),
        Content.assemble(("It may    ", "$foreground-muted"), scopes_in_words(asked.scopes)),
    ]
    if asked.is_loopback:
        warning = ("! Any program of this machine may listen there: only if you began this log-in.", "bold $warning")
        lines.insert(len(published) + 1, Content.assemble(warning))
    return Content("\n").join(lines)


def scopes_in_words(scopes: Sequence[str]) -> Content:
    """What the scopes allow, as the consent page says it."""
    return Content("; ").join([visible(DESCRIPTIONS.get(scope, scope), 80) for scope in scopes])
