"""Where a person must decide: the client shows them a page (URL elicitation). What it answers decides nothing."""

import re
from collections.abc import Mapping
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp_types import CallToolRequestParams, ElicitRequest, ElicitRequestURLParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from stack_local.domain import ids
from stack_local.domain.approvals import Gate
from stack_local.domain.errors import StackError
from stack_local.surfaces.approval_page import PAGE

QUESTION = "decision"
"""The name under which the question goes out and its answer comes back."""

WAITING = frozenset({Gate.REQUIRED, Gate.PENDING})

_APPROVAL = re.compile(ids.pattern("approval"))


def page_to_show(context: ServerRequestContext[Any], refused: StackError, base_url: str) -> InputRequiredResult | None:
    """The question to a client that shows pages, for a refusal that waits for a person; None for any other."""
    details = refused.details
    waits = details.get("gate_reason") in WAITING
    approval_id = details.get("approval_id") if waits else details.get("governance_approval_id")
    if not isinstance(approval_id, str) or not _shows_pages(context):
        return None
    asked = ElicitRequestURLParams(
        message="A person must decide on this at the terminal of stack_local. The page says where.",
        url=f"{base_url}{PAGE}/{approval_id}",
    )
    # The state names what to look at and gives no right to it: the repeated call is judged as any other.
    return InputRequiredResult(input_requests={QUESTION: ElicitRequest(params=asked)}, request_state=approval_id)


def _shows_pages(context: ServerRequestContext[Any]) -> bool:
    # On the older wires a question would have to travel on a stream of a session, and there are no sessions.
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    capabilities = context.session.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and elicitation.url is not None


def resumed(params: CallToolRequestParams, takes: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of a repeated call, with the approval it was about; `takes`: the fields the operation has."""
    arguments = dict(params.arguments or {})
    approval_id = params.request_state or ""
    if not _APPROVAL.fullmatch(approval_id):
        return arguments
    field = next((name for name in ("governance_approval_id", "approval_id") if name in takes), None)
    return arguments if field is None else {field: approval_id, **arguments}


def was_accepted(params: CallToolRequestParams) -> bool:
    """Whether the person has looked at the page: then it is worth waiting a moment for the decision."""
    answer = (params.input_responses or {}).get(QUESTION)
    return isinstance(answer, ElicitResult) and answer.action == "accept"
