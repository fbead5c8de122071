"""Agents as rows, as wire views and as the rules see them."""

from stack_local.domain.agents import Access, Agent, AgentStatus, Asks
from stack_local.domain.errors import Broken, NotFound
from stack_local.domain.ids import AgentId
from stack_local.domain.passports import Mode
from stack_local.store.database import Row, Tx, remembered
from stack_local.system import from_milliseconds
from stack_local.wire import agents as wire

_SELECT = "SELECT *, (SELECT value FROM meta WHERE name = 'operator_id') AS operator_id FROM agents"

_CHANGEABLE = frozenset(
    {
        "name",
        "description",
        "status",
        "accountability_mode",
        "credential_access",
        "approvals",
        "on_warning",
        "on_critical",
        "icon_url",
    }
)


def get(tx: Tx, agent_id: str) -> wire.Agent:
    """One agent.

    Raises:
        NotFound: there is none of that id.
    """
    return _view(_row(tx, agent_id))


@remembered
def get_rule(tx: Tx, agent_id: str) -> Agent:
    """One agent as the rules see it."""
    row = _row(tx, agent_id)
    return Agent(
        id=AgentId(row["id"]),
        name=row["name"],
        mode=Mode(row["accountability_mode"]),
        access=Access(row["credential_access"]),
        asks=Asks(row["approvals"]),
        status=AgentStatus(row["status"]),
        passport_blocked=bool(row["passport_blocked"]),
    )


def owner_of(tx: Tx, agent_id: str) -> str | None:
    """The label of the principal that registered it."""
    row = tx.find("SELECT owner FROM agents WHERE id = :id", id=agent_id)
    return None if row is None else str(row["owner"])


def find_by_name(tx: Tx, name: str) -> wire.Agent | None:
    """The agent of that name."""
    row = tx.find(f"{_SELECT} WHERE name = :name", name=name)
    return None if row is None else _view(row)


def list_(tx: Tx) -> list[wire.Agent]:
    """Every agent, oldest first."""
    return [_view(row) for row in tx.all(f"{_SELECT} ORDER BY created_at, id")]


def ids_of(tx: Tx, owner: str) -> frozenset[str]:
    """The agents one principal registered."""
    return frozenset(row["id"] for row in tx.all("SELECT id FROM agents WHERE owner = :owner", owner=owner))


def insert(tx: Tx, agent: wire.Agent, *, owner: str) -> None:
    """Keep a new agent."""
    tx.execute(
        "INSERT INTO agents (id, name, description, status, accountability_mode, on_warning, on_critical, "
        "credential_access, approvals, icon_url, owner, created_at, updated_at) VALUES (:id, :name, :description, "
        ":status, :mode, :on_warning, :on_critical, :access, :approvals, :icon_url, :owner, :at, :at)",
        id=agent.id,
        name=agent.name,
        description=agent.description,
        status=str(agent.status),
        mode=str(agent.accountability_mode),
        on_warning=str(agent.on_warning),
        on_critical=str(agent.on_critical),
        access=str(agent.credential_access),
        approvals=str(agent.approvals),
        icon_url=agent.icon_url,
        owner=owner,
        at=_milliseconds(agent),
    )
    tx.touches_access = True


def update(tx: Tx, agent_id: str, changes: dict[str, object], *, at: int) -> None:
    """Set the named fields; unknown names are a defect of ours."""
    unknown = changes.keys() - _CHANGEABLE
    if unknown:
        raise Broken(f"an agent has no changeable {', '.join(sorted(unknown))}")
    for name in sorted(changes):
        value = changes[name]
        tx.execute(
            f"UPDATE agents SET {name} = :value, updated_at = :at WHERE id = :id",  # noqa: S608 (a name of the set above)
            value=None if value is None else str(value),
            at=at,
            id=agent_id,
        )
    tx.touches_access = True


def block(tx: Tx, agent_id: str, *, reason: str, at: int) -> None:
    """No passport for this agent until a person unblocks it."""
    tx.execute(
        "UPDATE agents SET passport_blocked = 1, passport_blocked_reason = :reason, passport_blocked_at = :at, "
        "updated_at = :at WHERE id = :id",
        reason=reason,
        at=at,
        id=agent_id,
    )
    tx.touches_access = True


def unblock(tx: Tx, agent_id: str, *, at: int) -> None:
    """Passports again."""
    tx.execute(
        "UPDATE agents SET passport_blocked = 0, passport_blocked_reason = NULL, passport_blocked_at = NULL, "
        "updated_at = :at WHERE id = :id",
        at=at,
        id=agent_id,
    )
    tx.touches_access = True


def delete(tx: Tx, agent_id: str) -> None:
    """Remove the agent; its grants and keys go with it."""
    tx.execute("DELETE FROM agents WHERE id = :id", id=agent_id)
    tx.touches_access = True


def _row(tx: Tx, agent_id: str) -> Row:
    row = tx.find(f"{_SELECT} WHERE id = :id", id=agent_id)
    if row is None:
        raise NotFound(f"there is no agent {agent_id}", field="agent_id", hint="see stack_list_agents")
    return row


def _milliseconds(agent: wire.Agent) -> int:
    return round(agent.created_at.timestamp() * 1000)


def _view(row: Row) -> wire.Agent:
    blocked_at = row["passport_blocked_at"]
    return wire.Agent(
        id=row["id"],
        operator_id=row["operator_id"],
        name=row["name"],
        description=row["description"],
        status=row["status"],
        accountability_mode=row["accountability_mode"],
        on_warning=row["on_warning"],
        on_critical=row["on_critical"],
        credential_access=row["credential_access"],
        approvals=row["approvals"],
        passport_blocked=bool(row["passport_blocked"]),
        passport_blocked_reason=row["passport_blocked_reason"],
        passport_blocked_at=None if blocked_at is None else from_milliseconds(blocked_at),
        icon_url=row["icon_url"],
        created_at=from_milliseconds(row["created_at"]),
        updated_at=from_milliseconds(row["updated_at"]),
    )


def find_name(tx: Tx, agent_id: str) -> str | None:
    """The agent's name, if it still exists."""
    row = tx.find("SELECT name FROM agents WHERE id = :id", id=agent_id)
    return None if row is None else str(row["name"])
