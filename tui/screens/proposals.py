"""What agents would like connected: who asks for which service, with what permissions, and why."""

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import OptionList

from stack_local.client import Client
from stack_local.wire.proposals import DeclineProposal, ListProposals, Proposal
from tui.asking import ask
from tui.format import column, fitted, visible
from tui.messages import Done, ProposalsLoaded, Refused
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.text import Text

EMPTY = "No agent asks for a service."
PROVIDER_WIDTH, NAME_WIDTH = 18, 20
FRAME = 8
"""Cells of a row that the frame, the padding, the cursor and the scroll bar take."""


class ProposalsScreen(ModalScreen[Proposal | None]):
    """Answers with the proposal to complete. Everything in it is an agent's word."""

    CSS_PATH = "proposals.tcss"
    BINDINGS = [("escape", "leave", "Leave it"), ("d", "decline", "Decline it")]  # noqa: RUF012

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._proposals: dict[str, Proposal] = {}
        self._rows = RowList(id="choices")
        self._detail = Text(id="proposal")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text("Services that agents ask for", id="title")
            yield self._rows
            with VerticalScroll(id="body"):
                yield self._detail
            yield self._notice
            yield Text(hints([("Enter", "fill it in"), ("d", "decline"), ("Esc", "leave it")]))

    def on_mount(self) -> None:
        self._rows.focus()
        # An answer that came before the first layout would be drawn in the height of what stood there.
        self.call_after_refresh(self.reload)

    def reload(self) -> None:
        """Ask again what is proposed."""
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        answer = await ask(self._client, ListProposals(), self.post_message)
        if answer is not None:
            self.post_message(ProposalsLoaded(answer.items))

    @on(ProposalsLoaded)
    def _take_proposals(self, loaded: ProposalsLoaded) -> None:
        self._proposals = {proposal.id: proposal for proposal in loaded.proposals}
        self._draw()

    @on(Resize)
    def _draw(self) -> None:
        width = min(self.size.width, 100) - FRAME
        self._rows.show_rows([Row(known.id, _row(known, width)) for known in self._proposals.values()])
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        proposal = self._selected()
        self._detail.show(EMPTY if proposal is None else _in_full(proposal))

    def _selected(self) -> Proposal | None:
        return self._proposals.get(self._rows.selected_id or "")

    def action_leave(self) -> None:
        """Decide nothing."""
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _complete(self) -> None:
        if (proposal := self._selected()) is not None:
            self.dismiss(proposal)

    @work(group="change")
    async def action_decline(self) -> None:
        """Say no to the one shown; nothing is revoked."""
        if (proposal := self._selected()) is None:
            return
        if await ask(self._client, DeclineProposal(proposal_id=proposal.id), self.post_message) is not None:
            self.post_message(Done(f"declined: {visible(proposal.name, 60).plain}"))
            self._load()

    @on(Done)
    def _tell(self, done: Done) -> None:
        done.stop()
        self._notice.tell(done.words)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _row(proposal: Proposal, width: int) -> Content:
    room = width - PROVIDER_WIDTH - NAME_WIDTH - 2
    parts = [
        column(fitted(proposal.provider, PROVIDER_WIDTH), PROVIDER_WIDTH),
        column(fitted(proposal.name, NAME_WIDTH), NAME_WIDTH),
        fitted(f"by {proposal.asked_by}", room),
    ]
    return Content(" ").join(parts)


def _in_full(proposal: Proposal) -> Content:
    return Content("\n").join(
        [
            Content.assemble(visible(proposal.provider, 64).stylize("bold"), " as ", visible(proposal.name, 64)),
            Content.assemble("asked by ", visible(proposal.asked_by, 120)),
            Content.assemble("permissions ", visible(", ".join(proposal.scopes) or "not said", 300)),
            Content.assemble("because ", visible(proposal.reason or "no reason was given", 500)),
        ]
    )
