"""A team's own MCP server on top of STACK: two typed tools for its issue tracker, and not one credential.

Each handler calls STACK's `stack_proxy_request` with the passport of whoever called it. STACK decides, keeps the
record, puts the credential in and sends the call. README.md beside this file says how to run it.
"""

import json
import os

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, JsonValue, TypeAdapter

STACK_URL, ISSUES_URL = os.environ["STACK_URL"], os.environ["ISSUES_URL"]
SERVICE = "custom_tracker"  # the tracker's name in STACK, which holds its credential

ASK = "tell your person that it waits in STACK; after a yes, call again with the same arguments and approval_id={}"
ANEW = "call again without approval_id; that asks a person anew"
NEXT = {"approval_required": ASK, "approval_pending": ASK, "approval_expired": ANEW, "approval_consumed": ANEW}

server = MCPServer("tracker")


class Issue(BaseModel):
    """What our tools show of an issue."""

    id: int
    title: str


class Answer(BaseModel):
    """What we use of STACK's answer; no status means that the tracker is still at it."""

    status: int | None
    body: JsonValue
    operation_id: str


@server.tool()
async def list_issues(ctx: Context) -> list[Issue]:
    """List the issues."""
    return TypeAdapter(list[Issue]).validate_python(await forward(ctx, method="GET"))


@server.tool()
async def open_issue(title: str, text: str, ctx: Context, approval_id: str | None = None) -> Issue:
    """Open an issue. Where a person must say yes first, the refusal says how to go on."""
    issue: JsonValue = {"title": title, "body": text}
    return Issue.model_validate(await forward(ctx, method="POST", body=issue, approval_id=approval_id))


async def forward(ctx: Context, **call: JsonValue) -> JsonValue:
    """The tracker's answer to a call that STACK makes for our caller."""
    passport = (ctx.headers or {}).get("x-passport-token")
    if not passport:
        raise ToolError("there is no passport. Next: send yours in the header X-Passport-Token")
    answer = await ask_stack(passport, {"service": SERVICE, "url": ISSUES_URL, **call})
    if answer.status is None:
        raise ToolError(f"{answer.operation_id} is under way. Next: do not repeat it; your person sees how it ends")
    if answer.status >= 400:
        raise ToolError(f"the tracker answered {answer.status}: {json.dumps(answer.body)}")
    return answer.body


async def ask_stack(passport: str, call: dict[str, JsonValue]) -> Answer:
    """One `stack_proxy_request`; the passport is its bearer. We have no key, and keep nothing of a call after it."""
    refusals: list[str] = []
    result: CallToolResult | None = None

    async def keep_refusal(response: httpx2.Response) -> None:
        if response.is_error:  # of a revoked passport's 401 the SDK says no more than that it is an error
            refusals.append((await response.aread()).decode())

    headers, hooks = {"Authorization": f"Bearer {passport}"}, {"response": [keep_refusal]}
    http = httpx2.AsyncClient(headers=headers, event_hooks=hooks, timeout=30, trust_env=False)
    try:
        async with http, Client(streamable_http_client(f"{STACK_URL}/mcp", http_client=http)) as stack:
            result = await stack.call_tool("stack_proxy_request", call)
    except* (MCPError, httpx2.TransportError):
        pass  # said below, in STACK's own words
    if result is not None and not result.is_error:
        return Answer.model_validate(result.structured_content)
    if result is not None:  # the words, and below them the same as JSON
        refusals = [part.text.partition("\n")[2] for part in result.content if isinstance(part, TextContent)]
    raise refusal(refusals)


def refusal(envelopes: list[str]) -> ToolError:
    """STACK's refusal, with what its caller can do next at this server."""
    if not envelopes:
        return ToolError("STACK does not answer. Next: tell your person")
    error = json.loads(envelopes[-1])["error"]
    details = error.get("details", {})
    ours = NEXT.get(details.get("gate_reason"), "").format(details.get("approval_id"))
    return ToolError(f"[{error['code']}] {error['message']}. Next: {ours or details.get('hint', 'tell your person')}")


app = server.streamable_http_app(stateless_http=True, json_response=True)
