"""Approvals of exact calls: keeping the call sealed, reading it back, opening a pending one, taking a use."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from stack_local.domain.approvals import MAX_PENDING, PENDING_HOURS, Approval, Status, reserve
from stack_local.domain.calls import Call
from stack_local.domain.errors import TooMany, Unavailable
from stack_local.domain.ids import AgentId, ApprovalId, OperationId, SessionId
from stack_local.domain.passports import Passport
from stack_local.domain.policy import Facts
from stack_local.domain.urls import parse_url
from stack_local.store import approvals as store
from stack_local.store import passports
from stack_local.store.approvals import ApprovalRow
from stack_local.store.database import Tx
from stack_local.system import System
from stack_local.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Asked:
    """Why and for how long an approval is asked for."""

    asked_by: str
    reason: str | None = None
    simulation: str | None = None
    expires_in_seconds: int | None = None


def encode_call(call: Call) -> bytes:
    """A call's bytes for sealing."""
    body = None if call.body is None else base64.b64encode(call.body).decode()
    fields = {
        "connection_id": call.connection_id,
        "connection_version": call.connection_version,
        "credential_version": call.credential_version,
        "method": call.method,
        "url": call.url.text,
        "headers": call.headers,
        "content_type": call.content_type,
        "body": body,
    }
    return json.dumps(fields).encode()


def decode_call(raw: bytes) -> Call:
    """The call that `encode_call` gave."""
    fields = json.loads(raw)
    fields["url"] = parse_url(fields["url"])
    fields["headers"] = tuple((name, value) for name, value in fields["headers"])
    fields["body"] = None if fields["body"] is None else base64.b64decode(fields["body"])
    return Call(**fields)


def call_of(vault: Vault, row: ApprovalRow) -> Call:
    """The call that a row binds.

    Raises:
        Unavailable: its bytes were shredded after their time.
    """
    if row.sealed is None:
        raise Unavailable("the call's bytes were shredded", code="SHREDDED", hint="submit the intent again")
    return decode_call(vault.open_content(row.sealed, row_id=row.id))


def load(tx: Tx, vault: Vault, approval_id: str) -> Approval | None:
    """An approval as the gate reads it; None where there is none, or its bytes are gone."""
    row = store.find(tx, approval_id)
    if row is None or row.kind != store.INTENT or row.sealed is None:
        return None
    return Approval(
        id=ApprovalId(row.id),
        agent_id=AgentId(row.agent_id or ""),
        session_id=SessionId(row.session_id or ""),
        chain=row.chain,
        status=row.status,
        call=call_of(vault, row),
        submitted_at=row.submitted_at,
        expires_at=row.expires_at,
        uses_left=row.uses_left,
        operation_id=None if row.operation_id is None else OperationId(row.operation_id),
    )


def call_key(call: Call) -> str:
    """What makes two calls alike on the approval screen: service, method, host and path."""
    return f"{call.connection_id} {call.method} {call.url.authority}{call.url.raw_path}"


def open_pending(tx: Tx, vault: Vault, system: System, facts: Facts, asked: Asked) -> ApprovalRow:
    """A pending approval of exactly this call; an equal one that waits already is returned instead.

    Raises:
        TooMany: the agent has as many decisions waiting as it may.
    """
    passport, call = facts.passport, facts.call
    twin = store.find_pending_twin(
        tx, digest=call.digest, kind=store.INTENT, asked_by=asked.asked_by, session_id=passport.session_id
    )
    if twin is not None and twin.expires_at > facts.now:
        return twin
    check_room(store.count_pending(tx, passport.agent_id))
    approval_id = system.new_id("approval")
    row = ApprovalRow(
        id=approval_id,
        kind=store.INTENT,
        asked_by=asked.asked_by,
        status=Status.PENDING,
        digest=call.digest,
        submitted_at=facts.now,
        expires_at=_end_of_waiting(facts.now, asked.expires_in_seconds),
        sealed=vault.seal_content(encode_call(call), row_id=approval_id),
        claim_id=system.new_id("claim"),
        agent_id=passport.agent_id,
        session_id=passport.session_id,
        chain=tuple(agent.id for agent in facts.agents),
        connection_id=call.connection_id,
        call_key=call_key(call),
        reason=asked.reason,
        simulation=asked.simulation,
    )
    store.insert(tx, row)
    tx.is_visible = True
    return row


def find_standing(tx: Tx, vault: Vault, passport: Passport, call: Call, now: datetime) -> Approval | None:
    """A yes to exactly this call that its passport may spend now."""
    chain = tuple(link.agent_id for link in passports.chain(tx, passport))
    row = store.find_granted(tx, digest=call.digest, session_id=passport.session_id, chain=chain, now=now)
    return None if row is None else load(tx, vault, row.id)


def check_room(waiting: int) -> None:
    """At most so many decisions wait for one agent: a person's attention is the scarcest thing.

    Raises:
        TooMany: there is no room.
    """
    if waiting >= MAX_PENDING:
        raise TooMany(
            f"{waiting} decisions wait already",
            rule=f"at most {MAX_PENDING} pending decisions per agent",
            hint="wait until a person has decided one",
            retry_after_seconds=30,
        )


def take_use(tx: Tx, approval: Approval, operation_id: str) -> None:
    """Spend one use, in the transaction of the decision."""
    status, uses_left = reserve(approval)
    store.set_use(tx, approval.id, status=status, uses_left=uses_left, operation_id=operation_id)


def _end_of_waiting(now: datetime, seconds: int | None) -> datetime:
    return now + (timedelta(hours=PENDING_HOURS) if seconds is None else timedelta(seconds=seconds))
