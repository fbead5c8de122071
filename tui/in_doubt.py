"""Writes of which nobody knows whether they happened: how they are listed, and what a person may say of one."""

from textual.content import Content

from stack_local.wire.proxy import UnsettledWrite
from tui.format import fitted, short_id, visible

HAPPENED, DID_NOT = "happened", "did_not"

WIDTH = 66
"""Columns of a row in the dialogue at 80x24."""


def row(write: UnsettledWrite) -> Content:
    """One write in the list."""
    what = write.summary or write.subject
    return Content.assemble(f"{write.created_at.astimezone():%m-%d %H:%M} ", fitted(what, WIDTH - 12))


def question(write: UnsettledWrite) -> Content:
    """What is known of it, and what can be done."""
    known = [
        visible(write.summary or write.subject, 200).stylize("bold"),
        Content.assemble("by ", visible(write.agent_name, 40), " at ", visible(write.service, 40)),
        Content.assemble("operation ", short_id(write.operation_id)),
        visible(write.error_message or "the appliance stopped during the call", 120),
    ]
    if write.provider_request_id is not None:
        known.append(Content.assemble("the service calls it ", visible(write.provider_request_id, 60)))
    return Content("\n").join([*known, Content("Look at the service first. Nothing is sent again, whatever you say.")])


CHOICES = {
    HAPPENED: Content("It happened: the agent is told so, and does not repeat it"),
    DID_NOT: Content("It did not happen: the agent is told so, and may ask anew"),
}
"""What a person may say."""
