"""Passports: issue, verify, refresh, delegate, list, revoke, checkpoint, report (product.md 1.4, 2.2)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr, field_serializer

from stack_local.domain.passports import Mode, State
from stack_local.wire.access import Constraints
from stack_local.wire.catalogue import Request, View, operation
from stack_local.wire.types import UNSHOWN, AgentId, ConnectionId, PassportId, Reason, Scope, SessionId

TtlSeconds = Annotated[int, Field(ge=60, le=3600, description="Seconds; 900 when left out.")]
CheckpointSeconds = Annotated[int, Field(ge=60, le=3600, description="Seconds between checkpoints; 300 when left out.")]
Token = Annotated[SecretStr, Field(max_length=8192)]


class DeclaredIntent(View):
    """What the agent says it is about to do; mandatory for enforced and logged agents."""

    summary: str = Field(min_length=1, max_length=500)
    services: list[str] = Field(
        default_factory=list, max_length=32, description="Providers or connection ids it will use; empty: all granted."
    )
    will_delegate: bool | None = None
    estimated_duration_seconds: int | None = Field(None, ge=0)


class ServiceScope(View):
    """One connection and the scopes wanted on it."""

    service_connection_id: ConnectionId
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=32)]
    constraints: Constraints = Field(
        default_factory=list,
        description="What its calls must pass besides the grant's.",
        json_schema_extra=UNSHOWN,
    )


class IssuedPassport(View):
    """A new passport. The token is shown this once."""

    token: SecretStr
    jti: str
    session_id: str
    expires_at: datetime
    accountability: Mode

    @field_serializer("token")
    def _open(self, token: SecretStr) -> str:
        return token.get_secret_value()


class PassportRow(View):
    """A passport without its token."""

    jti: str
    agent_id: str
    agent_name: str
    session_id: str
    parent_passport_id: str | None
    delegation_depth: int
    accountability: Mode
    state: State
    services: list[str] = Field(description="By slug, as `stack_list_services` names them.")
    intent_summary: str | None
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_reason: str | None


class PassportRows(View):
    """Passports, newest first."""

    items: list[PassportRow]


class PassportVerdict(View):
    """Whether a token is good now, and what it says."""

    valid: bool
    reason: str | None = Field(None, description="Coarse: malformed, signature, expired, revoked.")
    jti: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    expires_at: datetime | None = None
    services: list[str] | None = None


class Revoked(View):
    """One passport and its descendants."""

    revoked: bool
    jti: str
    cascaded: list[str]


class RevokedMany(View):
    """How many passports ended."""

    revoked_count: int
    cascaded_count: int = 0


class ToolCall(View):
    """One call as the agent reports it."""

    service: str
    method: str
    target: str | None = None


class CheckpointTaken(View):
    """A checkpoint, and how long the passport is good for now."""

    checkpoint_id: str
    passport_jti: str
    new_expires_at: datetime | None
    flags: list[str]


class CheckpointRow(View):
    """A checkpoint as reported."""

    checkpoint_id: str
    services_used: list[str]
    actions_count: int
    summary: str | None
    at: datetime


class PassportReport(View):
    """The trail of one passport; exactly these five keys (product.md 13.3)."""

    passport: PassportRow
    intent: DeclaredIntent | None
    checkpoints: list[CheckpointRow]
    checkout: None = None
    review: None = None


@operation(scope="passports:write", route="POST /v1/passports/issue", effect="write", core=True, needs_minter=True)
class IssuePassport(Request[IssuedPassport]):
    """Mint a short-lived passport for one agent and one declared intent."""

    agent_id: AgentId
    intent: DeclaredIntent | None = None
    scopes: list[ServiceScope] | None = Field(
        None, max_length=32, description="Narrower than, or equal to, the agent's grants; all of them when left out."
    )
    ttl_seconds: TtlSeconds | None = None
    checkpoint_interval_seconds: CheckpointSeconds | None = None


@operation(scope=None, route="POST /v1/passports/verify", effect="read")
class VerifyPassport(Request[PassportVerdict]):
    """Whether a passport is genuine, in time and not revoked."""

    token: Token
    service_id: str | None = Field(None, max_length=80, description="Also require that it names this connection.")


@operation(scope="passports:write", route="POST /v1/passports/refresh", effect="write")
class RefreshPassport(Request[IssuedPassport]):
    """Exchange a passport, up to 24 hours after its end, for a fresh one of the same session; the old one ends."""

    token: Token = Field(description="The passport's token, or the ppt_… id of one you minted.")
    ttl_seconds: TtlSeconds | None = None


@operation(scope="passports:write", route="POST /v1/passports/delegate", effect="write")
class DelegatePassport(Request[IssuedPassport]):
    """Mint a narrower passport for another agent, under yours; it ends when yours does."""

    parent_passport_token: Token
    child_agent_id: AgentId
    scopes: list[ServiceScope] | None = Field(None, max_length=32)
    ttl_seconds: TtlSeconds | None = None


@operation(scope="passports:read", route="GET /v1/passports/active", effect="read", body="items")
class ListActivePassports(Request[PassportRows]):
    """Passports that are good now."""

    agent_id: AgentId | None = None
    session_id: SessionId | None = None


@operation(scope="passports:write", route="POST /v1/passports/revoke", effect="write", destructive=True)
class RevokePassport(Request[Revoked]):
    """Revoke a passport and everything delegated from it, at once."""

    jti: PassportId
    reason: Reason | None = None


@operation(
    scope="passports:write",
    route="POST /v1/passports/revoke-agent/{agent_id}",
    effect="write",
    destructive=True,
    audit="passport.revoke_agent",
)
class RevokeAgentPassports(Request[RevokedMany]):
    """Revoke every passport of one agent and everything delegated from them."""

    agent_id: AgentId
    reason: Reason | None = None


@operation(
    scope="passports:write",
    route="POST /v1/passports/revoke-session/{session_id}",
    effect="write",
    destructive=True,
    audit="passport.revoke_session",
)
class RevokeSession(Request[RevokedMany]):
    """Revoke a whole session: the root passport, its refreshes and all it delegated."""

    session_id: SessionId
    reason: Reason | None = None


@operation(
    scope="passports:write",
    route="POST /v1/passports/revoke-all",
    effect="write",
    destructive=True,
    audit="passport.revoke_all",
)
class RevokeAllPassports(Request[RevokedMany]):
    """Emergency stop: revoke every passport you may see. Refused without confirm."""

    confirm: bool = Field(False, description="Must be true.")
    reason: Reason | None = None


@operation(
    scope="passports:write",
    route="POST /v1/passports/{jti}/checkpoint",
    effect="write",
    audit="passport.checkpoint",
    core=True,
)
class Checkpoint(Request[CheckpointTaken]):
    """Report what was done since the last checkpoint; keeps an enforced passport alive."""

    jti: PassportId
    services_used: list[Annotated[str, Field(max_length=80)]] = Field(max_length=32)
    actions_count: int = Field(ge=0, le=1_000_000)
    summary: str | None = Field(None, max_length=1000)
    delegated_to: list[AgentId] | None = Field(None, max_length=32)
    tool_calls: list[ToolCall] | None = Field(None, max_length=100)


@operation(scope="passports:read", route="GET /v1/passports/{jti}/report", effect="read")
class GetPassportReport(Request[PassportReport]):
    """The trail of one passport: its intent, checkpoints and end."""

    jti: PassportId
