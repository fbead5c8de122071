"""One waiting decision, of either kind: a call that an agent asks for, or a change that loosens a control."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from stack_local.wire.decisions import ApproveDecision, PendingDecision, RejectDecision
from stack_local.wire.intents import ApproveIntent, ExactCall, IntentApproval, RejectIntent, SendBackIntent
from tui.format import column, fitted, visible

DecisionRequest = ApproveIntent | SendBackIntent | RejectIntent | ApproveDecision | RejectDecision
"""What a person's answer becomes."""


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call that an agent asks for. An approval whose bytes are gone cannot be judged, and is none."""

    approval: IntentApproval
    call: ExactCall

    @property
    def id(self) -> str:
        """The approval's id."""
        return self.approval.id

    @property
    def submitted_at(self) -> datetime:
        """Since when it waits."""
        return self.approval.submitted_at

    @property
    def expires_at(self) -> datetime:
        """Until when it waits."""
        return self.approval.expires_at


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits, with what a yes to it is bound to."""

    item: AskedCall | PendingDecision
    binding: tuple[str, str]
    """Id and digest: a decision holds for these two and nothing else."""

    @property
    def id(self) -> str:
        """Its id: what a decision names."""
        return self.item.id

    def row(self, left: str, width: int) -> Content:
        """The row of the queue: what kind, what, who, and how long yet."""
        who_width = 18 if width >= 70 else 12
        what_width = max(10, width - 9 - who_width - 11)
        parts = [self._kind(), column(self._what(what_width), what_width)]
        return Content(" ").join([*parts, column(self._who(who_width), who_width), Content(f"{left:>9}")])

    def _kind(self) -> Content:
        return Content("call   " if isinstance(self.item, AskedCall) else "control")

    def _what(self, width: int) -> Content:
        match self.item:
            case AskedCall() as asked:
                method = visible(asked.call.method, 7)
                room = width - method.cell_length - 1
                return Content.assemble(method.stylize("bold"), " ", fitted(asked.call.host + asked.call.path, room))
            case PendingDecision() as decision:
                return fitted(decision.summary, width)

    def _who(self, width: int) -> Content:
        match self.item:
            case AskedCall() as asked:
                return fitted(asked.approval.agent_name, width)
            case PendingDecision() as decision:
                return fitted(decision.asked_by, width)


def oldest_first(intents: Sequence[IntentApproval], decisions: Sequence[PendingDecision]) -> list[Pending]:
    """Both kinds as one queue."""
    calls = [
        Pending(AskedCall(intent, intent.call), (intent.id, intent.call.digest))
        for intent in intents
        if intent.call is not None
    ]
    found = [*calls, *(Pending(decision, (decision.id, _digest(decision))) for decision in decisions)]
    return sorted(found, key=lambda pending: pending.item.submitted_at)


def _digest(decision: PendingDecision) -> str:
    return hashlib.sha256(json.dumps(decision.model_dump(mode="json")).encode()).hexdigest()


def queue_head(width: int) -> str:
    """The heads of the columns that `row` draws."""
    who_width = 18 if width >= 70 else 12
    what_width = max(10, width - 9 - who_width - 11)
    return f"  {'kind':<7} {'what':<{what_width}} {'asked by':<{who_width}} {'time left':>9}"
