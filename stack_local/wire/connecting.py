"""Connecting a service of the catalogue: by a token, by a log-in at the service, or by a key that earns tokens."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from stack_local.domain import ids
from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.services import Connection
from stack_local.wire.types import UNSHOWN, ApprovalId, ConnectionId, GovernanceId

AttemptId = Annotated[str, StringConstraints(pattern=ids.pattern("attempt"))]


def _written(form: str) -> AfterValidator:
    """The value has this form. It does not stand in the schema: a tool list is paid for by the token."""

    def check(value: str) -> str:
        if re.fullmatch(form, value) is None:
            raise ValueError(f"must match {form}")
        return value

    return AfterValidator(check)


Provider = Annotated[str, StringConstraints(max_length=64), _written(r"[a-z][a-z0-9_]*")]
UpstreamScope = Annotated[str, StringConstraints(max_length=200), _written(r"[\x21\x23-\x5b\x5d-\x7e]+")]
"""A word of permission of the service's own (RFC 6749, section 3.3)."""
Label = Annotated[str, StringConstraints(max_length=63), _written(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")]
PlaceholderValue = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Flow = Literal["authorization_code", "device_code", "client_credentials"]


class ConnectAttempt(View):
    """A log-in at a service that is under way, or how it ended."""

    id: str
    provider: str
    name: str
    flow: Flow
    status: Literal["waiting", "redeeming", "connected", "failed", "expired"]
    reason: str | None = Field(description="Why it failed.")
    authorization_url: str | None = Field(description="Where the person's browser goes; shown to a person alone.")
    user_code: str | None = Field(description="What the person types at verification_uri.")
    verification_uri: str | None
    connection_id: str | None = Field(description="What was connected.")
    asked_by: str
    created_at: datetime
    expires_at: datetime


class ConnectAttempts(View):
    """Log-ins that wait for a person."""

    items: list[ConnectAttempt]


class ServiceConnecting(View):
    """What connecting came to: the connection, or the log-in that a person goes on with."""

    id: str | None = Field(description="Of the connection; null while a person logs in.")
    provider: str
    status: Literal["connected", "pending"]
    connection: Connection | None
    attempt_id: str | None
    authorization_url: str | None


@operation(
    scope="services:write",
    route="POST /v1/services/connect",
    effect="write",
    loosens="always",
    while_locked=False,
    audit="service.connect",
)
class ConnectService(Request[ServiceConnecting]):
    """Connect a known service by a token, or begin a log-in at it. From a key it becomes a decision for a person."""

    service_id: Provider = Field(description="Its id in stack_list_services.")
    scopes: list[UpstreamScope] = Field(default_factory=list, max_length=40, description="The service's own.")
    oauth_token: SecretStr | None = Field(None, description="A token that a person made. Never shown again.")
    credential: SecretStr | dict[str, SecretStr] | None = Field(
        None, description="The secret, or one per field of its template. Never shown again."
    )
    placeholders: dict[str, PlaceholderValue] = Field(
        default_factory=dict, max_length=4, description="The account's own parts of its hosts, by name."
    )
    name: Label | None = None
    account: str | None = Field(None, max_length=128, description="Whose account it is, as shown to the person.")
    asks_everything: bool = Field(False, description="Reads ask a person too.", json_schema_extra=UNSHOWN)
    flow: Flow | None = Field(None, description="How to log in, where the service has several.")
    client_id: str | None = Field(
        None,
        pattern=r"^[\x21-\x7e]{1,256}$",
        description="Of the person's own application at the service; the one used there before where it is left out.",
        json_schema_extra=UNSHOWN,
    )
    client_secret: SecretStr | None = Field(
        None, description="Of that application, if it has one.", json_schema_extra=UNSHOWN
    )
    connection_id: ConnectionId | None = Field(
        None, description="Log in again for this connection, in place of a new one.", json_schema_extra=UNSHOWN
    )
    proposal_id: ApprovalId | None = Field(None, description="The proposal this completes.", json_schema_extra=UNSHOWN)
    confirm_format: bool = Field(
        False,
        description="A person says that the secret is this service's, though it looks like another's.",
        json_schema_extra=UNSHOWN,
    )
    provider: Provider | None = Field(None, json_schema_extra=UNSHOWN)
    redirect_uri: str | None = Field(None, max_length=512, json_schema_extra=UNSHOWN)
    governance_approval_id: GovernanceId = None


@operation(scope="services:write", route="GET /v1/services/connect/{attempt_id}", effect="read")
class GetConnectAttempt(Request[ConnectAttempt]):
    """How a log-in at a service stands. Poll while status is waiting or redeeming."""

    attempt_id: AttemptId


@operation(scope="services:write", route="GET /v1/services/connect", effect="read", body="items", surfaces=PERSON_SIDE)
class ListConnectAttempts(Request[ConnectAttempts]):
    """Log-ins at services that wait for you."""


@operation(
    scope=None,
    route="POST /v1/services/connect/finish",
    effect="external",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="service.connect_finish",
)
class FinishConnection(Request[ConnectAttempt]):
    """Finish a log-in by the address the service sent your browser to, where the browser is on another machine."""

    callback_url: SecretStr = Field(description="The whole address, as the browser shows it.")
