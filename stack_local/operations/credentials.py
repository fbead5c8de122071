"""Credentials: which exist, and handing one to an agent that a person set to `direct`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import SecretStr

from stack_local.domain.actors import Kind
from stack_local.domain.agents import Access
from stack_local.domain.errors import Conflict, Forbidden, InvalidRequest
from stack_local.domain.passports import Passport, effective_scopes
from stack_local.domain.secrets import Secret
from stack_local.egress import tls
from stack_local.oauth import renewal as renewals
from stack_local.oauth.renewal import Renewal
from stack_local.operations import drafts, sealing
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.likeness import check_secrets
from stack_local.operations.minting import acting_passport, refuse_dead
from stack_local.operations.revocation import note_ended
from stack_local.operations.sealing import Material
from stack_local.operations.services import check_tls, connected, plain_fields, refuse_foreign
from stack_local.proxy import inject
from stack_local.proxy.inject import SINGLE
from stack_local.store import access, agents, approvals, keys, passports
from stack_local.store import services as store
from stack_local.store.database import Tx
from stack_local.vault.credential_fields import decode_fields
from stack_local.wire.credentials import (
    CredentialList,
    GetCredential,
    ListCredentials,
    RawCredential,
    RotateCredential,
    RotatedCredential,
    UndoCredential,
)
from stack_local.wire.services import Connection


@handles(GetCredential)
def get_credential(tx: Tx, ctx: Context, request: GetCredential) -> RawCredential:
    """Hand out a credential: only to an agent set to direct, within passport and grant."""
    passport = acting_passport(tx, ctx, request.passport_token)
    connection = store.resolve(tx, request.service)
    ctx.note(agent_id=passport.agent_id, passport_jti=passport.jti, subject=connection.provider)
    chain = passports.chain(tx, passport)
    _refuse_unless_direct(tx, chain)
    _refuse_admin_detour(tx, chain)
    granted = access.scopes_on(tx, passport.agent_id, connection.id)
    refuse_dead(ctx, chain)
    if not effective_scopes(chain, granted, connection.id):
        raise Forbidden(
            f"{connection.provider} is outside what this passport may reach",
            rule="credential_outside_scope",
            field="service",
            hint="ask a person to grant it",
        )
    row = store.get_credential(tx, connection.id)
    plain = ctx.core.vault.credential_key().open(row.place, row.sealed)
    fields = {name: SecretStr(secret.reveal()) for name, secret in decode_fields(plain).items()}
    if not fields:
        raise Conflict("no token was had yet", field="service", hint="make one call first; it fetches the token")
    if set(fields) == {SINGLE}:
        return RawCredential(provider=connection.provider, connection_id=connection.id, credential=fields[SINGLE])
    return RawCredential(provider=connection.provider, connection_id=connection.id, credentials=fields)


def _refuse_unless_direct(tx: Tx, chain: Sequence[Passport]) -> None:
    """A person must have set every agent of the chain to direct: delegating is no way around it."""
    for passport in chain:
        agent = agents.get_rule(tx, passport.agent_id)
        if agent.access is not Access.DIRECT:
            raise Forbidden(
                f"agent {agent.name} is {agent.access}: it holds no credential",
                rule="credential_access",
                hint="call stack_proxy_request; the credential is injected for you",
            )


def _refuse_admin_detour(tx: Tx, chain: Sequence[Passport]) -> None:
    """An admin key reveals nothing, by a passport it minted itself neither (house decision 2)."""
    kind, _, minter = chain[-1].minted_by.partition(":")
    if kind == Kind.KEY and keys.get(tx, minter).preset == "admin":
        raise Forbidden(
            "an admin key reveals no credential", rule="reveal", hint="a person, or the direct agent's own key, may"
        )


@handles(RotateCredential)
def rotate_credential(tx: Tx, ctx: Context, request: RotateCredential) -> RotatedCredential:
    """Another secret of the same kind: a token for a token, a key for a key, an application's secret for another."""
    connection = connected(tx, request.connection_id)
    refuse_foreign(tx, ctx, connection)
    before = sealing.opened(ctx.core, store.get_credential(tx, connection.id))
    material = _rotated(tx, ctx, connection, before, request)
    sealing.put_in_place(tx, ctx.core, connection.id, material, at=ctx.now)
    return _replaced(tx, ctx, connection.id)


def _rotated(tx: Tx, ctx: Context, connection: Connection, before: Material, request: RotateCredential) -> Material:
    template = store.template_of(tx, connection.id)
    typed = request.credential
    fields = plain_fields(typed) if template is None else drafts.typed_fields(template, typed)
    if before.renewal is not None and before.renewal.fields:
        return _another_key(ctx, before, before.renewal, fields)
    if before.source != store.TYPED:
        raise Conflict(
            "this credential comes from a log-in at the service",
            field="connection_id",
            rule="a credential that was typed",
            hint="log in again: connect the service with this connection_id",
        )
    fields = {name: secret for name, secret in before.fields.items() if name in tls.FIELDS} | fields
    inject.check(store.get_rule(tx, connection.id).injection, fields)
    check_tls(fields, store.ca_of(tx, connection.id))
    check_secrets(ctx, fields, template, is_confirmed=request.confirm_format)
    return sealing.typed(fields)


def _another_key(ctx: Context, before: Material, renewal: Renewal, fields: Mapping[str, Secret]) -> Material:
    """A key that earns tokens: it must be able to sign, and the first token is had at the next call."""
    if fields.keys() != dict(renewal.fields).keys():
        names = ", ".join(sorted(dict(renewal.fields)))
        raise InvalidRequest("these are not the fields of the key", field="credential", rule=names)
    another = replace(renewal, fields=tuple(fields.items()))
    renewals.request_of(another, at=ctx.now)
    return replace(before, fields={}, renewal=another, expires_at=ctx.now)


@handles(UndoCredential)
def undo_credential(tx: Tx, ctx: Context, request: UndoCredential) -> RotatedCredential:
    """The two change places; what was is not lost by going back."""
    connection = connected(tx, request.connection_id)
    refuse_foreign(tx, ctx, connection)
    sealing.swap_back(tx, ctx.core, connection.id, at=ctx.now)
    return _replaced(tx, ctx, connection.id)


def _replaced(tx: Tx, ctx: Context, connection_id: str) -> RotatedCredential:
    ended = approvals.end_pending(tx, connection_id=connection_id)
    note_ended(ctx, ended)
    connection = store.get(tx, connection_id)
    tx.is_visible = True
    ctx.note(subject=connection.provider, connection_id=connection_id, version=connection.credential_version)
    return RotatedCredential(
        connection_id=connection_id,
        provider=connection.provider,
        credential_version=connection.credential_version,
        ended_approvals=len(ended),
    )


@handles(ListCredentials)
def list_credentials(tx: Tx, ctx: Context, request: ListCredentials) -> CredentialList:
    """That credentials exist; a key limited to agents sees none it was not granted."""
    if not ctx.actor.sees_everything:
        raise Forbidden(
            "this list is the operator's", rule="admin", hint="see stack_list_services for what you may use"
        )
    return CredentialList(items=store.list_credentials(tx))
