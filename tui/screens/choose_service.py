"""Which service to connect: the catalogue, narrowed by typing, and a service of one's own on top."""

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList

from stack_local.client import Client
from stack_local.wire.services import CredentialTemplate, ListCredentialTemplates
from tui.asking import ask
from tui.catalogue import Choice, choice_row, matches
from tui.messages import Refused, TemplatesLoaded
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.row_list import Row, RowList
from tui.widgets.text import Text

CUSTOM = "custom"
CUSTOM_ROW = Row(CUSTOM, Content.assemble(("Custom…", "bold"), "  a service of your own, by its hosts"))
FRAME = 14
"""Cells of a row that the frame, the padding, the cursor and the scroll bar take."""


class ChooseServiceScreen(ModalScreen[Choice | None]):
    """Answers with the service taken. The typing starts in the filter; nothing is connected here."""

    CSS_PATH = "choose_service.tcss"
    BINDINGS = [  # noqa: RUF012 (Textual reads it as it is)
        ("escape", "leave", "Leave it"),
        ("down", "move(1)", "Down"),
        ("up", "move(-1)", "Up"),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._templates: dict[str, CredentialTemplate] = {}
        self._filter = Input(id="filter", placeholder="type a name or a host", compact=True, max_length=100)
        self._rows = RowList(id="choices")
        self._rows.can_focus = False
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text("Connect which service?", id="title")
            yield self._filter
            yield self._rows
            yield self._notice
            yield Text(hints([("↑↓", "choose"), ("Enter", "take it"), ("Esc", "leave it")]), id="keys")

    def on_mount(self) -> None:
        self._filter.focus()
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        answer = await ask(self._client, ListCredentialTemplates(), self.post_message)
        if answer is not None:
            self.post_message(TemplatesLoaded(answer.items))

    @on(TemplatesLoaded)
    def _take_templates(self, loaded: TemplatesLoaded) -> None:
        known = sorted(loaded.templates, key=lambda template: template.name.casefold())
        self._templates = {template.provider: template for template in known if template.is_service}
        self._draw()

    @on(Resize)
    @on(Input.Changed)
    def _draw(self) -> None:
        found = self._found()
        width = min(self.size.width, 100) - FRAME
        rows = [Row(f"service {known.provider}", choice_row(known, width)) for known in found]
        self._rows.show_rows([CUSTOM_ROW, *rows])
        # Who typed a name means the first that has it, and not a service of their own.
        self._rows.highlighted = 1 if found and self._filter.value.strip() else 0

    def _found(self) -> Sequence[CredentialTemplate]:
        return [known for known in self._templates.values() if matches(known, self._filter.value)]

    def action_move(self, steps: int) -> None:
        """Move the cursor, while the typing stays in the filter."""
        last = self._rows.option_count - 1
        self._rows.highlighted = max(0, min(last, (self._rows.highlighted or 0) + steps))

    def action_leave(self) -> None:
        """Connect nothing."""
        self.dismiss(None)

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _take(self) -> None:
        chosen = self._rows.selected_id
        if chosen is not None:
            self.dismiss(Choice(self._templates.get(chosen.removeprefix("service "))))

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)
