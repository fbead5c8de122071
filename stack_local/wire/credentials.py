"""Credentials: which exist, and the rare case in which an agent reads one (product.md 2.4)."""

from datetime import datetime

from pydantic import Field, SecretStr, field_serializer

from stack_local.domain.audit import Layer
from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import ConnectionId, GovernanceId, PassportToken, Service


class CredentialMetadata(View):
    """That a credential exists; never what it is."""

    connection_id: str
    provider: str
    fields: list[str]
    version: int
    created_at: datetime
    source: str = Field(description="typed, or what renews it.")
    expires_at: datetime | None = Field(description="When it ends, where the service says so.")
    has_previous: bool = Field(description="Whether the secret before this one is kept for undo.")


class CredentialList(View):
    """Every stored credential, without its value."""

    items: list[CredentialMetadata]


class RawCredential(View):
    """A credential handed to an agent that a person set to `direct`."""

    provider: str
    connection_id: str
    credential: SecretStr | None = None
    credentials: dict[str, SecretStr] | None = None

    @field_serializer("credential")
    def _open_one(self, credential: SecretStr | None) -> str | None:
        return None if credential is None else credential.get_secret_value()

    @field_serializer("credentials")
    def _open_all(self, credentials: dict[str, SecretStr] | None) -> dict[str, str] | None:
        if credentials is None:
            return None
        return {name: value.get_secret_value() for name, value in credentials.items()}


@operation(
    scope="credentials:reveal",
    route="GET /v1/credentials/{service}",
    effect="write",
    while_locked=False,
    audit="credential.retrieve",
    layer=Layer.VAULT,
)
class GetCredential(Request[RawCredential]):
    """Read a credential, where a person set the agent to direct. Prefer stack_proxy_request: it needs no credential."""

    service: Service
    passport_token: PassportToken = None


class RotatedCredential(View):
    """A connection whose credential is another one now."""

    connection_id: str
    provider: str
    credential_version: int
    ended_approvals: int = Field(description="Approvals that waited for calls with the credential before.")


@operation(
    scope="services:write",
    route="POST /v1/services/{connection_id}/rotate",
    effect="write",
    loosens="always",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="credential.rotate",
    layer=Layer.VAULT,
)
class RotateCredential(Request[RotatedCredential]):
    """Give a connection a new secret; the one before is kept sealed for undo, and approvals that wait on it fall."""

    connection_id: ConnectionId
    credential: SecretStr | dict[str, SecretStr] = Field(description="The new secret, or one per field.")
    confirm_format: bool = Field(
        False, description="You say that the secret is this service's, though it looks like another's."
    )
    governance_approval_id: GovernanceId = None


@operation(
    scope="services:write",
    route="POST /v1/services/{connection_id}/undo",
    effect="write",
    loosens="always",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="credential.undo",
    layer=Layer.VAULT,
)
class UndoCredential(Request[RotatedCredential]):
    """Go back to the secret before this one, and keep this one in its place."""

    connection_id: ConnectionId
    governance_approval_id: GovernanceId = None


@operation(scope="credentials:read", route="GET /v1/credentials", effect="read", body="items")
class ListCredentials(Request[CredentialList]):
    """Which credentials are stored: metadata alone."""
