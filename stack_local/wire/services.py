"""Services: what is connected and to which hosts, connecting, verifying, disconnecting (product.md 2.4)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from stack_local.domain.services import Injection, InjectionStyle
from stack_local.wire.catalogue import PERSON_SIDE, Request, View, operation
from stack_local.wire.types import UNSHOWN, Certificates, ConnectionId, GovernanceId, HostText

Confirmed = Annotated[
    bool,
    Field(
        description="A person says that it is right, though it resembles another service's.", json_schema_extra=UNSHOWN
    ),
]
Template = Annotated[str, StringConstraints(max_length=500)]


class InjectionSpec(View):
    """Where the credential goes in a request."""

    style: InjectionStyle = InjectionStyle.BEARER
    name: str | None = Field(
        None,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="The header (header, template) or parameter (query).",
    )
    template: Template | None = Field(None, description="The header's value, with {field} for each credential field.")
    more: dict[str, Template] = Field(default_factory=dict, max_length=3, description="Further headers, likewise.")

    @classmethod
    def of(cls, injection: Injection) -> "InjectionSpec":
        """The rules' injection in the wire's words."""
        return cls(style=injection.style, name=injection.name, template=injection.template, more=dict(injection.more))


class Connection(View):
    """A connected service; never its credential."""

    id: str
    provider: str
    name: str
    description: str | None
    account: str | None
    status: Literal["connected", "disconnected"]
    hosts: list[str]
    injection: InjectionSpec
    scopes: list[str]
    asks_everything: bool
    verification: Literal["never", "passed", "failed"]
    verified_at: datetime | None
    version: int
    credential_version: int
    connected_by: str
    connected_at: datetime
    base_url: str | None = Field(None, description="What /p/<service>/ stands for.")
    service_scopes: list[str] = Field(default_factory=list, description="The service's own permissions, where known.")
    template_version: str | None = Field(None, description="SHA-256 of its template; null for a custom service.")
    reconnect_reason: str | None = Field(None, description="Why its credential no longer works.")
    ca_fingerprints: list[str] = Field(
        default_factory=list, description="SHA-256 of the authorities it trusts besides the public ones."
    )


class Service(View):
    """A service that can be connected, and its connections."""

    id: str
    provider: str
    name: str
    description: str
    available: bool
    connected: bool
    checked: bool = Field(False, description="Compared with the vendor's own document; else it is unverified.")
    connections: list[Connection]


class Services(View):
    """Every service known, connected ones first."""

    items: list[Service]


class Connections(View):
    """Every connected service."""

    items: list[Connection]


class CredentialField(View):
    """One field a person fills in."""

    name: str
    label: str
    hint: str
    secret: bool


class TemplateScope(View):
    """One of a service's own permissions."""

    name: str
    words: str
    needed_for: Literal["read", "write"]
    usual: bool = Field(description="Ticked when a person has not chosen.")


class CredentialTemplate(View):
    """What a connection of one kind needs."""

    provider: str
    name: str
    description: str
    injection: InjectionSpec
    fields: list[CredentialField]
    is_service: bool = Field(description="Connected with connect_service; else a way to send a credential.")
    checked: bool = False
    version: str
    hosts: list[str]
    placeholders: list[CredentialField] = Field(description="The account's own parts of its hosts.")
    scopes: list[TemplateScope]
    token_url: str | None = Field(description="Where a token is made by hand; {scopes} stands for the chosen ones.")
    token_steps: str | None
    token_scopes_separator: str | None
    flows: list[str] = Field(description="Ways to log in, with an application of the person's own.")
    application_url: str | None = Field(description="Where that is registered.")
    key_fields: list[CredentialField] = Field(description="Of a key that earns tokens, in place of a token.")


class CredentialTemplates(View):
    """The kinds of credential that can be connected by hand."""

    items: list[CredentialTemplate]


class Verification(View):
    """What the service said to its credential."""

    connection_id: str
    status: Literal["passed", "failed"]
    upstream_status: int | None = Field(description="HTTP status of the answer; null when there was none.")
    account: str | None = Field(None, description="Whose account it is, as the service says.")
    message: str
    checked_at: datetime


class Disconnected(View):
    """What went with the connection."""

    connection_id: str
    disconnected: bool = True
    revoked_passports: int


@operation(scope="services:read", route="GET /v1/services", effect="read", body="items", core=True)
class ListServices(Request[Services]):
    """Which services exist and which are connected for you; name one as `service` in a proxy call."""

    connected: bool | None = None


@operation(scope="services:read", route="GET /v1/services/connected", effect="read", body="items")
class ListConnections(Request[Connections]):
    """The connected services with their hosts and scopes; never a credential."""


@operation(
    scope="services:write",
    route="POST /v1/services/custom",
    effect="write",
    loosens="always",
    while_locked=False,
    audit="service.connect",
)
class ConnectCustomService(Request[Connection]):
    """Connect a service by its credential. From a key it becomes a decision for a person."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")] = Field(
        description="Short name; the provider becomes custom_<name>."
    )
    credential: SecretStr | dict[str, SecretStr] = Field(
        description="The secret, or one per field; tls_certificate and tls_key: a client certificate."
    )
    hosts: list[HostText] = Field(default_factory=list, max_length=16, description="The only hosts it is ever sent to.")
    injection: InjectionSpec = InjectionSpec()
    scopes: list[Literal["read", "write"]] = Field(["read", "write"], min_length=1, max_length=2)
    description: str | None = Field(None, max_length=256)
    account: str | None = Field(None, max_length=128, description="Whose account it is, as shown to the person.")
    asks_everything: bool = Field(False, description="Reads ask a person too.")
    verify_path: str | None = Field(
        None, max_length=512, pattern=r"^/", description="A harmless GET that tells if it works."
    )
    ca: Certificates | None = Field(
        None, description="PEM: who may sign its hosts besides the public authorities; a private CA."
    )
    confirm_format: Confirmed = False
    confirm_hosts: Confirmed = False
    governance_approval_id: GovernanceId = None


@operation(
    scope="services:write",
    route="POST /v1/services/{connection_id}/hosts",
    effect="write",
    loosens="always",
    while_locked=False,
    audit="service.bind_hosts",
)
class BindConnectionHosts(Request[Connection]):
    """Set the exact hosts a connection may be used with; needs a person. Pending approvals on it fall."""

    connection_id: ConnectionId
    hosts: list[HostText] = Field(min_length=1, max_length=16)
    confirm_hosts: Confirmed = False
    governance_approval_id: GovernanceId = None


@operation(
    scope="services:write",
    route="POST /v1/services/{connection_id}/verify",
    effect="external",
    while_locked=False,
    audit="service.verify",
)
class VerifyConnection(Request[Verification]):
    """Ask the service whether the credential works, by the harmless request named at connect."""

    connection_id: ConnectionId


@operation(
    scope="services:write",
    route="DELETE /v1/services/{connection_id}/disconnect",
    effect="write",
    destructive=True,
    audit="service.disconnect",
)
class DisconnectService(Request[Disconnected]):
    """Disconnect a service: its credential is destroyed and every passport that names it is revoked."""

    connection_id: ConnectionId


@operation(scope="services:read", route="GET /v1/services/templates", effect="read", body="items")
class ListCredentialTemplates(Request[CredentialTemplates]):
    """The kinds of credential a person can connect by hand, and the fields of each."""

    provider: str | None = Field(None, max_length=64, description="This one alone.", json_schema_extra=UNSHOWN)


@operation(
    scope="governance:decide",
    route="POST /v1/services/{connection_id}/template",
    effect="write",
    surfaces=PERSON_SIDE,
    while_locked=False,
    audit="service.update_template",
)
class UpdateConnectionTemplate(Request[Connection]):
    """Take over the newer version of a connection's template: hosts, what reads, summaries. Approvals on it fall."""

    connection_id: ConnectionId
