"""A log-in at a service: where the person's browser goes, and how it stands."""

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from stack_local.client import Client
from stack_local.wire.connecting import ConnectAttempt, GetConnectAttempt
from tui.asking import ask
from tui.format import clock_time, visible, visible_block
from tui.messages import AttemptReached, Refused
from tui.widgets.key_hints import hints
from tui.widgets.notice import Notice
from tui.widgets.text import Text

POLL_SECONDS = 2.0
"""Between two looks at a log-in; a change that the appliance tells of is looked at sooner."""

WORDS = {
    "waiting": "It waits for you.",
    "redeeming": "You are back; the service is asked for the token.",
    "connected": "It is connected.",
    "failed": "It was refused: ",
    "expired": "It is over: nobody came back in time. Begin it again.",
}
UNDER_WAY = ("waiting", "redeeming")


class LogInScreen(ModalScreen[str | None]):
    """Answers with the id of the connection that came of it. Nothing is opened: the person takes the address there."""

    CSS_PATH = "log_in.tcss"
    BINDINGS = [("escape", "leave", "Leave it"), ("enter", "look", "Look now")]  # noqa: RUF012

    def __init__(self, client: Client, attempt_id: str) -> None:
        super().__init__()
        self._client = client
        self._attempt_id = attempt_id
        self._state = Text("Asking how to log in…", id="state")
        self._where = Text(id="where")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Text("Log in at the service", id="title")
            yield self._state
            with VerticalScroll(id="body"):
                yield self._where
            yield self._notice
            yield Text(hints([("Enter", "look now"), ("Esc", "leave it; the log-in goes on until it is over")]))

    def on_mount(self) -> None:
        self._polling = self.set_interval(POLL_SECONDS, self.reload)
        # An answer that came before the first layout would be drawn in the height of what stood there.
        self.call_after_refresh(self.reload)

    def reload(self) -> None:
        """Ask again how it stands."""
        self._poll()

    def action_look(self) -> None:
        """Ask now."""
        self.reload()

    @work(exclusive=True, group="poll")
    async def _poll(self) -> None:
        answer = await ask(self._client, GetConnectAttempt(attempt_id=self._attempt_id), self.post_message)
        if answer is not None:
            self.post_message(AttemptReached(answer))

    @on(AttemptReached)
    def _take(self, reached: AttemptReached) -> None:
        attempt = reached.attempt
        if attempt.status not in UNDER_WAY:
            self._polling.stop()
        if attempt.status == "connected" and attempt.connection_id is not None:
            self.dismiss(attempt.connection_id)
            return
        self._state.show(_state(attempt))
        self._where.show(_where(attempt) if attempt.status in UNDER_WAY else "")

    def action_leave(self) -> None:
        """Stop looking; who logs in within the time is connected all the same."""
        self.dismiss(None)

    @on(Refused)
    def _tell_refused(self, refused: Refused) -> None:
        refused.stop()
        self._notice.refuse(refused)


def _state(attempt: ConnectAttempt) -> Content:
    reason = visible(attempt.reason or "no reason was given", 300) if attempt.status == "failed" else ""
    until = f" Until {clock_time(attempt.expires_at)}." if attempt.status in UNDER_WAY else ""
    return Content.assemble((WORDS[attempt.status], "bold"), reason, until)


def _where(attempt: ConnectAttempt) -> Content:
    """The address in full: a cut one would lead elsewhere."""
    lines: list[Content] = []
    if attempt.user_code is not None:
        lines += [
            Content.assemble("Open ", visible_block(attempt.verification_uri or "the service's page", 2000)),
            Content.assemble("and type there ", visible(attempt.user_code, 64).stylize("bold")),
        ]
    if attempt.authorization_url is not None:
        lines += [Content("Open this address in your browser:"), visible_block(attempt.authorization_url, 8000)]
    return Content("\n").join(lines)
