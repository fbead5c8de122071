"""API keys: mint (at the terminal only), list, revoke (house decision 2)."""

from datetime import datetime
from typing import Literal

from pydantic import Field, SecretStr, field_serializer

from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import AgentId, ConnectionId, KeyId

Preset = Literal["agent", "readonly", "admin", "approver"]


class ApiKey(View):
    """A key without its value."""

    id: str
    preset: Preset
    label: str
    shown: str = Field(description="The first characters, to tell keys apart.")
    agent_id: str | None
    decides_agents: list[str]
    decides_services: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CreatedKey(View):
    """A new key. Its value is shown this once."""

    api_key: SecretStr
    key: ApiKey
    warning: str | None

    @field_serializer("api_key")
    def _open(self, api_key: SecretStr) -> str:
        return api_key.get_secret_value()


class ApiKeys(View):
    """Every key, newest first."""

    items: list[ApiKey]


@operation(scope="keys:write", route="POST /v1/keys", effect="write", surfaces=PERSON_SIDE, audit="key.create")
class CreateKey(Request[CreatedKey]):
    """Mint an API key. An admin key must never reach an agent."""

    preset: Preset = "agent"
    label: str = Field("", max_length=64)
    agent_id: AgentId | None = Field(None, description="The one agent the key stands for.")
    decides_agents: list[AgentId] = Field(default_factory=list, max_length=32, description="For an approver.")
    decides_services: list[ConnectionId] = Field(default_factory=list, max_length=32, description="For an approver.")
    expires_in_seconds: int | None = Field(None, ge=60, le=31_536_000, description="An approver's: at most a day.")


@operation(scope="keys:read", route="GET /v1/keys", effect="read", body="items")
class ListKeys(Request[ApiKeys]):
    """Which API keys exist; never their values."""


@operation(
    scope="keys:write",
    route="DELETE /v1/keys/{key_id}",
    effect="write",
    surfaces=PERSON_SIDE,
    destructive=True,
    audit="key.revoke",
)
class RevokeKey(Request[ApiKey]):
    """Revoke an API key at once."""

    key_id: KeyId
