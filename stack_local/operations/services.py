"""Services: what is connected, connecting by credential, binding hosts, verifying, disconnecting."""

from pydantic import SecretStr

from stack_local.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Injection
from stack_local.domain.urls import parse_host_port
from stack_local.egress import tls
from stack_local.operations import sealing, taking_back
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.likeness import check_hosts, check_secrets
from stack_local.operations.revocation import note_ended, revoke_cascading
from stack_local.operations.visibility import visible_agents
from stack_local.plugin_api import ServiceTemplate
from stack_local.proxy import inject
from stack_local.service_templates import TemplateField
from stack_local.store import access, approvals, passports
from stack_local.store import services as store
from stack_local.store.database import Tx
from stack_local.vault.references import names_reference
from stack_local.wire.services import (
    BindConnectionHosts,
    ConnectCustomService,
    Connection,
    Connections,
    CredentialField,
    CredentialTemplate,
    CredentialTemplates,
    Disconnected,
    DisconnectService,
    InjectionSpec,
    ListConnections,
    ListCredentialTemplates,
    ListServices,
    Service,
    Services,
    TemplateScope,
)

PROVIDER_PREFIX = "custom_"
"""What the slug of a custom service begins with (product.md 1.3)."""


@handles(ListServices)
def list_services(tx: Tx, ctx: Context, request: ListServices) -> Services:
    """What is connected for the actor, by provider, and then what could be."""
    by_provider: dict[str, list[Connection]] = {}
    for connection in _visible(tx, ctx):
        by_provider.setdefault(connection.provider, []).append(connection)
    known = {name: template for name, template in ctx.core.plugins.templates.items() if template.is_service}
    items = [_service(provider, found, known.get(provider)) for provider, found in sorted(by_provider.items())]
    items += [_available(template) for name, template in sorted(known.items()) if name not in by_provider]
    return Services(items=[item for item in items if request.connected in (None, item.connected)])


def _service(provider: str, connections: list[Connection], template: ServiceTemplate | None) -> Service:
    first = connections[0]
    return Service(
        id=provider,
        provider=provider,
        name=first.name,
        description=first.description or "",
        available=True,
        connected=True,
        checked=template is not None and template.checked is not None,
        connections=connections,
    )


def _available(template: ServiceTemplate) -> Service:
    """One that nobody has connected; some clients take every one they see for connected, and look at `connected`."""
    return Service(
        id=template.provider,
        provider=template.provider,
        name=template.name,
        description=template.description,
        available=True,
        connected=False,
        checked=template.checked is not None,
        connections=[],
    )


@handles(ListConnections)
def list_connections(tx: Tx, ctx: Context, request: ListConnections) -> Connections:
    """Every connection the actor may see."""
    return Connections(items=_visible(tx, ctx))


def _visible(tx: Tx, ctx: Context) -> list[Connection]:
    """All, or those granted to an agent the actor sees."""
    seen = visible_agents(tx, ctx.actor)
    connections = store.list_(tx)
    if seen is None:
        return connections
    granted = {grant.service_connection_id for agent_id in seen for grant in access.list_(tx, agent_id)}
    return [connection for connection in connections if connection.id in granted]


@handles(ConnectCustomService)
def connect_custom_service(tx: Tx, ctx: Context, request: ConnectCustomService) -> Connection:
    """Seal the credential for its hosts and keep the connection."""
    hosts = _checked_hosts(request.hosts)
    provider = PROVIDER_PREFIX + request.name.lower()
    fields = plain_fields(request.credential)
    injection = _injection(request.injection)
    inject.check_style(injection)
    inject.check(injection, fields)
    check_tls(fields, request.ca)
    check_secrets(ctx, fields, None, is_confirmed=request.confirm_format)
    check_hosts(ctx, hosts, is_confirmed=request.confirm_hosts)
    connection = Connection(
        id=ctx.ports.system.new_id("connection"),
        provider=provider,
        name=request.name,
        description=request.description,
        account=request.account,
        status="connected",
        hosts=hosts,
        injection=request.injection,
        scopes=sorted(set(request.scopes)),
        asks_everything=request.asks_everything,
        verification="never",
        verified_at=None,
        version=1,
        credential_version=1,
        connected_by=ctx.actor.label,
        connected_at=ctx.now,
        ca_fingerprints=[] if request.ca is None else tls.fingerprints(request.ca),
    )
    store.insert(tx, connection, verify_path=request.verify_path, ca=request.ca)
    sealing.seal(tx, ctx.core, sealing.place_of(connection), sealing.typed(fields), at=ctx.now)
    ctx.note(subject=provider, connection_id=connection.id, hosts=", ".join(hosts))
    if connection.ca_fingerprints:
        ctx.note(ca=", ".join(connection.ca_fingerprints))
    return connection


def check_tls(fields: inject.Fields, ca: str | None) -> None:
    """Refuse certificates and a key that could not be used; what is kept elsewhere shows at its use.

    Raises:
        InvalidRequest: names the field.
    """
    if not names_reference(fields):
        tls.context_of(fields, ca)


def _checked_hosts(hosts: list[str]) -> list[str]:
    return sorted({parse_host_port(host).text for host in hosts})


def plain_fields(credential: SecretStr | dict[str, SecretStr]) -> dict[str, Secret]:
    """What a person typed for a service without a template.

    Raises:
        InvalidRequest: there is nothing in it.
    """
    if isinstance(credential, SecretStr):
        return {inject.SINGLE: Secret(credential.get_secret_value())}
    if not credential:
        raise InvalidRequest("the credential is empty", field="credential", rule="a string, or at least one field")
    return {name: Secret(value.get_secret_value()) for name, value in credential.items()}


def _injection(spec: InjectionSpec) -> Injection:
    return Injection(spec.style, spec.name, spec.template, tuple(spec.more.items()))


@handles(BindConnectionHosts)
def bind_connection_hosts(tx: Tx, ctx: Context, request: BindConnectionHosts) -> Connection:
    """Seal the credential again for the new hosts; the version grows, so that older approvals no longer match."""
    before = connected(tx, request.connection_id)
    refuse_foreign(tx, ctx, before)
    row, hosts = store.get_credential(tx, before.id), _checked_hosts(request.hosts)
    check_hosts(ctx, hosts, is_confirmed=request.confirm_hosts)
    store.bind_hosts(tx, before.id, hosts)
    note_ended(ctx, approvals.end_pending(tx, connection_id=before.id))
    after = store.get(tx, before.id)
    sealing.rebind(tx, ctx.core, row, tuple(after.hosts))
    ctx.note(subject=after.provider, hosts=", ".join(after.hosts), before=", ".join(before.hosts))
    return after


def connected(tx: Tx, connection_id: str) -> Connection:
    """A connection that stands.

    Raises:
        NotFound: there is none of that id.
        Conflict: it was disconnected.
    """
    connection = store.get(tx, connection_id)
    if connection.status != "connected":
        raise Conflict("the service is disconnected", field="connection_id", hint="connect it again")
    return connection


@handles(DisconnectService)
def disconnect_service(tx: Tx, ctx: Context, request: DisconnectService) -> Disconnected:
    """Destroy the credential, and end every passport that names it."""
    connection = connected(tx, request.connection_id)
    refuse_foreign(tx, ctx, connection)
    if not ctx.actor.may_loosen:
        raise Forbidden(
            "disconnecting destroys a credential that other agents may share",
            rule="shared credential",
            hint="stack_revoke_agent_access ends your own access; a person disconnects",
        )
    named = passports.revocable(tx, now=ctx.now, connection_id=connection.id)
    fallen = revoke_cascading(tx, ctx, named, reason=f"{connection.provider} disconnected")
    note_ended(ctx, approvals.end_pending(tx, connection_id=connection.id))
    taking_back.plan(tx, store.get_credential(tx, connection.id), at=ctx.now)
    store.disconnect(tx, connection.id)
    tx.touches_access = True
    ctx.note(subject=connection.provider, connection_id=connection.id, revoked=len(fallen))
    return Disconnected(connection_id=connection.id, revoked_passports=len(fallen))


def refuse_foreign(tx: Tx, ctx: Context, connection: Connection) -> None:
    """Refuse a connection the actor does not see; it looks like one that is not there."""
    if connection.id not in {visible.id for visible in _visible(tx, ctx)}:
        raise NotFound(f"there is no connection {connection.id}", field="connection_id", hint="see stack_list_services")


@handles(ListCredentialTemplates)
def list_credential_templates(tx: Tx, ctx: Context, request: ListCredentialTemplates) -> CredentialTemplates:
    """What the plugins declare."""
    known = ctx.core.plugins.templates.values()
    return CredentialTemplates(
        items=[_template(template) for template in known if request.provider in (None, template.provider)]
    )


def _template(template: ServiceTemplate) -> CredentialTemplate:
    token, oauth, exchange = template.token, template.oauth, template.exchange
    return CredentialTemplate(
        provider=template.provider,
        name=template.name,
        description=template.description,
        injection=InjectionSpec.of(template.injected()),
        fields=[_field(field) for field in template.fields],
        is_service=template.is_service,
        checked=template.checked is not None,
        version=template.hash,
        hosts=template.hosts,
        placeholders=[
            CredentialField(name=part.name, label=part.label, hint=part.hint, secret=False)
            for part in template.placeholders
        ],
        scopes=[
            TemplateScope(name=scope.name, words=scope.words, needed_for=scope.needed_for, usual=scope.usual)
            for scope in template.scopes
        ],
        token_url=None if token is None else token.url,
        token_steps=None if token is None else token.steps,
        token_scopes_separator=None if token is None else token.scopes_separator,
        flows=[] if oauth is None else list(oauth.grants),
        application_url=None if oauth is None else oauth.register_url,
        key_fields=[] if exchange is None else [_field(field) for field in exchange.fields],
    )


def _field(field: TemplateField) -> CredentialField:
    return CredentialField(name=field.name, label=field.label, hint=field.hint, secret=field.secret)
