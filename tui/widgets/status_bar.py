"""The status bar: address, state, what waits, the head of the chain, and what to beware of."""

from textual.content import Content

from stack_local.wire.vault import ApplianceStatus
from tui.format import visible
from tui.widgets.text import Text

ADVISORY = "approvals advisory"
"""Said where an agent may run as the same user as the appliance and could reach around it."""


class StatusBar(Text):
    """One line at the foot of every main screen; an alarm stands above it."""

    DEFAULT_CSS = """
    StatusBar { height: auto; max-height: 2; padding: 0 1; background: $panel; }
    StatusBar { text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("connecting…")
        self._status: ApplianceStatus | None = None

    def show_status(self, status: ApplianceStatus) -> None:
        """Show the appliance's status."""
        self._status = status
        self.show(_words(status))

    def show_lost(self, retry_seconds: float) -> None:
        """Say that nobody answers; what was known stays on the screen above."""
        self.show(Content.assemble(("! connection lost", "bold $warning"), f", retrying in {retry_seconds:.0f} s"))


def _words(status: ApplianceStatus) -> Content:
    address = status.base_url.partition("://")[2] or status.base_url
    head = f"#{status.chain_sequence} {visible(status.chain_head[:8], 8).plain}"
    alarm = [] if status.alarm is None else [Content.assemble(("! ALARM: ", "bold $error"), visible(status.alarm, 60))]
    parts = [visible(address, 40), Content(status.state), Content(f"{status.pending} pending"), Content(head)]
    if status.in_doubt:
        # In place of the head's digest: what is to be done must be seen whole at 80 columns.
        parts[3:] = [
            Content.assemble((f"{status.in_doubt} in doubt", "bold $warning")),
            Content(f"#{status.chain_sequence}"),
        ]
    if status.approvals_advisory:
        parts.append(Content.assemble((ADVISORY, "bold $warning")))
    return Content("\n").join([*alarm, Content(" · ").join(parts)])
