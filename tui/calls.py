"""An exact call in plain words: what it is, where it goes, what a yes will do."""

from datetime import datetime

from textual.content import Content

from stack_local.domain.approvals import USE_WITHIN_MINUTES, Breadth
from stack_local.wire.intents import ExactCall, Simulation
from tui.format import byte_size, duration, plural, visible
from tui.pending import AskedCall

ENCRYPTED = "https://"
_INDENT = "  "
_DEEPEST = 12
"""Levels of indentation drawn; deeper ones stand below each other."""


def in_words(call: ExactCall, limit: int = 60) -> Content:
    """`POST to api.github.com · path /repos/x · query a=1 · JSON body 124 bytes`."""
    parts = [where(call), Content.assemble("path ", visible(call.path, limit))]
    if call.query is not None:
        parts.append(Content.assemble("query ", visible(call.query, limit)))
    return Content(" · ").join([*parts, body_in_words(call)])


def where(call: ExactCall) -> Content:
    """Method and host: what decides most."""
    return Content.assemble(visible(call.method, 16).stylize("bold"), " to ", visible(call.host, 60).stylize("bold"))


def body_in_words(call: ExactCall) -> Content:
    """`JSON body 124 bytes`, `text/csv body 9 bytes`, `no body`."""
    if call.body is None:
        return Content("no body")
    kind = Content("JSON") if is_json(call) else visible(call.content_type or "untyped", 40)
    return Content.assemble(kind, f" body {byte_size(call.body_bytes)}")


def is_json(call: ExactCall) -> bool:
    """Whether the body is read as a tree."""
    media_type = (call.content_type or "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def indented(text: str) -> str:
    """JSON over several lines without touching a character of it: only blanks between its parts are ours."""
    lines, depth, in_string, escaped = [""], 0, False, False
    for character in text:
        if in_string:
            lines[-1] += character
            in_string, escaped = escaped or character != '"', character == "\\" and not escaped
        elif character in "{[":
            depth += 1
            lines[-1] += character
            lines.append(_INDENT * min(depth, _DEEPEST))
        elif character in "}]":
            depth = max(0, depth - 1)
            lines.append(_INDENT * min(depth, _DEEPEST) + character)
        elif character == ",":
            lines[-1] += character
            lines.append(_INDENT * min(depth, _DEEPEST))
        elif character == ":":
            lines[-1] += ": "
        elif not character.isspace():
            in_string = character == '"'
            lines[-1] += character
    return "\n".join(lines)


def verdict_in_words(simulation: Simulation | None) -> Content:
    """What the appliance's own dry run said; the agent has no hand in it."""
    if simulation is None:
        return Content("not simulated")
    if not simulation.allowed:
        reasons = Content(", ").join([visible(reason, 60) for reason in simulation.denial_reasons[:3]])
        return Content.assemble(("would be refused", "bold"), ": ", reasons)
    fires = simulation.predicted_detector_fires
    if fires:
        return Content.assemble(
            "would go out; detectors: ", Content(", ").join([visible(fire, 40) for fire in fires[:3]])
        )
    return Content("would go out after your yes" if simulation.needs_approval else "would go out")


def warnings(asked: AskedCall, now: datetime) -> list[Content]:
    """What a person should not overlook, one line each."""
    found = []
    if asked.approval.identical_call_at is not None:
        seconds = (now - asked.approval.identical_call_at).total_seconds()
        found.append(Content(f"an identical call ran {duration(seconds)} ago"))
    if not asked.call.url.startswith(ENCRYPTED):
        found.append(Content("not encrypted on the way: plain http"))
    if asked.approval.simulation is not None and not asked.approval.simulation.allowed:
        found.append(Content("the dry run says this call would be refused"))
    return found


def will_happen(
    asked: AskedCall, breadth: Breadth, now: datetime, *, uses: int | None = None, minutes: int | None = None
) -> Content:
    """What a yes of this breadth does, and its bound."""
    who = visible(asked.approval.agent_name, 40)
    call = Content.assemble(visible(asked.call.method, 16), " ", visible(asked.call.host, 60))
    sent = Content.assemble(who, " may send exactly this ", call, " ")
    match breadth:
        case Breadth.ONCE:
            return Content.assemble(sent, ("one time", "bold"), f", within {USE_WITHIN_MINUTES} minutes from now.")
        case Breadth.USES:
            return Content.assemble(sent, ("up to " + plural(uses or 0, "time"), "bold"), ", then has to ask again.")
        case Breadth.TIME:
            return Content.assemble(sent, ("any number of times", "bold"), f", for {duration((minutes or 0) * 60)}.")
        case Breadth.SESSION:
            return Content.assemble(
                sent, ("any number of times", "bold"), ", until its session ends (24 hours at most)."
            )


def bound(asked: AskedCall) -> Content:
    """What the yes is tied to."""
    return Content.assemble("as ", visible(asked.call.label, 40), " · digest ", visible(asked.call.digest[:16], 16))
