"""What is to be connected: a template with the person's own parts in it, checked before anything is kept."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from stack_local.domain.approvals import Status
from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.domain.secrets import Secret
from stack_local.domain.services import READ, WRITE, Injection, InjectionStyle
from stack_local.domain.urls import parse_host_port
from stack_local.operations import sealing
from stack_local.operations.context import Context, Core
from stack_local.operations.likeness import check_hosts
from stack_local.operations.sealing import Material
from stack_local.operations.services import connected, refuse_foreign
from stack_local.proxy import inject
from stack_local.service_templates import FILLED, ServiceTemplate, fill
from stack_local.store import approvals
from stack_local.store import services as store
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx
from stack_local.wire.connecting import ConnectService
from stack_local.wire.services import Connection, InjectionSpec

ONE_FIELD = frozenset({InjectionStyle.BEARER, InjectionStyle.HEADER, InjectionStyle.TEMPLATE})
"""Ways to send a credential by which a token that was earned goes too, if they need one field alone."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A connection that is not there yet, or the one whose credential is to be another."""

    template: ServiceTemplate
    name: str
    placeholders: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = (READ, WRITE)
    """Ours, for grants."""
    service_scopes: tuple[str, ...] = ()
    """The service's own."""
    account: str | None = None
    asks_everything: bool = False
    connection_id: str | None = None
    """In place of whose credential."""
    proposal_id: str | None = None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where its credential may go."""
        return tuple(sorted({parse_host_port(fill(host, self.placeholders)).text for host in self.template.hosts}))

    @property
    def base_url(self) -> str | None:
        """What `/p/{service}/` stands for."""
        return None if self.template.base_url is None else fill(self.template.base_url, self.placeholders)

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """Of these, the ones that are the person's own as a whole."""
        whole = (host for host in self.template.hosts if FILLED.fullmatch(host))
        return tuple(parse_host_port(fill(host, self.placeholders)).text for host in whole)


def draft_of(tx: Tx, ctx: Context, request: ConnectService) -> Draft:
    """What a request describes.

    Raises:
        NotFound: the service is not known.
        InvalidRequest: a part of it breaks a rule; names the field.
        Conflict: the connection that is named is gone.
    """
    if request.connection_id is not None:
        return _of_connection(tx, ctx, request, request.connection_id)
    template = _template(ctx, request)
    _check_placeholders(template, request.placeholders)
    ours, theirs = _scopes(template, request.scopes)
    draft = Draft(
        template=template,
        name=request.name or template.name,
        placeholders=request.placeholders,
        scopes=ours,
        service_scopes=theirs,
        account=request.account,
        asks_everything=request.asks_everything,
        proposal_id=request.proposal_id,
    )
    check_hosts(ctx, draft.hosts, is_confirmed=request.confirm_format)
    return draft


def _of_connection(tx: Tx, ctx: Context, request: ConnectService, connection_id: str) -> Draft:
    """The connection as it is: nothing but its credential is to be another."""
    connection = connected(tx, connection_id)
    refuse_foreign(tx, ctx, connection)
    template = store.template_of(tx, connection_id)
    if template is None or template.provider not in (request.service_id, request.provider):
        raise InvalidRequest(
            f"the connection is not one of {request.service_id}",
            field="connection_id",
            rule="a connection of this service",
            hint="a custom service gets its new secret by rotating it",
        )
    ours, theirs = _scopes(template, request.scopes)
    return Draft(
        template=template,
        name=connection.name,
        placeholders=dict(store.get_rule(tx, connection_id).placeholders),
        scopes=ours,
        service_scopes=theirs or tuple(connection.service_scopes),
        connection_id=connection_id,
        proposal_id=request.proposal_id,
    )


def _template(ctx: Context, request: ConnectService) -> ServiceTemplate:
    """By its id; some clients say it as `provider`, beside an id of their own."""
    known = ctx.core.plugins.templates
    found = known.get(request.service_id) or known.get(request.provider or "")
    if found is None or not found.is_service:
        raise NotFound(
            f"there is no service {request.service_id}",
            field="service_id",
            hint="see stack_list_services; any other is connected with stack_connect_custom_service",
        )
    return found


def _check_placeholders(template: ServiceTemplate, given: Mapping[str, str]) -> None:
    unknown = given.keys() - {known.name for known in template.placeholders}
    if unknown:
        raise InvalidRequest(f"{template.name} has no such part", field=f"placeholders.{min(unknown)}", rule="known")
    for known in template.placeholders:
        value = given.get(known.name)
        if value is None or re.fullmatch(known.format, value) is None:
            raise InvalidRequest(
                f"{known.label.lower()} is missing or has another form",
                field=f"placeholders.{known.name}",
                rule=f"matches {known.format}",
                hint=known.hint,
            )


def _scopes(template: ServiceTemplate, asked: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ours and theirs: `read` and `write` are ours; scopes that only read make a connection that only reads."""
    theirs = tuple(dict.fromkeys(scope for scope in asked if scope not in (READ, WRITE)))
    ours = tuple(sorted({scope for scope in asked if scope in (READ, WRITE)}))
    if ours or not theirs:
        return ours or (READ, WRITE), theirs
    reading = {scope.name for scope in template.scopes if scope.needed_for == "read"}
    return ((READ,) if set(theirs) <= reading else (READ, WRITE)), theirs


def typed_fields(template: ServiceTemplate, credential: SecretStr | dict[str, SecretStr]) -> dict[str, Secret]:
    """What a person typed, by the fields of the template, or of its exchange where exactly those are given.

    Raises:
        InvalidRequest: a field is not known, or which one is meant cannot be told.
    """
    names = [known.name for known in template.fields]
    if isinstance(credential, SecretStr):
        if len(names) != 1:
            raise InvalidRequest(
                f"a credential of {template.name} has several fields", field="credential", rule=", ".join(names)
            )
        return {names[0]: Secret(credential.get_secret_value())}
    fields = {name: Secret(value.get_secret_value()) for name, value in credential.items()}
    if not is_exchange(template, fields) and (not fields or fields.keys() - set(names)):
        raise InvalidRequest(f"these are not the fields of {template.name}", field="credential", rule=", ".join(names))
    return fields


def is_exchange(template: ServiceTemplate, fields: Mapping[str, Secret]) -> bool:
    """Whether these are what earns tokens, and not a token."""
    exchange = template.exchange
    return exchange is not None and fields.keys() == {known.name for known in exchange.fields}


def injection_of(template: ServiceTemplate, source: str) -> Injection:
    """Where a credential of this source goes: an earned token is a bearer, where the template says no better."""
    injection = template.injected()
    if source == store.TYPED or (injection.style in ONE_FIELD and len(inject.required_fields(injection)) == 1):
        return injection
    return Injection(InjectionStyle.BEARER)


def token_field(injection: Injection) -> str:
    """The field of the credential that such an injection takes a token from."""
    required = inject.required_fields(injection)
    return required[0] if len(required) == 1 else inject.SINGLE


def connect(
    tx: Tx, core: Core, draft: Draft, material: Material, *, connection_id: str, by: str, at: datetime
) -> tuple[Connection, list[ApprovalRow]]:
    """Keep the connection under this id, or the credential in place of another; and the approvals that ended with it.

    Raises:
        Conflict: the connection is gone, or is sent its credential in another way; or the proposal no longer waits.
    """
    injection = injection_of(draft.template, material.source)
    _complete_proposal(tx, draft, by=by, at=at)
    if draft.connection_id is not None:
        return _in_place(tx, core, draft, material, injection, at=at)
    connection = Connection(
        id=connection_id,
        provider=draft.template.provider,
        name=draft.name,
        description=draft.template.description,
        account=draft.account,
        status="connected",
        hosts=list(draft.hosts),
        injection=InjectionSpec.of(injection),
        scopes=list(draft.scopes),
        asks_everything=draft.asks_everything,
        verification="never",
        verified_at=None,
        version=1,
        credential_version=1,
        connected_by=by,
        connected_at=at,
        base_url=draft.base_url,
        service_scopes=list(draft.service_scopes),
        template_version=draft.template.hash,
    )
    store.insert(tx, connection, verify_path=None, template=draft.template, placeholders=draft.placeholders)
    sealing.seal(tx, core, sealing.place_of(connection), material, at=at)
    return connection, []


def _in_place(
    tx: Tx, core: Core, draft: Draft, material: Material, injection: Injection, *, at: datetime
) -> tuple[Connection, list[ApprovalRow]]:
    assert draft.connection_id is not None  # by the caller
    connection = connected(tx, draft.connection_id)
    if connection.injection != InjectionSpec.of(injection):
        raise Conflict(
            "this kind of credential is sent in another way than the connection's",
            field="connection_id",
            rule="the same kind of credential",
            hint="disconnect the service and connect it anew",
        )
    sealing.put_in_place(tx, core, connection.id, material, at=at)
    store.set_service_scopes(tx, connection.id, draft.service_scopes)
    ended = approvals.end_pending(tx, connection_id=connection.id)
    return store.get(tx, connection.id), ended


def _complete_proposal(tx: Tx, draft: Draft, *, by: str, at: datetime) -> None:
    if draft.proposal_id is None:
        return
    row = approvals.get(tx, draft.proposal_id)
    is_this = row.kind == approvals.PROPOSAL and row.call_key == draft.template.provider
    if not is_this or row.status is not Status.PENDING or row.expires_at <= at:
        raise Conflict("the proposal is not for this service, or no longer waits", field="proposal_id", rule="pending")
    approvals.decide(tx, row.id, status=Status.CONSUMED, by=by, at=at, notes=None)
    tx.is_visible = True


def encode_draft(draft: Draft) -> str:
    """A draft for sealing; its template is kept beside it, by its hash."""
    return json.dumps(
        {
            "name": draft.name,
            "placeholders": dict(draft.placeholders),
            "scopes": draft.scopes,
            "service_scopes": draft.service_scopes,
            "account": draft.account,
            "asks_everything": draft.asks_everything,
            "connection_id": draft.connection_id,
            "proposal_id": draft.proposal_id,
        }
    )


def decode_draft(text: str, template: ServiceTemplate) -> Draft:
    """The draft that `encode_draft` gave."""
    plain = json.loads(text)
    lists = {name: tuple(plain[name]) for name in ("scopes", "service_scopes")}
    return Draft(template, **{**plain, **lists})
