"""Letting OAuth clients in: what waits for a person, what was allowed, and taking it back."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, field_serializer

from stack_local.domain import ids
from stack_local.domain.consents import Posture
from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import AgentId, ConnectionId

ConsentId = Annotated[str, StringConstraints(pattern=ids.pattern("consent"))]
RequestId = Annotated[str, StringConstraints(pattern=ids.pattern("authorization"))]
ChosenAgent = Annotated[AgentId | None, Field(description="The agent it stands for; without one, a new agent is made.")]
Postures = Annotated[
    dict[ConnectionId, Posture],
    Field(max_length=64, description="By connection: none, read, or ask (it reads; its writes ask you)."),
]


class ConsentRequest(View):
    """A client that asks to be let in."""

    id: str
    tag: str = Field(description="The short tag that stands on the page too.")
    client_id: str
    client_name: str
    redirect_uri: str = Field(description="Where the browser is sent with the answer; empty for the device grant.")
    redirect_host: str
    is_loopback: bool = Field(description="Any program of this machine may listen there.")
    scopes: list[str]
    resource: str
    created_at: datetime
    expires_at: datetime
    known_agent_id: str | None = Field(description="The agent this client stood for the last time.")


class ConsentRequests(View):
    """What waits, oldest first."""

    items: list[ConsentRequest]


class Consent(View):
    """What a person allowed a client."""

    id: str
    client_id: str
    client_name: str
    redirect_uri: str
    scopes: list[str]
    resource: str
    agent_id: str
    agent_name: str
    given_by: str
    given_at: datetime
    used_at: datetime
    ends_at: datetime


class Consents(View):
    """Every consent that holds, newest first."""

    items: list[Consent]


class ConsentRevoked(View):
    """What ended with a consent."""

    id: str
    revoked_passports: int


class ConsentCode(View):
    """A code for the page, where no screen is open. It is shown this once."""

    code: SecretStr
    request_id: str
    expires_at: datetime

    @field_serializer("code")
    def _open(self, code: SecretStr) -> str:
        return code.get_secret_value()


@operation(scope="clients:decide", route="GET /v1/consent-requests", effect="read", body="items", surfaces=PERSON_SIDE)
class ListConsentRequests(Request[ConsentRequests]):
    """Which clients ask to be let in."""


@operation(
    scope="clients:decide",
    route="POST /v1/consent-requests/device",
    effect="write",
    surfaces=PERSON_SIDE,
    audit="consent.enter_code",
)
class EnterDeviceCode(Request[ConsentRequest]):
    """Find the log-in of a command by the code it shows; it then waits for your decision."""

    user_code: Annotated[str, StringConstraints(min_length=8, max_length=16)]


@operation(
    scope="clients:decide",
    route="POST /v1/consent-requests/{request_id}/give",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="consent.give",
)
class GiveConsent(Request[Consent]):
    """Let a client in: as which agent, and how far it may use each connection."""

    request_id: RequestId
    agent_id: ChosenAgent = None
    postures: Postures = Field(default_factory=dict)


@operation(
    scope="clients:decide",
    route="POST /v1/consent-requests/{request_id}/code",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="consent.create_code",
)
class CreateConsentCode(Request[ConsentCode]):
    """Let a client in once this one-time code is typed into its page."""

    request_id: RequestId
    agent_id: ChosenAgent = None
    postures: Postures = Field(default_factory=dict)


@operation(
    scope="clients:decide",
    route="POST /v1/consent-requests/{request_id}/refuse",
    effect="write",
    surfaces=PERSON_SIDE,
    audit="consent.refuse",
)
class RefuseConsent(Request[ConsentRequests]):
    """Refuse a client; what still waits."""

    request_id: RequestId


class ClientMetadataFetching(View):
    """Whether clients may be known by the address of a document."""

    enabled: bool


@operation(
    scope="clients:decide",
    route="POST /v1/client-metadata-fetching",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="consent.set_metadata_fetching",
)
class SetClientMetadataFetching(Request[ClientMetadataFetching]):
    """Let clients name themselves by the https address of a document, which this machine then fetches; or end that.

    Off at first: clients that see it offered use it at once, and without a way to the internet their log-in fails.
    """

    enabled: bool


@operation(scope="clients:read", route="GET /v1/consents", effect="read", body="items")
class ListConsents(Request[Consents]):
    """Which OAuth clients were let in, and as which agent."""


@operation(scope="clients:write", route="DELETE /v1/consents/{consent_id}", effect="write", destructive=True)
class RevokeConsent(Request[ConsentRevoked]):
    """End what a client was allowed: its tokens, its passports and all delegated from them."""

    consent_id: ConsentId
