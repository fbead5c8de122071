"""Credentials: which exist, and handing one to an agent that a person set to `direct`."""

from collections.abc import Sequence

from pydantic import SecretStr

from stack_local.domain.actors import Kind
from stack_local.domain.agents import Access
from stack_local.domain.errors import Forbidden
from stack_local.domain.passports import Passport, effective_scopes
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.minting import acting_passport, refuse_dead
from stack_local.proxy.inject import SINGLE
from stack_local.store import access, agents, keys, passports
from stack_local.store import services as store
from stack_local.store.database import Tx
from stack_local.vault.credential_fields import decode_fields
from stack_local.wire.credentials import CredentialList, GetCredential, ListCredentials, RawCredential


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


@handles(ListCredentials)
def list_credentials(tx: Tx, ctx: Context, request: ListCredentials) -> CredentialList:
    """That credentials exist; a key limited to agents sees none it was not granted."""
    if not ctx.actor.sees_everything:
        raise Forbidden(
            "this list is the operator's", rule="admin", hint="see stack_list_services for what you may use"
        )
    return CredentialList(items=store.list_credentials(tx))
