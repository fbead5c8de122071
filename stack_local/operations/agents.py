"""Agents: register, see, change, delete, unblock."""

from stack_local.domain.agents import Access, AgentStatus, Asks, OnFlag
from stack_local.domain.errors import Conflict
from stack_local.domain.loosening import DEFAULT_AGENT
from stack_local.domain.passports import Mode
from stack_local.operations.binding import handles
from stack_local.operations.context import Context, Fields
from stack_local.operations.revocation import revoke_cascading
from stack_local.operations.visibility import require_agent, visible_agents
from stack_local.store import agents as store
from stack_local.store import meta, passports
from stack_local.store.database import Tx
from stack_local.system import milliseconds
from stack_local.wire.agents import (
    Agent,
    Agents,
    DeleteAgent,
    Deleted,
    GetAgent,
    ListAgents,
    RegisterAgent,
    UnblockAgent,
    UpdateAgent,
)


def default_controls(tx: Tx, request: RegisterAgent) -> Fields:
    """What a registration is compared with."""
    return DEFAULT_AGENT


def current_controls(tx: Tx, request: UpdateAgent) -> Fields:
    """What a change is compared with."""
    return store.get(tx, request.agent_id).model_dump(mode="json")


@handles(RegisterAgent, current=default_controls)
def register_agent(tx: Tx, ctx: Context, request: RegisterAgent) -> Agent:
    """Keep a new agent under its owner."""
    _refuse_taken(tx, request.name)
    agent = Agent(
        id=ctx.ports.system.new_id("agent"),
        operator_id=meta.get(tx, "operator_id"),
        name=request.name,
        description=request.description,
        status=AgentStatus.ACTIVE,
        accountability_mode=request.accountability_mode or Mode.ENFORCED,
        on_warning=request.on_warning or OnFlag.NOTIFY,
        on_critical=request.on_critical or OnFlag.NOTIFY,
        credential_access=request.credential_access or Access.PROXY_ONLY,
        approvals=request.approvals or Asks.WRITES,
        passport_blocked=False,
        passport_blocked_reason=None,
        passport_blocked_at=None,
        icon_url=request.icon_url,
        created_at=ctx.now,
        updated_at=ctx.now,
    )
    store.insert(tx, agent, owner=ctx.actor.label)
    ctx.note(agent_id=agent.id, subject=agent.name, mode=str(agent.accountability_mode))
    return agent


@handles(ListAgents)
def list_agents(tx: Tx, ctx: Context, request: ListAgents) -> Agents:
    """The agents the actor may see."""
    seen = visible_agents(tx, ctx.actor)
    return Agents(items=[agent for agent in store.list_(tx) if seen is None or agent.id in seen])


@handles(GetAgent)
def get_agent(tx: Tx, ctx: Context, request: GetAgent) -> Agent:
    """One agent."""
    require_agent(tx, ctx.actor, request.agent_id)
    return store.get(tx, request.agent_id)


@handles(UpdateAgent, current=current_controls)
def update_agent(tx: Tx, ctx: Context, request: UpdateAgent) -> Agent:
    """Set the named fields; suspending revokes nothing, and lets nothing through."""
    require_agent(tx, ctx.actor, request.agent_id)
    store.get(tx, request.agent_id)
    asked = request.model_dump(exclude_unset=True, exclude={"agent_id", "governance_approval_id"})
    changes = {name: value for name, value in asked.items() if value is not None or name in ("description", "icon_url")}
    if request.name is not None and store.get(tx, request.agent_id).name != request.name:
        _refuse_taken(tx, request.name)
    store.update(tx, request.agent_id, changes, at=milliseconds(ctx.now))
    ctx.note(agent_id=request.agent_id, fields=", ".join(sorted(changes)))
    return store.get(tx, request.agent_id)


@handles(DeleteAgent)
def delete_agent(tx: Tx, ctx: Context, request: DeleteAgent) -> Deleted:
    """Remove the agent and end its passports."""
    require_agent(tx, ctx.actor, request.agent_id)
    name = store.get(tx, request.agent_id).name
    fallen = revoke_cascading(
        tx, ctx, passports.revocable(tx, now=ctx.now, agent_id=request.agent_id), reason="Agent deleted"
    )
    store.delete(tx, request.agent_id)
    ctx.note(agent_id=request.agent_id, subject=name, revoked=len(fallen))
    return Deleted(id=request.agent_id, revoked_passports=len(fallen))


@handles(UnblockAgent)
def unblock_agent(tx: Tx, ctx: Context, request: UnblockAgent) -> Agent:
    """Let a blocked agent hold passports again."""
    require_agent(tx, ctx.actor, request.agent_id)
    store.get(tx, request.agent_id)
    store.unblock(tx, request.agent_id, at=milliseconds(ctx.now))
    ctx.note(agent_id=request.agent_id)
    return store.get(tx, request.agent_id)


def _refuse_taken(tx: Tx, name: str) -> None:
    if store.find_by_name(tx, name) is not None:
        raise Conflict(f"there is an agent {name} already", field="name", rule="unique", hint="choose another name")
