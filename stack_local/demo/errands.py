"""What the stand-in for a hosted model says next: its errands, and the step that follows from what it has seen.

Pure, and the same on every run. It does what a model does that reads the tool list: find the service, ask before a
write, follow the approval, make the call, and stop at a no.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stack_local.wire.services import Services
from stack_local.wire.types import JsonBody

LIST_SERVICES = "stack_list_services"
SUBMIT = "stack_submit_intent"
LOOK = "stack_get_intent_approval"
PROXY = "stack_proxy_request"

SERVICE = "custom_chat"
"""The provider that the demo connects."""

GO_ON = "Go on."
"""What the user says when the agent came back because nobody had decided yet."""

WAITING = "It still waits for a person."
"""What the agent says then."""

MAX_LOOKS = 6
"""Looks at one approval before the agent comes back: with the other steps they fit the SDK's default of 10 turns."""

WAIT_SECONDS = 20
"""How long one look asks to wait; the appliance answers sooner, within the SDK's default time-out of 5 seconds."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a user may ask for, and the call it comes to."""

    words: str
    method: str
    path: str
    body: dict[str, JsonBody] | None = None
    reason: str | None = None
    reuses_approval: bool = False


SEND = Errand(
    words="Send a message in #alerts: deploy completed.",
    method="POST",
    path="/messages",
    body={"channel": "#alerts", "text": "deploy completed"},
    reason="The deploy is done; tell #alerts. (Demo: approve this.)",
)
AGAIN = Errand(
    words="Send exactly that again, on the same approval.",
    method=SEND.method,
    path=SEND.path,
    body=SEND.body,
    reuses_approval=True,
)
ARCHIVE = Errand(
    words="Archive the channel #alerts.",
    method="POST",
    path="/channels/alerts/archive",
    body={"channel": "#alerts"},
    reason="The channel looks quiet. (Demo: reject this.)",
)
READ = Errand(words="Read the messages in #alerts.", method="GET", path="/messages")

ERRANDS = {errand.words: errand for errand in (SEND, AGAIN, ARCHIVE, READ)}
"""Everything this model understands."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the user said."""

    words: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered."""

    tool: str
    text: str

    @property
    def tree(self) -> dict[str, JsonBody]:
        """The answer's JSON; empty where it was refused."""
        try:
            tree = json.loads(self.text)
        except ValueError:
            return {}
        return tree if isinstance(tree, dict) else {}

    @property
    def code(self) -> str | None:
        """The code of a refusal: its envelope stands on the last line."""
        if self.tree:
            return None
        try:
            return str(json.loads(self.text.rpartition("\n")[2])["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return "NO_ANSWER"


Turn = Said | Result


@dataclass(frozen=True, slots=True)
class CallTool:
    """The step: call a tool."""

    tool: str
    arguments: dict[str, JsonBody]


@dataclass(frozen=True, slots=True)
class Say:
    """The step: answer the user."""

    words: str


Step = CallTool | Say


def next_step(turns: Sequence[Turn]) -> Step:
    """What to do now, from the whole conversation so far."""
    at, errand = _errand_under_way(turns)
    if errand is None:
        return Say("I only know the errands of the demo.")
    last = turns[-1]
    if isinstance(last, Result) and last.code is not None:
        return Say(f"I stop: {last.code}.")
    host = _host(turns)
    if host is None:
        return CallTool(LIST_SERVICES, {})
    call = _call(errand, host)
    results = [turn for turn in turns[at:] if isinstance(turn, Result) and turn.tool != LIST_SERVICES]
    return _after(results[-1], call, turns) if results else _first(errand, call, turns)


def _errand_under_way(turns: Sequence[Turn]) -> tuple[int, Errand | None]:
    """The latest errand the user named, and where in the conversation."""
    for at in range(len(turns) - 1, -1, -1):
        turn = turns[at]
        if isinstance(turn, Said) and turn.words in ERRANDS:
            return at, ERRANDS[turn.words]
    return 0, None


def _host(turns: Sequence[Turn]) -> str | None:
    """The host of the service, from the list of services."""
    for turn in turns:
        if isinstance(turn, Result) and turn.tool == LIST_SERVICES:
            for service in Services.model_validate_json(turn.text).items:
                if service.provider == SERVICE:
                    return service.connections[0].hosts[0]
    return None


def _trees(turns: Sequence[Turn], tool: str) -> Iterator[dict[str, JsonBody]]:
    """The answers of one tool, the latest first."""
    return (turn.tree for turn in reversed(turns) if isinstance(turn, Result) and turn.tool == tool and turn.tree)


def _call(errand: Errand, host: str) -> dict[str, JsonBody]:
    call: dict[str, JsonBody] = {
        "service": SERVICE,
        "method": errand.method,
        "url": f"http://{host}{errand.path}",
    }
    return call if errand.body is None else {**call, "body": errand.body}


def _first(errand: Errand, call: dict[str, JsonBody], turns: Sequence[Turn]) -> Step:
    """A read goes out at once; a write asks first."""
    if errand.reuses_approval:
        return CallTool(PROXY, {**call, "approval_id": _approval_id(turns)})
    if errand.body is None:
        return CallTool(PROXY, call)
    target: dict[str, JsonBody] = {name: call[name] for name in ("service", "method", "url")}
    claim: dict[str, JsonBody] = {"target": target, "parameters": {"body": errand.body}, "reason": errand.reason}
    return CallTool(SUBMIT, {"intent": claim})


def _after(last: Result, call: dict[str, JsonBody], turns: Sequence[Turn]) -> Step:
    if last.tool == SUBMIT:
        return _look(turns)
    if last.tool == LOOK:
        return _decided(str(last.tree["status"]), call, turns)
    return Say(f"Done: the service answered {last.tree.get('status')}.")


def _decided(status: str, call: dict[str, JsonBody], turns: Sequence[Turn]) -> Step:
    if status == "pending":
        return Say(WAITING) if _looks_since_spoken_to(turns) >= MAX_LOOKS else _look(turns)
    if status == "approved":
        return CallTool(PROXY, {**call, "approval_id": _approval_id(turns)})
    return Say(f"I stop: the request was {status}.")


def _look(turns: Sequence[Turn]) -> CallTool:
    return CallTool(LOOK, {"approval_id": _approval_id(turns), "wait_seconds": WAIT_SECONDS})


def _looks_since_spoken_to(turns: Sequence[Turn]) -> int:
    spoken = max(at for at, turn in enumerate(turns) if isinstance(turn, Said))
    return sum(isinstance(turn, Result) and turn.tool == LOOK for turn in turns[spoken:])


def _approval_id(turns: Sequence[Turn]) -> JsonBody:
    return next(_trees(turns, SUBMIT))["approval_id"]
