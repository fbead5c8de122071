"""Editing a call before the yes: its URL, query, headers and body as texts."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.intents import CallEdits, ExactCall
from tui.asking import refusal
from tui.calls import is_json, where
from tui.differences import changes
from tui.edits import Draft, apply, draft, parse
from tui.format import plural
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.text import Text


class EditScreen(ModalScreen[CallEdits | None]):
    """Answers with what was changed. The difference is shown while typing, and again before the yes."""

    CSS_PATH = "edit.tcss"
    BINDINGS = [  # noqa: RUF012 (Textual reads it as it is)
        ("ctrl+s", "review", "Go on to the yes"),
        ("escape", "leave", "Leave the call as it is"),
    ]

    def __init__(self, call: ExactCall) -> None:
        super().__init__()
        self._call = call
        self._draft: Draft | None = None
        self._url = Input(id="url", compact=True, max_length=8192)
        self._query = TextArea(id="query", compact=True, tab_behavior="focus")
        self._headers = TextArea(id="headers", compact=True, tab_behavior="focus")
        self._body = TextArea(id="body", compact=True, tab_behavior="focus")
        self._difference = Text(id="difference")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        yield Text(Content.assemble("Edit ", where(self._call)), id="title")
        with Vertical(id="fields"):
            yield Text("URL, without its query")
            yield self._url
            yield Text("Query (JSON)")
            yield self._query
            yield Text("Headers (JSON)")
            yield self._headers
            yield Text("Body (JSON)" if is_json(self._call) else "Body (text)")
            yield self._body
        yield self._difference
        yield self._notice
        yield Text(hints([("Tab", "next field"), ("^s", "go on to the yes"), ("Esc", "leave it as it is")]), id="keys")

    def on_mount(self) -> None:
        try:
            self._draft = draft(self._call)
        except InvalidRequest as refused:
            self._notice.refuse(refusal(refused))
            self.query_one("#fields").disabled = True
            return
        self._url.value = self._draft.url
        self._query.text = self._draft.query
        self._headers.text = self._draft.headers
        self._body.text = self._draft.body
        self._body.focus()

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def action_review(self) -> None:
        """Go on to the yes with what was changed."""
        edits = self._edits()
        if edits is None:
            return
        if not edits.model_fields_set:
            self._notice.warn("nothing is changed yet")
            return
        self.dismiss(edits)

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _show_difference(self) -> None:
        edits = self._edits()
        if edits is None:
            return
        self._notice.clear_words()
        found = list(changes(self._call, apply(self._call, edits)))
        words = [found[0].in_words()] if found else [Content("no change yet")]
        more = [Content(f"and {plural(len(found) - 1, 'more change')}")] if len(found) > 1 else []
        self._difference.show(Content(" · ").join([*words, *more]))

    def _edits(self) -> CallEdits | None:
        if self._draft is None:
            return None
        after = Draft(self._url.value, self._query.text, self._headers.text, self._body.text)
        try:
            return parse(self._draft, after, json_body=is_json(self._call))
        except InvalidRequest as refused:
            self._notice.refuse(refusal(refused))
            return None
