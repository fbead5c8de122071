"""Credentials: which exist, and the rare case in which an agent reads one (product.md 2.4)."""

from datetime import datetime

from pydantic import SecretStr, field_serializer

from stack_local.domain.audit import Layer
from stack_local.wire.catalogue import Request, View, operation
from stack_local.wire.types import PassportToken, Service


class CredentialMetadata(View):
    """That a credential exists; never what it is."""

    connection_id: str
    provider: str
    fields: list[str]
    version: int
    created_at: datetime


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


@operation(scope="credentials:read", route="GET /v1/credentials", effect="read", body="items")
class ListCredentials(Request[CredentialList]):
    """Which credentials are stored: metadata alone."""
