"""Intents: simulate, submit, follow, decide (product.md 1.6, 2.3; house decisions 6 and 7)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from stack_local.domain.approvals import MAX_USES, MAX_VALID_SECONDS, Breadth, Status
from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import UNSHOWN, ApprovalId, JsonBody, Notes, PassportToken, Service

Url = Annotated[str, Field(min_length=1, max_length=8192)]
Headers = dict[Annotated[str, Field(max_length=128)], Annotated[str, Field(max_length=8192)]]
Query = dict[Annotated[str, Field(max_length=256)], str | list[str]]


class IntentTarget(View):
    """Where the call goes."""

    service: Service
    method: str = Field(max_length=16)
    url: Url


class CallParameters(View):
    """What the call carries."""

    query: Query | None = None
    headers: Headers | None = None
    body: JsonBody = None


class IntentClaim(View):
    """The candidate call, and why. Bound by the approval: target and parameters, exactly."""

    target: IntentTarget | Url = Field(description="{service, method, url}, or a URL with `action` as the method.")
    action: str | None = Field(None, max_length=64, description="The method, where the target is a URL.")
    service: Service | None = Field(None, description="The service, where the target is a URL.")
    parameters: CallParameters = CallParameters()
    reason: str | None = Field(None, max_length=1000, description="Why, in a sentence a person can judge.")
    named_intent: str | None = Field(None, max_length=128)
    estimated_cost: str | int | None = None
    type: str | None = Field(None, max_length=64, json_schema_extra=UNSHOWN)
    intent_type: str | None = Field(None, max_length=64, json_schema_extra=UNSHOWN)
    agent_id: str | None = Field(None, max_length=64, json_schema_extra=UNSHOWN)
    accountability: str | None = Field(None, max_length=16, json_schema_extra=UNSHOWN)
    requires: list[str] | None = Field(None, max_length=32, json_schema_extra=UNSHOWN)
    user_subject: str | None = Field(None, max_length=128, json_schema_extra=UNSHOWN)
    mission_ref: str | None = Field(None, max_length=64, json_schema_extra=UNSHOWN)
    submitted_at: str | None = Field(None, max_length=40, json_schema_extra=UNSHOWN)


class Simulation(View):
    """What would happen to the call, without making it or looking up its host."""

    allowed: bool = Field(description="It would go out, at once or after a person's yes.")
    needs_approval: bool
    denial_reasons: list[str]
    simulated_cost: str | None
    predicted_detector_fires: list[str]
    simulated_at: datetime
    claim_id: str | None
    diagnostics: dict[str, str]


class ExactCall(View):
    """The very request that will be sent, the credential left out."""

    service: str
    connection_id: str
    label: str = Field(description="The connection's name and account.")
    method: str
    url: str
    host: str
    path: str
    query: str | None
    headers: dict[str, str]
    content_type: str | None
    body: str | None
    body_bytes: int
    body_sha256: str | None
    digest: str
    summary: str | None = Field(None, description="The call in one sentence, where its service's template has one.")
    named_intent: str | None = Field(None, description="What the service's template calls it: stripe:refunds:create.")
    template_version: str | None = Field(None, description="SHA-256 of the template that says so.")


class Submitted(View):
    """The intent waits for a person; poll stack_get_intent_approval."""

    approval_id: str
    intent_claim_id: str
    simulated_claim_id: str | None
    status: Status
    expires_at: datetime
    poll_after_seconds: int
    simulation: Simulation | None


class IntentApproval(View):
    """One approval: its state, and the call it binds."""

    id: str
    approval_id: str
    intent_claim_id: str
    agent_id: str
    agent_name: str
    session_id: str
    status: Status
    call: ExactCall | None = Field(description="Null once its bytes were shredded after their time.")
    original_digest: str | None = Field(description="The digest of the call as submitted, where a person edited it.")
    reason: str | None
    simulation: Simulation | None
    notes: str | None
    submitted_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    breadth: Breadth
    uses_left: int | None
    operation_id: str | None
    identical_call_at: datetime | None = Field(description="When an identical call last ran, if one did.")
    last_similar: ExactCall | None = Field(description="The last approved call of the same service, method and path.")


class PendingIntents(View):
    """Approvals that wait, oldest first."""

    items: list[IntentApproval]


class CallEdits(View):
    """What a person changed before saying yes; a field left out stays as submitted."""

    url: Url | None = None
    query: Query | None = None
    headers: Headers | None = None
    body: JsonBody = None


@operation(scope="intents:write", route="POST /v1/intents/simulate", effect="write")
class SimulateIntent(Request[Simulation]):
    """Dry-run an intent: would it be allowed, would a person be asked, and why not. Nothing is sent."""

    intent: IntentClaim
    passport_token: PassportToken = None
    intent_claim_ref: str | None = Field(None, max_length=64, description="A claim submitted earlier (pc_…).")
    persist: bool = True


@operation(scope="intents:write", route="POST /v1/intents/submit", effect="write", core=True, rate="intents")
class SubmitIntent(Request[Submitted]):
    """Ask a person to approve one exact call. Answers at once; then poll stack_get_intent_approval."""

    intent: IntentClaim
    passport_token: PassportToken = None
    expires_in_seconds: int | None = Field(None, ge=60, le=86_400, description="86400 when left out.")
    skip_simulation: bool = False


@operation(scope="intents:read", route="GET /v1/intents/{approval_id}", effect="read", core=True)
class GetIntentApproval(Request[IntentApproval]):
    """Whether a person has decided. Poll with wait_seconds while status is pending; if rejected or expired, stop."""

    approval_id: ApprovalId
    wait_seconds: int = Field(
        0, ge=0, le=20, description="Wait up to this long; over MCP an answer comes within 4 seconds."
    )


@operation(scope="intents:read", route="GET /v1/intents/pending", effect="read")
class ListIntents(Request[PendingIntents]):
    """Intents that wait for a person, oldest first."""

    page: int = Field(1, ge=1)
    limit: int = Field(50, ge=1, le=100)


@operation(
    scope="intents:decide",
    route="POST /v1/intents/{approval_id}/approve",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
)
class ApproveIntent(Request[IntentApproval]):
    """Say yes to exactly this call: once, a number of times, for a time, or for the session."""

    approval_id: ApprovalId
    digest: str = Field(pattern="^[0-9a-f]{64}$", description="The digest of the call the person saw.")
    breadth: Breadth = Breadth.ONCE
    uses: int | None = Field(None, ge=1, le=MAX_USES, description="With breadth `uses`.")
    valid_seconds: int | None = Field(None, ge=60, le=MAX_VALID_SECONDS, description="With breadth `time`.")
    edits: CallEdits | None = None
    notes: Notes | None = None


@operation(scope="intents:reject", route="POST /v1/intents/{approval_id}/reject", effect="write", destructive=True)
class RejectIntent(Request[IntentApproval]):
    """Say no: the passport is revoked with all it delegated; with block_future the agent is blocked too."""

    approval_id: ApprovalId
    notes: Notes | None = None
    block_future: bool = False


@operation(
    scope="intents:decide",
    route="POST /v1/intents/{approval_id}/send-back",
    effect="write",
    surfaces=PERSON_SIDE,
    audit="intent.send_back",
)
class SendBackIntent(Request[IntentApproval]):
    """Return an intent with a note: it expires, nothing is revoked, and the agent may submit a better one."""

    approval_id: ApprovalId
    notes: Notes
