"""The audit log: read it, take its head, verify it (product.md 7)."""

from pydantic import Field

from stack_local.domain.audit import Layer, Outcome
from stack_local.wire.catalogue import Request, View, operation
from stack_local.wire.types import AgentId, PassportId


class AuditEntry(View):
    """One record of the chain, every field hashed."""

    sequence: int
    entry_id: str
    timestamp: int = Field(description="Unix milliseconds.")
    trace_id: str
    operator_id: str
    actor: str
    decided_by: str | None
    agent_id: str | None
    passport_jti: str | None
    layer: Layer
    action: str
    outcome: Outcome
    subject: str | None
    duration_ms: int | None
    payload_hash: str | None
    error_code: str | None
    error_message: str | None
    detail: dict[str, str | int | bool | None]
    prev_entry_hash: str
    entry_hash: str


class AuditPage(View):
    """Entries, newest first."""

    entries: list[AuditEntry]
    max_timestamp: int | None


class ChainHead(View):
    """The end of the chain: note it elsewhere to notice a cut."""

    sequence: int
    entry_hash: str
    count: int


class ChainVerdict(View):
    """Whether the chain holds from one entry to another."""

    ok: bool
    checked: int
    first_break: int | None = Field(description="The sequence number of the first entry that does not hold.")
    reason: str | None
    head: ChainHead


@operation(scope="audit:read", route="GET /v1/audit", effect="read")
class ListAudit(Request[AuditPage]):
    """See the audit log: entries, newest first."""

    limit: int = Field(20, ge=1, le=100)
    since: int | None = Field(None, ge=0, description="Only entries at or after this Unix time in milliseconds.")
    after_sequence: int | None = Field(None, ge=0, description="Only entries after this one.")
    agent_id: AgentId | None = None
    passport_jti: PassportId | None = None
    action: str | None = Field(None, max_length=64)


@operation(scope="audit:read", route="GET /v1/audit/chain-head", effect="read", audit="audit.head")
class AuditChainHead(Request[ChainHead]):
    """The head of the audit chain and how many entries it has."""


@operation(scope="audit:read", route="GET /v1/audit/verify-chain", effect="read")
class VerifyAuditChain(Request[ChainVerdict]):
    """Recompute the audit chain and name the first entry that does not hold."""

    from_sequence: int = Field(1, ge=1)
    limit: int = Field(100_000, ge=1, le=1_000_000)
