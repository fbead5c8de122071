"""The audit log: append one linked record, read pages, walk the chain."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from stack_local.domain.audit import GENESIS, Layer, Outcome, Record, hash_fields
from stack_local.domain.canonical import Json
from stack_local.store.database import Bulk, Row, Tx
from stack_local.system import System, milliseconds

_COLUMNS = (
    "sequence, entry_id, timestamp, trace_id, operator_id, actor, decided_by, agent_id, passport_jti, layer, action, "
    "outcome, subject, duration_ms, payload_hash, error_code, error_message, detail, prev_entry_hash, entry_hash"
)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain."""

    sequence: int
    entry_hash: str


@dataclass(frozen=True, slots=True)
class Visible:
    """Which records a reader may see: all, or those of some agents, or of one passport."""

    agents: frozenset[str] | None = None
    passport_jti: str | None = None

    @property
    def only_agent(self) -> str | None:
        """The agent, where they are those of one alone."""
        return next(iter(self.agents)) if self.agents is not None and len(self.agents) == 1 else None


_HEAD = "the head of the audit log"
_INSERT = Bulk(f"INSERT INTO audit ({_COLUMNS}) VALUES", 20)
_write_detail = json.JSONEncoder(ensure_ascii=False).encode


def head(tx: Tx) -> Head:
    """The last record's place and hash; sequence 0 and the genesis hash while there is none."""
    return tx.remembered(_HEAD, lambda: _read_head(tx))


def _read_head(tx: Tx) -> Head:
    row = tx.find("SELECT sequence, entry_hash FROM audit ORDER BY sequence DESC LIMIT 1")
    return Head(0, GENESIS) if row is None else Head(row["sequence"], row["entry_hash"])


def list_(
    tx: Tx,
    *,
    visible: Visible,
    limit: int,
    since: int | None = None,
    after_sequence: int | None = None,
    agent_id: str | None = None,
    passport_jti: str | None = None,
    action: str | None = None,
) -> list[Record]:
    """Records, newest first; with `after_sequence` those that follow it next, so that nobody who follows misses one."""
    order = "ASC" if after_sequence is not None else "DESC"
    agents = None if visible.only_agent is not None else _array(visible.agents)
    conditions = {
        "timestamp >= :since": since,
        "sequence > :after": after_sequence,
        "agent_id = :agent_id": agent_id,
        "passport_jti = :jti": passport_jti,
        "action = :action": action,
        "passport_jti = :own_jti": visible.passport_jti,
        "agent_id = :own_agent": visible.only_agent,
        # The plus keeps the order of the log: by the index of agents, all their records would be sorted first.
        "+agent_id IN (SELECT value FROM json_each(:agents))": agents,
    }
    # Only what is asked for stands in the statement: an index is used for nothing that may be NULL.
    asked = [condition for condition, value in conditions.items() if value is not None]
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM audit {'WHERE' if asked else ''} {' AND '.join(asked)} "  # noqa: S608 (our own words)
        f"ORDER BY sequence {order} LIMIT :limit",
        since=since,
        after=after_sequence,
        agent_id=agent_id,
        jti=passport_jti,
        action=action,
        own_jti=visible.passport_jti,
        own_agent=visible.only_agent,
        agents=agents,
        limit=limit,
    )
    records = [_record(row) for row in rows]
    return records[::-1] if order == "ASC" else records


def _array(values: frozenset[str] | None) -> str | None:
    return None if values is None else json.dumps(sorted(values))


def walk(tx: Tx, *, from_sequence: int, limit: int, page: int = 1000) -> Iterator[Record]:
    """Records in order, a page at a time, so that memory stays flat."""
    last = from_sequence - 1
    while limit > 0:
        rows = tx.all(
            f"SELECT {_COLUMNS} FROM audit WHERE sequence > :last ORDER BY sequence LIMIT :page",  # noqa: S608 (our own columns)
            last=last,
            page=min(page, limit),
        )
        if not rows:
            return
        yield from (_record(row) for row in rows)
        last, limit = rows[-1]["sequence"], limit - len(rows)


def hash_at(tx: Tx, sequence: int) -> str | None:
    """The hash of one record; the genesis hash before the first, None when there is none."""
    if sequence == 0:
        return GENESIS
    row = tx.find("SELECT entry_hash FROM audit WHERE sequence = :sequence", sequence=sequence)
    return None if row is None else str(row["entry_hash"])


def _record(row: Row) -> Record:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 (a Row iterates over its values)
    fields["layer"], fields["outcome"] = Layer(fields["layer"]), Outcome(fields["outcome"])
    fields["detail"] = json.loads(fields["detail"])
    return Record(**fields)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes records: knows the clock, the ids and whose log it is."""

    system: System
    operator_id: str

    def write(
        self,
        tx: Tx,
        *,
        trace_id: str,
        actor: str,
        action: str,
        outcome: Outcome,
        layer: Layer = Layer.SYSTEM,
        decided_by: str | None = None,
        agent_id: str | None = None,
        passport_jti: str | None = None,
        subject: str | None = None,
        duration_ms: int | None = None,
        payload_hash: str | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
        detail: dict[str, str | int | bool | None] | None = None,
    ) -> None:
        """Append one record in this transaction."""
        last = head(tx)
        hashed: dict[str, Json] = {
            "sequence": last.sequence + 1,
            "entry_id": self.system.new_id("audit"),
            "timestamp": milliseconds(self.system.now()),
            "trace_id": trace_id,
            "operator_id": self.operator_id,
            "actor": actor,
            "decided_by": decided_by,
            "agent_id": agent_id,
            "passport_jti": passport_jti,
            "layer": layer.value,
            "action": action,
            "outcome": outcome.value,
            "subject": subject,
            "duration_ms": duration_ms,
            "payload_hash": payload_hash,
            "error_code": error_code,
            "error_message": error_message,
            "detail": dict(detail or {}),
            "prev_entry_hash": last.entry_hash,
        }
        entry_hash = hash_fields(hashed)
        tx.log(_INSERT, *(hashed | {"detail": _write_detail(detail or {}), "entry_hash": entry_hash}).values())
        tx.remember(_HEAD, Head(last.sequence + 1, entry_hash))
        tx.is_visible = True
