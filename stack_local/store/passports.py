"""Passports: rows, the chain to the root, the descendants, revocation. The token itself is never kept."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stack_local.domain.errors import Broken, NotFound
from stack_local.domain.ids import AgentId, PassportId, SessionId
from stack_local.domain.passports import MAXIMUM_DEPTH, Mode, Passport, ServiceScope, State, state_of
from stack_local.store import meta
from stack_local.store.database import Row, Tx, remembered
from stack_local.store.terms import decode_constraint, encode_constraint
from stack_local.system import from_milliseconds, milliseconds
from stack_local.wire.passports import CheckpointRow, DeclaredIntent, PassportRow

_SELECT = (
    "SELECT p.*, (SELECT MIN(a.submitted_at) FROM approvals a WHERE a.session_id = p.session_id "
    "AND a.status = 'pending' AND a.kind = 'intent') AS waits_since FROM passports p"
)


def get(tx: Tx, jti: str) -> Passport:
    """One passport.

    Raises:
        NotFound: there is none of that id.
    """
    passport = find(tx, jti)
    if passport is None:
        raise NotFound(f"there is no passport {jti}", field="jti", hint="see stack_list_active_passports")
    return passport


@remembered
def find(tx: Tx, jti: str) -> Passport | None:
    """One passport, or None."""
    row = tx.find(f"{_SELECT} WHERE p.jti = :jti", jti=jti)
    return None if row is None else _passport(row)


def chain(tx: Tx, passport: Passport) -> tuple[Passport, ...]:
    """The passport and its ancestors, child first; a refreshed ancestor is stood for by its newest refresh."""
    links = [passport]
    while links[-1].parent_line is not None and len(links) <= MAXIMUM_DEPTH:
        links.append(_newest_of(tx, links[-1].parent_line))
    return tuple(links)


@remembered
def _newest_of(tx: Tx, line: str) -> Passport:
    row = tx.find(f"{_SELECT} WHERE p.line = :line ORDER BY p.issued_at DESC, p.rowid DESC LIMIT 1", line=line)
    if row is None:
        raise Broken(f"the line {line} has no passport")
    return _passport(row)


@remembered
def find_automatic(tx: Tx, agent_id: str, minted_by: str) -> Passport | None:
    """The newest passport that the appliance itself holds for a bearer that stands for one agent."""
    row = tx.find(
        f"{_SELECT} WHERE p.agent_id = :agent_id AND p.minted_by = :minted_by AND p.is_automatic = 1 "
        "ORDER BY p.issued_at DESC, p.rowid DESC LIMIT 1",
        agent_id=agent_id,
        minted_by=minted_by,
    )
    return None if row is None else _passport(row)


def insert(tx: Tx, passport: Passport, *, intent: DeclaredIntent | None, ttl_seconds: int, is_automatic: bool) -> None:
    """Keep a new passport."""
    tx.execute(
        "INSERT INTO passports VALUES (:jti, :agent_id, :session_id, :line, :parent_jti, :parent_line, :depth, :mode, "
        ":services, :intent, :minted_by, :is_automatic, :checkpoint_seconds, :ttl_seconds, :issued_at, :expires_at, "
        ":latest, :session_ends, NULL, NULL, NULL)",
        jti=passport.jti,
        agent_id=passport.agent_id,
        session_id=passport.session_id,
        line=passport.line,
        parent_jti=passport.parent_jti,
        parent_line=passport.parent_line,
        depth=passport.depth,
        mode=str(passport.mode),
        services=json.dumps({service.connection_id: _scoped(service) for service in passport.services}),
        intent=None if intent is None else intent.model_dump_json(),
        minted_by=passport.minted_by,
        is_automatic=int(is_automatic),
        checkpoint_seconds=passport.checkpoint_seconds,
        ttl_seconds=ttl_seconds,
        issued_at=milliseconds(passport.issued_at),
        expires_at=milliseconds(passport.expires_at),
        latest=milliseconds(passport.latest_expires_at),
        session_ends=milliseconds(passport.session_ends_at),
    )
    tx.touches_access = True


def set_refreshed(tx: Tx, jti: str, *, at: datetime) -> None:
    """The old passport of a refresh ends."""
    tx.execute("UPDATE passports SET refreshed_at = :at WHERE jti = :jti", at=milliseconds(at), jti=jti)
    tx.touches_access = True


def set_expiry(tx: Tx, jti: str, expires_at: datetime) -> None:
    """A checkpoint or a pause moves the end."""
    tx.execute("UPDATE passports SET expires_at = :at WHERE jti = :jti", at=milliseconds(expires_at), jti=jti)


def list_session(tx: Tx, session_id: str) -> list[Passport]:
    """All passports of a session that are neither revoked nor refreshed."""
    rows = tx.all(
        f"{_SELECT} WHERE p.session_id = :id AND p.revoked_at IS NULL AND p.refreshed_at IS NULL", id=session_id
    )
    return [_passport(row) for row in rows]


def descendants(tx: Tx, jtis: Sequence[str]) -> list[str]:
    """The refreshes of these passports and everything delegated from any of them; the given ones left out."""
    rows = tx.all(
        "WITH RECURSIVE below (line) AS ("
        "SELECT line FROM passports WHERE jti IN (SELECT value FROM json_each(:jtis)) "
        "UNION SELECT p.line FROM passports p JOIN below ON p.parent_line = below.line"
        ") SELECT p.jti FROM below JOIN passports p ON p.line = below.line",
        jtis=json.dumps(list(jtis)),
    )
    given = set(jtis)
    return [row["jti"] for row in rows if row["jti"] not in given]


def revoke(tx: Tx, jtis: Sequence[str], *, reason: str, at: datetime) -> list[tuple[str, str]]:
    """Revoke those that are not yet; `(jti, agent_id)` of each that fell. The anchor follows before the answer."""
    rows = tx.all(
        "SELECT jti, agent_id FROM passports WHERE revoked_at IS NULL AND jti IN (SELECT value FROM json_each(:jtis))",
        jtis=json.dumps(list(jtis)),
    )
    tx.execute(
        "UPDATE passports SET revoked_at = :at, revoked_reason = :reason WHERE revoked_at IS NULL "
        "AND jti IN (SELECT value FROM json_each(:jtis))",
        at=milliseconds(at),
        reason=reason,
        jtis=json.dumps(list(jtis)),
    )
    if rows:
        meta.add(tx, "revocation_epoch")
    tx.touches_access = tx.anchors = True
    return [(row["jti"], row["agent_id"]) for row in rows]


def revocable(
    tx: Tx,
    *,
    now: datetime,
    agent_id: str | None = None,
    session_id: str | None = None,
    connection_id: str | None = None,
    minted_by: str | None = None,
) -> list[str]:
    """Passports that are alive, or could be made so again by a refresh."""
    rows = tx.all(
        "SELECT jti FROM passports WHERE revoked_at IS NULL AND session_ends_at > :now "
        "AND (:agent_id IS NULL OR agent_id = :agent_id) AND (:session_id IS NULL OR session_id = :session_id) "
        "AND (:connection_id IS NULL OR json_extract(services, '$.' || :connection_id) IS NOT NULL) "
        "AND (:minted_by IS NULL OR minted_by = :minted_by)",
        now=milliseconds(now),
        agent_id=agent_id,
        session_id=session_id,
        connection_id=connection_id,
        minted_by=minted_by,
    )
    return [row["jti"] for row in rows]


def list_live(
    tx: Tx, *, now: datetime, agents: frozenset[str] | None, agent_id: str | None, session_id: str | None
) -> list[PassportRow]:
    """Passports that are good now, newest first."""
    rows = tx.all(
        f"{_SELECT} WHERE p.revoked_at IS NULL AND p.refreshed_at IS NULL AND p.latest_expires_at > :now "  # noqa: S608 (ours)
        "AND (:agent_id IS NULL OR p.agent_id = :agent_id) AND (:session_id IS NULL OR p.session_id = :session_id) "
        "AND (:agents IS NULL OR p.agent_id IN (SELECT value FROM json_each(:agents))) "
        "ORDER BY p.issued_at DESC, p.rowid DESC",
        now=milliseconds(now),
        agent_id=agent_id,
        session_id=session_id,
        agents=None if agents is None else json.dumps(sorted(agents)),
    )
    found = ((_passport(row), row["revoked_reason"]) for row in rows)
    return [view(tx, passport, now, reason=reason) for passport, reason in found if _is_live(tx, passport, now)]


def _is_live(tx: Tx, passport: Passport, now: datetime) -> bool:
    """Whether it is good now: a passport is as long as all above it are."""
    return all(state_of(link, now) is State.ACTIVE for link in chain(tx, passport))


def view(tx: Tx, passport: Passport, now: datetime, *, reason: str | None = None) -> PassportRow:
    """A passport as a row of the wire."""
    agent = tx.find("SELECT name FROM agents WHERE id = :id", id=passport.agent_id)
    return PassportRow(
        jti=passport.jti,
        agent_id=passport.agent_id,
        agent_name="(deleted)" if agent is None else agent["name"],
        session_id=passport.session_id,
        parent_passport_id=passport.parent_jti,
        delegation_depth=passport.depth,
        accountability=passport.mode,
        state=state_of(passport, now),
        services=_slugs(tx, passport),
        intent_summary=passport.intent_summary,
        issued_at=passport.issued_at,
        expires_at=passport.expires_at,
        revoked_at=passport.revoked_at,
        revoked_reason=reason,
    )


def _slugs(tx: Tx, passport: Passport) -> list[str]:
    """The services of a passport as people and agents name them; the id of one that is no longer connected."""
    ids = [service.connection_id for service in passport.services]
    rows = tx.all(
        "SELECT id, provider FROM connections WHERE id IN (SELECT value FROM json_each(:ids))", ids=json.dumps(ids)
    )
    providers = {row["id"]: row["provider"] for row in rows}
    return [providers.get(known, known) for known in ids]


def intent_of(tx: Tx, jti: str) -> DeclaredIntent | None:
    """The declared intent of a passport."""
    row = tx.find("SELECT intent FROM passports WHERE jti = :jti", jti=jti)
    return None if row is None or row["intent"] is None else DeclaredIntent.model_validate_json(row["intent"])


def revoked_reason(tx: Tx, jti: str) -> str | None:
    """Why it was revoked."""
    row = tx.find("SELECT revoked_reason FROM passports WHERE jti = :jti", jti=jti)
    return None if row is None else row["revoked_reason"]


def insert_checkpoint(tx: Tx, row: CheckpointRow, *, jti: str, reported: str) -> None:
    """Keep what an agent reported."""
    tx.execute(
        "INSERT INTO checkpoints VALUES (:id, :jti, :services, :count, :summary, :reported, :at)",
        id=row.checkpoint_id,
        jti=jti,
        services=json.dumps(row.services_used),
        count=row.actions_count,
        summary=row.summary,
        reported=reported,
        at=milliseconds(row.at),
    )


def list_checkpoints(tx: Tx, jti: str) -> list[CheckpointRow]:
    """What was reported, oldest first."""
    rows = tx.all("SELECT * FROM checkpoints WHERE passport_jti = :jti ORDER BY at, rowid", jti=jti)
    return [
        CheckpointRow(
            checkpoint_id=row["id"],
            services_used=json.loads(row["services_used"]),
            actions_count=row["actions_count"],
            summary=row["summary"],
            at=from_milliseconds(row["at"]),
        )
        for row in rows
    ]


def _passport(row: Row) -> Passport:
    intent = {} if row["intent"] is None else json.loads(row["intent"])
    services = json.loads(row["services"]).items()
    return Passport(
        jti=PassportId(row["jti"]),
        agent_id=AgentId(row["agent_id"]),
        session_id=SessionId(row["session_id"]),
        mode=Mode(row["accountability_mode"]),
        services=tuple(_scope(connection_id, held) for connection_id, held in services),
        minted_by=row["minted_by"],
        issued_at=from_milliseconds(row["issued_at"]),
        expires_at=from_milliseconds(row["expires_at"]),
        latest_expires_at=from_milliseconds(row["latest_expires_at"]),
        session_ends_at=from_milliseconds(row["session_ends_at"]),
        checkpoint_seconds=row["checkpoint_seconds"],
        depth=row["depth"],
        parent_jti=None if row["parent_jti"] is None else PassportId(row["parent_jti"]),
        line=row["line"],
        parent_line=row["parent_line"],
        intent_summary=intent.get("summary"),
        intent_services=tuple(intent.get("services", ())),
        revoked_at=None if row["revoked_at"] is None else from_milliseconds(row["revoked_at"]),
        refreshed_at=None if row["refreshed_at"] is None else from_milliseconds(row["refreshed_at"]),
        waits_since=None if row["waits_since"] is None else from_milliseconds(row["waits_since"]),
    )


def _scoped(service: ServiceScope) -> list[str] | dict[str, object]:
    """A service of a passport: its scopes, and its constraints where it has any."""
    scopes = sorted(service.scopes)
    if not service.constraints:
        return scopes
    return {"scopes": scopes, "constraints": [encode_constraint(one) for one in service.constraints]}


def _scope(connection_id: str, held: Any) -> ServiceScope:
    if isinstance(held, list):
        return ServiceScope(connection_id, frozenset(held))
    constraints = tuple(decode_constraint(one) for one in held["constraints"])
    return ServiceScope(connection_id, frozenset(held["scopes"]), constraints)
