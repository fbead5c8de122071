"""Connecting a service of the catalogue: at once by what a person typed, or through a log-in at the service."""

from datetime import datetime

from pydantic import SecretStr

from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.domain.secrets import Secret
from stack_local.oauth import renewal as renewals
from stack_local.oauth.renewal import Renewal
from stack_local.oauth.upstream import CALLBACK_PATH, Client, TokenServer, server_of
from stack_local.operations import attempts, drafts, sealing
from stack_local.operations.attempts import Errand, view
from stack_local.operations.binding import handles
from stack_local.operations.context import Context, Core
from stack_local.operations.drafts import Draft
from stack_local.operations.likeness import check_secrets
from stack_local.operations.revocation import note_ended
from stack_local.operations.sealing import Material
from stack_local.operations.services import connected
from stack_local.proxy import inject
from stack_local.service_templates import TemplateOAuth, fill
from stack_local.store import approvals, services
from stack_local.store import connecting as store
from stack_local.store.connecting import Flow
from stack_local.store.database import Tx
from stack_local.wire.connecting import (
    ConnectAttempt,
    ConnectAttempts,
    ConnectService,
    GetConnectAttempt,
    ListConnectAttempts,
    ServiceConnecting,
)
from stack_local.wire.services import Connection, UpdateConnectionTemplate


@handles(ConnectService)
def connect_service(tx: Tx, ctx: Context, request: ConnectService) -> ServiceConnecting:
    """By a token or a key at once, else by a log-in that the person goes on with in a browser."""
    _refuse_other_redirect(ctx, request)
    draft = drafts.draft_of(tx, ctx, request)
    secret = request.credential if request.credential is not None else request.oauth_token
    if secret is not None:
        return _connected(tx, ctx, draft, _typed(ctx, draft, secret, request))
    oauth = _oauth(draft, request)
    flow = request.flow or oauth.grants[0]
    if flow == "client_credentials":
        return _connected(tx, ctx, draft, _of_application(tx, ctx, draft, oauth, request))
    return _begun(tx, ctx, draft, Flow(flow), request)


def _refuse_other_redirect(ctx: Context, request: ConnectService) -> None:
    ours = ctx.ports.appliance.base_url + CALLBACK_PATH
    if request.redirect_uri not in (None, ours):
        raise InvalidRequest("a log-in comes back to this appliance alone", field="redirect_uri", rule=ours)


def _connected(tx: Tx, ctx: Context, draft: Draft, material: Material) -> ServiceConnecting:
    connection, ended = drafts.connect(
        tx,
        ctx.core,
        draft,
        material,
        connection_id=ctx.ports.system.new_id("connection"),
        by=ctx.actor.label,
        at=ctx.now,
    )
    note_ended(ctx, ended)
    ctx.note(subject=connection.provider, connection_id=connection.id, hosts=", ".join(connection.hosts))
    return ServiceConnecting(
        id=connection.id,
        provider=connection.provider,
        status="connected",
        connection=connection,
        attempt_id=None,
        authorization_url=None,
    )


def _typed(ctx: Context, draft: Draft, secret: SecretStr | dict[str, SecretStr], request: ConnectService) -> Material:
    fields = drafts.typed_fields(draft.template, secret)
    if drafts.is_exchange(draft.template, fields):
        return _exchange(draft, fields, at=ctx.now)
    inject.check(draft.template.injected(), fields)
    check_secrets(ctx, fields, draft.template, is_confirmed=request.confirm_format)
    return sealing.typed(fields)


def _exchange(draft: Draft, fields: dict[str, Secret], *, at: datetime) -> Material:
    """What earns tokens; the first one is had at the first call. A key that cannot sign is refused here."""
    exchange = draft.template.exchange
    assert exchange is not None  # the fields are its own
    server = TokenServer(fill(exchange.token_url, draft.placeholders), own_hosts=draft.own_hosts)
    renewal = Renewal(exchange.kind, server, Client(""), draft.service_scopes, fields=tuple(fields.items()))
    renewals.request_of(renewal, at=at)
    return _still_to_be_had(draft, renewal, at=at)


def _of_application(tx: Tx, ctx: Context, draft: Draft, oauth: TemplateOAuth, request: ConnectService) -> Material:
    """The application's own token, without a person (RFC 6749, section 4.4)."""
    client = _client(tx, ctx.core, draft, request)
    if client.client_secret is None:
        raise InvalidRequest("an application proves itself by its secret", field="client_secret", rule="required here")
    server = server_of(oauth, draft.placeholders, draft.own_hosts)
    return _still_to_be_had(draft, Renewal("client_credentials", server, client, draft.service_scopes), at=ctx.now)


def _still_to_be_had(draft: Draft, renewal: Renewal, *, at: datetime) -> Material:
    injection = drafts.injection_of(draft.template, renewal.kind)
    return Material({}, (drafts.token_field(injection),), renewal.kind, renewal, expires_at=at)


def _begun(tx: Tx, ctx: Context, draft: Draft, flow: Flow, request: ConnectService) -> ServiceConnecting:
    client = _client(tx, ctx.core, draft, request)
    row, errand = attempts.begin(tx, ctx, draft, client, flow)
    shown = view(ctx, row, errand)
    ctx.note(subject=row.provider, attempt_id=row.id, flow=row.flow)
    return ServiceConnecting(
        id=None,
        provider=row.provider,
        status="pending",
        connection=None,
        attempt_id=row.id,
        authorization_url=shown.authorization_url,
    )


def _oauth(draft: Draft, request: ConnectService) -> TemplateOAuth:
    """How one logs in at the service, in the way that is asked for if one is.

    Raises:
        InvalidRequest: not in this way; the hint says how a token is made by hand.
    """
    template, oauth = draft.template, draft.template.oauth
    if oauth is None or request.flow not in (None, *oauth.grants):
        token = template.token
        raise InvalidRequest(
            f"{template.name} is not connected in this way",
            field="flow",
            rule="a token" if oauth is None else ", ".join(oauth.grants),
            hint=None if token is None else f"make a token at {token.url}: {token.steps}",
        )
    return oauth


def _client(tx: Tx, core: Core, draft: Draft, request: ConnectService) -> Client:
    """The person's application: the one that is named, or the one of the last connection to the service.

    Raises:
        InvalidRequest: there is none; says where one is registered.
    """
    if request.client_id is not None:
        secret = request.client_secret
        return Client(request.client_id, None if secret is None else Secret(secret.get_secret_value()))
    for connection in reversed(services.list_(tx)):
        if connection.provider == draft.template.provider:
            renewal = sealing.opened(core, services.get_credential(tx, connection.id)).renewal
            if renewal is not None and renewal.client.client_id:
                return renewal.client
    oauth = draft.template.oauth
    where = "" if oauth is None else f"register one at {oauth.register_url} "
    raise InvalidRequest(
        f"no application is known at {draft.template.name}",
        field="client_id",
        rule="an application of the person's own",
        hint=f"{where}with the redirect address {CALLBACK_PATH} of this appliance",
    )


@handles(UpdateConnectionTemplate)
def update_connection_template(tx: Tx, ctx: Context, request: UpdateConnectionTemplate) -> Connection:
    """The shipped template in place of the connection's copy; its credential is sealed again for the hosts it names."""
    connection = connected(tx, request.connection_id)
    copy, shipped = services.template_of(tx, connection.id), ctx.core.plugins.templates.get(connection.provider)
    if copy is None or shipped is None or shipped.hash == copy.hash:
        raise Conflict("there is no newer version of its template", field="connection_id", rule="another version")
    row, rule = services.get_credential(tx, connection.id), services.get_rule(tx, connection.id)
    draft = Draft(shipped, connection.name, placeholders=dict(rule.placeholders))
    services.replace_template(
        tx,
        connection.id,
        shipped,
        injection=drafts.injection_of(shipped, row.source),
        hosts=draft.hosts,
        base_url=draft.base_url,
    )
    sealing.rebind(tx, ctx.core, row, draft.hosts)
    note_ended(ctx, approvals.end_pending(tx, connection_id=connection.id))
    ctx.note(subject=connection.provider, before=copy.hash, after=shipped.hash)
    return services.get(tx, connection.id)


@handles(GetConnectAttempt)
def get_connect_attempt(tx: Tx, ctx: Context, request: GetConnectAttempt) -> ConnectAttempt:
    """One log-in, to whoever began it and to whoever may begin any."""
    row = store.get(tx, request.attempt_id)
    if row.asked_by != ctx.actor.label and not ctx.actor.may_loosen:
        raise NotFound(f"there is no log-in {request.attempt_id}", field="attempt_id", hint="begin it again")
    return view(ctx, row, _errand(ctx, row))


@handles(ListConnectAttempts)
def list_connect_attempts(tx: Tx, ctx: Context, request: ListConnectAttempts) -> ConnectAttempts:
    """What waits, to whoever may begin it."""
    rows = [row for row in store.list_waiting(tx, ctx.now) if ctx.actor.may_loosen or row.asked_by == ctx.actor.label]
    return ConnectAttempts(items=[view(ctx, row, _errand(ctx, row)) for row in rows])


def _errand(ctx: Context, row: store.AttemptRow) -> Errand | None:
    return None if row.sealed is None or not ctx.core.vault.is_unlocked else attempts.opened(ctx.core, row)
