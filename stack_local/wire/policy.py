"""Policy, looked at before it bites: would these calls pass, and what would changed terms have changed."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from stack_local.wire.access import GrantTerms
from stack_local.wire.catalogue import EVERYWHERE, PERSON_SIDE, Request, View, operation
from stack_local.wire.intents import Headers, Query, Url
from stack_local.wire.types import AgentId, ConnectionId, JsonBody, PassportToken, Service

Verdict = Literal["allow", "ask", "deny"]


class PlannedCall(View):
    """A call somebody means to make."""

    service: Service
    method: str = Field("GET", max_length=16)
    url: Url
    headers: Headers | None = None
    query: Query | None = None
    body: JsonBody = None


class CallVerdict(View):
    """What would become of one call, now."""

    method: str
    url: str
    verdict: Verdict
    rule: str | None = Field(description="Which rule denies, or asks.")
    field: str | None
    message: str | None
    hint: str | None = Field(description="What would make it pass.")
    summary: str | None
    named_intent: str | None


class Preflight(View):
    """Whether an unattended job would get through."""

    passes: bool = Field(description="Every call would go out with nobody there.")
    good_until: datetime | None = Field(description="Until when, as far as is known now: hours, passport, session.")
    calls: list[CallVerdict]


@operation(scope="intents:write", route="POST /v1/policy/preflight", effect="read", surfaces=EVERYWHERE - {"mcp"})
class PreflightCalls(Request[Preflight]):
    """Would these calls pass with nobody at the terminal, and until when? Nothing is sent, asked or spent."""

    calls: list[PlannedCall] = Field(min_length=1, max_length=100)
    agent_id: AgentId | None = Field(None, description="For which agent; yours where your bearer stands for one.")
    passport_token: PassportToken = None


class TermsDifference(View):
    """A recorded call that the changed terms would have treated differently."""

    operation_id: str
    at: datetime
    subject: str
    before: Verdict
    after: Verdict
    rule: str | None
    message: str | None


class TermsTrial(View):
    """What changed terms would have changed."""

    replayed: int
    unreadable: int = Field(description="Calls whose bytes were shredded after their time.")
    differences: list[TermsDifference]


@operation(
    scope="governance:decide",
    route="POST /v1/policy/try",
    effect="read",
    surfaces=PERSON_SIDE,
    while_locked=False,
)
class TryTerms(Request[TermsTrial]):
    """Replay an agent's recorded calls against other terms, and show what would differ. Nothing is saved."""

    agent_id: AgentId
    service_connection_id: ConnectionId
    terms: GrantTerms
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
