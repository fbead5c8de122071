"""Which agents an actor may see and act on (house decision 2). What it may not see looks like what is not there."""

from stack_local.domain.actors import Actor, Kind
from stack_local.domain.errors import NotFound
from stack_local.store import agents
from stack_local.store.audit import Visible
from stack_local.store.database import Tx


def visible_agents(tx: Tx, actor: Actor) -> frozenset[str] | None:
    """The agents an actor may see; None means all."""
    if actor.sees_everything:
        return None
    if actor.preset == "approver":
        return actor.decides_agents
    own = frozenset() if actor.agent_id is None else frozenset({actor.agent_id})
    return own | agents.ids_of(tx, actor.label) if actor.kind is Kind.KEY else own


def require_agent(tx: Tx, actor: Actor, agent_id: str, *, field: str = "agent_id") -> None:
    """Refuse what is another's.

    Raises:
        NotFound: there is no such agent, or not for this actor.
    """
    seen = visible_agents(tx, actor)
    if seen is not None and agent_id not in seen:
        raise NotFound(f"there is no agent {agent_id}", field=field, hint="see stack_list_agents")


def visible_records(tx: Tx, actor: Actor) -> Visible:
    """The audit records an actor may read: a passport its own, a key those of its agents."""
    if actor.kind is Kind.PASSPORT:
        return Visible(agents=visible_agents(tx, actor), passport_jti=actor.id)
    return Visible(agents=visible_agents(tx, actor))
