"""Access: granting and taking away."""

from dataclasses import replace

from stack_local.domain.errors import Conflict, InvalidRequest
from stack_local.domain.terms import NO_TERMS, Allowance, Terms
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.revocation import revoke_cascading
from stack_local.operations.terms import constraints_of, terms_of
from stack_local.operations.visibility import require_agent
from stack_local.store import access as store
from stack_local.store import agents, passports, services
from stack_local.store.database import Tx
from stack_local.store.terms import shown_terms
from stack_local.wire.access import (
    AccessRevoked,
    AgentAllowance,
    GetAgentPermissions,
    Grant,
    GrantAgentAccess,
    GrantTerms,
    Permissions,
    RevokeAgentAccess,
    SetAgentAllowance,
)


@handles(GrantAgentAccess)
def grant_agent_access(tx: Tx, ctx: Context, request: GrantAgentAccess) -> Grant:
    """Grant scopes the connection has; those of an earlier grant on it are replaced."""
    require_agent(tx, ctx.actor, request.agent_id)
    agents.get(tx, request.agent_id)
    connection = services.get(tx, request.service_connection_id)
    if connection.status != "connected":
        raise Conflict("the service is disconnected", field="service_connection_id", hint="connect it again")
    beyond = set(request.scopes) - set(connection.scopes)
    if beyond:
        raise InvalidRequest(
            f"the connection has no scope {', '.join(sorted(beyond))}",
            field="scopes",
            rule="one of " + ", ".join(connection.scopes),
        )
    grant = Grant(
        id=ctx.ports.system.new_id("grant"),
        agent_id=request.agent_id,
        service_connection_id=connection.id,
        provider=connection.provider,
        service_name=connection.name,
        scopes=sorted(set(request.scopes)),
        granted_by=ctx.actor.label,
        granted_at=ctx.now,
    )
    terms = _terms(tx, request)
    store.put(tx, grant, terms)
    ctx.note(agent_id=request.agent_id, subject=connection.provider, scopes=", ".join(grant.scopes))
    if terms != NO_TERMS:
        ctx.note(constraints=len(terms.constraints), rules=len(terms.rules), windows=len(terms.windows))
    return grant.model_copy(update={"terms": GrantTerms.model_validate(shown_terms(terms))})


def _terms(tx: Tx, request: GrantAgentAccess) -> Terms:
    """What was asked for; what was left out stands as it did, so that a wider grant is not a looser one unawares."""
    if request.terms is not None:
        return terms_of(request.terms, request.constraints)
    standing = store.terms_on(tx, request.agent_id, request.service_connection_id)
    if not request.constraints:
        return standing
    return replace(standing, constraints=constraints_of(request.constraints, field="constraints"))


@handles(SetAgentAllowance)
def set_agent_allowance(tx: Tx, ctx: Context, request: SetAgentAllowance) -> AgentAllowance:
    """How many calls an agent may make in all."""
    require_agent(tx, ctx.actor, request.agent_id)
    agents.get(tx, request.agent_id)
    store.set_allowance(tx, request.agent_id, Allowance(request.calls_per_minute, request.calls_per_month))
    ctx.note(agent_id=request.agent_id, per_minute=request.calls_per_minute, per_month=request.calls_per_month)
    return AgentAllowance(
        agent_id=request.agent_id,
        calls_per_minute=request.calls_per_minute,
        calls_per_month=request.calls_per_month,
    )


@handles(RevokeAgentAccess)
def revoke_agent_access(tx: Tx, ctx: Context, request: RevokeAgentAccess) -> AccessRevoked:
    """All grants of an agent, and its passports."""
    require_agent(tx, ctx.actor, request.agent_id)
    agents.get(tx, request.agent_id)
    grants = store.delete_all(tx, request.agent_id)
    fallen = revoke_cascading(
        tx, ctx, passports.revocable(tx, now=ctx.now, agent_id=request.agent_id), reason="access revoked"
    )
    ctx.note(agent_id=request.agent_id, grants=grants, revoked=len(fallen))
    return AccessRevoked(agent_id=request.agent_id, revoked_grants=grants, revoked_passports=len(fallen))


@handles(GetAgentPermissions)
def get_agent_permissions(tx: Tx, ctx: Context, request: GetAgentPermissions) -> Permissions:
    """What an agent may use."""
    require_agent(tx, ctx.actor, request.agent_id)
    agents.get(tx, request.agent_id)
    return Permissions(agent_id=request.agent_id, items=store.list_(tx, request.agent_id))
