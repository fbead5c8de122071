"""A pending decision in plain words: what would be sent where, for whom, and what the agent says about it."""

from collections.abc import Iterator

from stack_local.surfaces.cli.layout import barred, labeled, lines
from stack_local.surfaces.printable import printable
from stack_local.wire.decisions import PendingDecision
from stack_local.wire.intents import ExactCall, IntentApproval

Pending = IntentApproval | PendingDecision

MAX_TEXT = 2000
"""Characters shown of one text; the rest is said to be missing."""


def card(pending: Pending, *, width: int) -> Iterator[str]:
    """The lines a person decides by."""
    match pending:
        case IntentApproval():
            return _call_card(pending, width)
        case PendingDecision():
            return _change_card(pending, width)


def _call_card(approval: IntentApproval, width: int) -> Iterator[str]:
    yield "an agent asks to make this call:"
    agent = printable(f"{approval.agent_name} ({approval.agent_id})")
    yield from labeled([("agent", agent)], indent="  ", width=width)
    if approval.call is None:
        yield "  its bytes were shredded after their time: it cannot be approved"
    else:
        yield from _exact(approval.call, width)
    yield from _warnings(approval, width)
    if approval.reason is not None:
        yield "  reason, in the agent's own words and not checked:"
        yield from _quoted(approval.reason, width)
    yield from labeled(_identity(approval), indent="  ", width=width)
    if approval.call is not None:
        # Whole on one line, to be copied; it is ours and of a fixed length.
        yield from labeled([("digest", approval.call.digest)], indent="  ", width=None)


def _exact(call: ExactCall, width: int) -> Iterator[str]:
    yield from labeled(_call_pairs(call), indent="  ", width=width)
    if call.body is not None:
        yield "  body, as it will be sent:"
        yield from _quoted(call.body, width)


def _call_pairs(call: ExactCall) -> list[tuple[str, str]]:
    pairs = [
        ("service", f"{call.service}: {call.label}"),
        ("method", call.method),
        ("host", call.host),
        ("path", call.path),
        ("query", call.query or "none"),
        ("in full", call.url),
        *(("header", f"{name}: {value}") for name, value in call.headers.items()),
        ("body", _body_words(call)),
    ]
    return [(label, printable(_cut(value))) for label, value in pairs]


def _body_words(call: ExactCall) -> str:
    if call.body_bytes == 0:
        return "none"
    return f"{call.body_bytes} bytes, {call.content_type or 'no content type'}, sha256 {call.body_sha256}"


def _warnings(approval: IntentApproval, width: int) -> Iterator[str]:
    if approval.call is not None and not approval.call.url.startswith("https://"):
        yield "  warning: not encrypted on the way: plain http"
    if approval.simulation is not None and not approval.simulation.allowed:
        yield "  warning: the dry run says this call would be refused"
    if approval.original_digest is not None:
        yield "  warning: a person edited this call after it was submitted"
    if approval.identical_call_at is not None:
        yield f"  warning: an identical call ran at {approval.identical_call_at.isoformat()}"
    for finding in approval.simulation.predicted_detector_fires if approval.simulation is not None else ():
        yield from labeled([("warning:", printable(finding))], indent="  ", width=width)


def _change_card(decision: PendingDecision, width: int) -> Iterator[str]:
    yield "a key asks to loosen a control:"
    pairs = [("change", printable(decision.operation)), ("asked by", printable(_cut(decision.asked_by)))]
    yield from labeled(pairs, indent="  ", width=width)
    yield "  in words:"
    yield from _quoted(decision.summary, width)
    yield "  with:"
    for line in lines(decision.model_dump(mode="json")["arguments"], width=width - 4):
        yield f"    {line}"
    yield from labeled(_identity(decision), indent="  ", width=width)


def _identity(pending: Pending) -> list[tuple[str, str]]:
    return [("waits until", pending.expires_at.isoformat()), ("id", printable(pending.id))]


def _quoted(text: str, width: int) -> Iterator[str]:
    yield from barred(_cut(text), indent="    ", width=width)
    if len(text) > MAX_TEXT:
        yield "    (`stack-local intents get-approval --json` shows all of it)"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} … and {len(text) - MAX_TEXT} more characters"
