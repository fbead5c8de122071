"""The exact bytes of one pending decision, as hex and text."""

import json

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen

from stack_local.wire.decisions import PendingDecision
from stack_local.wire.intents import ExactCall
from tui.calls import where
from tui.format import byte_size, visible
from tui.pending import AskedCall, Pending
from tui.widgets.hex_view import HexView
from tui.widgets.key_hints import hints
from tui.widgets.text import Text


class BytesScreen(ModalScreen[bool]):
    """Answers whether its end was reached."""

    CSS_PATH = "bytes.tcss"
    BINDINGS = [("escape,q,x", "leave", "Back")]  # noqa: RUF012 (Textual reads it as it is)

    def __init__(self, pending: Pending) -> None:
        super().__init__()
        self._pending = pending
        self._content = bytes_of(pending)
        self._view = HexView(self._content)
        self._reached_end = False

    def compose(self) -> ComposeResult:
        yield Text(self._title(), id="title")
        yield self._view
        yield Text(hints([("↑↓ PgDn", "scroll"), ("End", "last line"), ("Esc", "back")]), id="keys")

    def on_mount(self) -> None:
        self._view.focus()
        self.watch(self._view, "scroll_y", self._note_end, init=False)
        self.call_after_refresh(self._note_end)

    def action_leave(self) -> None:
        """Back to the queue."""
        self.dismiss(self._reached_end)

    def _note_end(self) -> None:
        self._reached_end = self._reached_end or self._view.is_at_end

    def _title(self) -> Content:
        size = byte_size(len(self._content))
        match self._pending.item:
            case AskedCall() as asked:
                digest = visible(asked.call.digest, 64)
                return Content.assemble(
                    where(asked.call), f"  ·  {size} bound by digest ", digest[:16], "\n",
                    "Headers in the order kept; the credential is added when it is sent.",
                )  # fmt: skip
            case PendingDecision() as decision:
                return Content.assemble(visible(decision.operation, 60), f"  ·  {size} of arguments, as asked")


def bytes_of(pending: Pending) -> bytes:
    """What is bound: the request without its credential, or the arguments of the change."""
    match pending.item:
        case AskedCall() as asked:
            return _request_bytes(asked.call)
        case PendingDecision() as decision:
            return json.dumps({"operation": decision.operation, "arguments": decision.arguments}, indent=2).encode()


def _request_bytes(call: ExactCall) -> bytes:
    target = call.path if call.query is None else f"{call.path}?{call.query}"
    headers = dict(call.headers)
    if call.content_type is not None:
        headers["content-type"] = call.content_type
    lines = [f"{call.method} {target}", f"host: {call.host}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", call.body or ""]).encode("utf-8", "surrogatepass")
