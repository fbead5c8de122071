"""The life of a proxied call, stops 4 to 8 of the house.

    4  the detectors see the proposed call, under a time budget
    5  one transaction reads the facts and asks `policy.decide`
    6  in the same transaction the approval is spent and the record *requested* or *refused* is appended
    7  the credential is opened, injected, the call sent, its echo scrubbed
    8  *completed* or *failed* is committed, whether or not the caller still listens

Two properties, tested by fault injection at each stop: **no record, no call** (6 precedes 7 and is durable), and
**no call without an outcome** (8 always; after a crash `jobs.py` closes what stayed open as *unknown*).
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from stack_local.domain.approvals import give_back, settle
from stack_local.domain.audit import Layer, Outcome, commitment
from stack_local.domain.calls import Call
from stack_local.domain.detection import Finding
from stack_local.domain.errors import Broken, Forbidden, StackError, TooMany, Unavailable
from stack_local.domain.passports import Passport
from stack_local.domain.policy import Allow, Deny, Facts, Hold, Replay, decide, needs_body
from stack_local.domain.services import Connection
from stack_local.egress.client import Egress
from stack_local.proxy import approvals, refusals
from stack_local.proxy.admission import decided_by, said_of
from stack_local.proxy.at_once import AtOnce
from stack_local.proxy.contents import look_at_request
from stack_local.proxy.credentials import Credentials, Renewer
from stack_local.proxy.delivery import Delivered, Delivery, Parcel
from stack_local.proxy.facts import SALT_BYTES, Draft, Sight, World, gather, proposed_call
from stack_local.proxy.inspect import Inspector
from stack_local.proxy.outcomes import (
    ACTION,
    Ended,
    kept_operation,
    not_kept,
    record_outcome,
    stored_response,
    subject_of,
)
from stack_local.proxy.responses import Kept
from stack_local.proxy.sightings import Sightings
from stack_local.proxy.usage import Usage
from stack_local.settings import Settings
from stack_local.store import approvals as approval_store
from stack_local.store import proxy as store
from stack_local.store.audit import Scribe
from stack_local.store.database import Database, Tx
from stack_local.system import System
from stack_local.vault.references import Keepers
from stack_local.vault.vault import Vault

log = logging.getLogger(__name__)

Findings = tuple[Finding, ...] | None
"""What the detectors said; None where they saw nothing, and then nothing goes out."""

Spawn = Callable[[Coroutine[object, object, None]], object]
"""Start a coroutine in the appliance's TaskGroup."""


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf a call is made. `passport` finds (or mints) it inside the deciding transaction."""

    label: str
    bearer: str
    """Names the bearer and the passport shown with it: equal ones peek the same until access changes."""
    trace_id: str
    passport: Callable[[Tx], Passport]
    peek: Callable[[Tx], tuple[str, str]]
    """Agent and session as far as they are known before; never writes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call stands: its operation, and what came back."""

    operation_id: str
    approval_id: str | None
    kept: Kept
    base: str
    """The URL that `/p/{service}` stands for."""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A call that was let out, from stop 6 to stop 8."""

    row: store.OperationRow
    connection: Connection
    call: Call
    started: float


class Pipeline:
    """Carries calls from decision to outcome."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        egress: Egress,
        inspector: Inspector,
        scribe: Scribe,
        system: System,
        settings: Settings,
        spawn: Spawn,
        anchor_is_fresh: Callable[[], bool],
        renewer: Renewer,
        keepers: Keepers | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._inspector = inspector
        self._scribe = scribe
        self._system = system
        self._settings = settings
        self._spawn = spawn
        self._anchor_is_fresh = anchor_is_fresh
        credentials = Credentials(database, vault, system, renewer, keepers)
        self._delivery = Delivery(egress, credentials, system, kept_bytes=settings.kept_response_bytes)
        self._sightings = Sightings(database, vault, system)
        self._running: dict[str, asyncio.Future[Kept]] = {}
        self._at_once = AtOnce()
        self.usage = Usage()

    async def run(self, asker: Asker, draft: Draft, *, on_operation: Callable[[str], None]) -> Answer:
        """Make one call, or refuse it; `on_operation` hears the operation's id before anything is sent.

        Raises:
            StackError: refused (recorded), or failed on the way (recorded).
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._spawn(self._live(asker, draft, on_operation, answer))
        # A caller that hangs up takes this future along, not the call.
        return await answer

    async def _live(
        self, asker: Asker, draft: Draft, on_operation: Callable[[str], None], answer: asyncio.Future[Answer]
    ) -> None:
        """The whole life of a call, in a task of its own: a caller that hangs up does not end it half-way."""
        try:
            answered = await self._live_or_raise(asker, draft, on_operation)
            if not answer.done():
                answer.set_result(answered)
        except StackError as refused:
            _fail(answer, refused)
        except Exception:
            # The door's own catch cannot see this task.
            log.exception("a proxied call failed")
            _fail(answer, Broken("the appliance failed at this call", trace_id=asker.trace_id))

    async def _live_or_raise(self, asker: Asker, draft: Draft, on_operation: Callable[[str], None]) -> Answer:
        sight = await self._sightings.of(asker.bearer, asker.peek, draft)
        decided = await self._decided(asker, draft, sight, await self._findings(sight))
        if isinstance(decided, StackError):
            raise decided
        if isinstance(decided, Replay):
            return await self._replay(decided)
        row = decided.row
        self._sightings.went_out(row.agent_id, row.digest, row.created_at)
        on_operation(row.id)
        outcome: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._running[row.id] = outcome
        kept = await self._carry_out(decided, outcome, draft)
        return Answer(row.id, row.approval_id, kept, decided.connection.base)

    async def probe(self, connection: Connection, call: Call) -> Kept:
        """The answer to one harmless call with the credential, which nobody asked for but us. Recorded by the door.

        Raises:
            StackError: the vault is locked, or nothing came back.
        """
        delivered = await self._delivery.send(Parcel(connection, call, "", is_write=False))
        if delivered.kept is None:
            raise delivered.failure or Broken("nothing came back")
        return delivered.kept

    async def must_see_body(self, asker: Asker, draft: Draft) -> bool:
        """Whether somebody or something looks at the body of this call before it may go out.

        Raises:
            StackError: as the decision would refuse it; nothing is recorded yet.
        """
        # Not a read: the asker's passport may have to be minted for it.
        return await self._database.write(lambda tx: self._body_matters(tx, asker, draft))

    def _body_matters(self, tx: Tx, asker: Asker, draft: Draft) -> bool:
        connection, call = proposed_call(tx, self._vault, draft)
        world = World(self._system.now(), self._anchor_is_fresh(), ())
        facts = gather(tx, self._vault, world, passport=asker.passport(tx), connection=connection, call=call)
        is_named = draft.approval_id is not None or draft.request_id is not None
        return is_named or needs_body(facts)

    async def inspect(self, asker: Asker, draft: Draft) -> Findings:
        """Stop 4. A draft that cannot be read was not seen: the transaction refuses it with its record."""
        return await self._findings(await self._sightings.of(asker.bearer, asker.peek, draft))

    async def _findings(self, sight: Sight | None) -> Findings:
        if sight is None:
            return None
        found = await self._inspector.inspect(sight.facts, sight.past)
        in_content = await look_at_request(sight.call)
        return found if in_content is None else (*found, in_content)

    async def _decided(
        self, asker: Asker, draft: Draft, sight: Sight | None, findings: Findings
    ) -> _Admitted | Replay | StackError:
        """The word on the call, durable. Where the commit fails, what the unit counted is taken back."""
        counted: list[str] = []
        try:
            return await self._database.write(lambda tx: self._decide(tx, asker, draft, sight, findings, counted))
        except StackError:
            for agent_id in counted:
                self._at_once.add(agent_id, -1)
                self.usage.forget_month()
            raise

    def _decide(
        self, tx: Tx, asker: Asker, draft: Draft, sight: Sight | None, findings: Findings, counted: list[str]
    ) -> _Admitted | Replay | StackError:
        """Stops 5 and 6, in one transaction; a refusal is returned, so that its record is committed with it."""
        try:
            with tx.savepoint("decision"):
                decided = self._judge(tx, asker, draft, sight, findings)
        except StackError as refused:
            return self._refuse(tx, asker, None, refused, decided_by=None)
        if isinstance(decided, _Admitted):
            counted.append(decided.row.agent_id)
            self._at_once.add(decided.row.agent_id, 1)
        return decided

    def _judge(
        self, tx: Tx, asker: Asker, draft: Draft, sight: Sight | None, findings: Findings
    ) -> _Admitted | Replay | StackError:
        passport = asker.passport(tx)
        connection, call = proposed_call(tx, self._vault, draft, sight)
        world = World(self._system.now(), self._anchor_is_fresh(), findings or ())
        facts = gather(
            tx,
            self._vault,
            world,
            passport=passport,
            connection=connection,
            call=call,
            approval_id=draft.approval_id,
            request_id=draft.request_id,
            usage=self.usage,
        )
        decision = decide(facts)
        if isinstance(decision, Hold) and draft.forward is not None:
            # A vendor's program cannot name the yes: its byte-identical retry spends it.
            standing = approvals.find_standing(tx, self._vault, passport, call, world.now)
            if standing is not None:
                facts = replace(facts, approval_id=standing.id, approval=standing)
                decision = decide(facts)
        match decision:
            case Deny() as denial:
                return self._refuse(tx, asker, facts, refusals.denied(denial), decided_by=f"rule:{denial.rule}")
            case Hold():
                return self._hold(tx, asker, facts)
            case Replay() as replay:
                return self._note_replay(tx, asker, facts, replay)
            case Allow() if findings is None:
                raise Unavailable("no detector saw this call", code="NOT_INSPECTED", hint="try again")
            case Allow() as allowed:
                return self._admit(tx, asker, facts, allowed, draft)

    def _admit(self, tx: Tx, asker: Asker, facts: Facts, allowed: Allow, draft: Draft) -> _Admitted | StackError:
        """Spend, keep, record: committed together, before the first byte goes out."""
        agent_id = facts.passport.agent_id
        if self._at_once.count(agent_id) >= self._settings.max_calls_at_once:
            busy = TooMany(
                "this agent has as many calls under way as it may",
                rule=f"at most {self._settings.max_calls_at_once} at once",
                hint="wait for one to end",
                retry_after_seconds=1,
            )
            return self._refuse(tx, asker, facts, busy, decided_by="rule:max_calls_at_once")
        operation_id = self._system.new_id("operation")
        approval = allowed.approval
        if approval is not None:
            approvals.take_use(tx, approval, operation_id)
        # What is sent is what was approved: the stored bytes.
        call = facts.call if approval is None else approval.call
        salt, encoded = self._system.random_bytes(SALT_BYTES), approvals.encode_call(call)
        row = store.OperationRow(
            id=operation_id,
            agent_id=agent_id,
            passport_jti=facts.passport.jti,
            asked_by=asker.label,
            connection_id=call.connection_id,
            approval_id=None if approval is None else approval.id,
            digest=call.digest,
            is_write=not facts.connection.reads(call),
            trace_id=asker.trace_id,
            subject=subject_of(call),
            state=store.DISPATCHING,
            created_at=facts.now,
            request_id=draft.request_id,
            sealed_call=self._vault.seal_content(salt + encoded, row_id=operation_id),
        )
        store.insert(tx, row)
        self.usage.add((agent_id, call.connection_id), facts.now)
        self._scribe.write(
            tx,
            trace_id=row.trace_id,
            actor=row.asked_by,
            action=ACTION,
            outcome=Outcome.PENDING,
            layer=Layer.PROXY,
            decided_by=decided_by(tx, row),
            agent_id=row.agent_id,
            passport_jti=row.passport_jti,
            subject=row.subject,
            payload_hash=commitment(salt, encoded),
            detail=said_of(facts, row, allowed, draft),
        )
        return _Admitted(row, facts.connection, call, self._system.monotonic())

    def _note_replay(self, tx: Tx, asker: Asker, facts: Facts, replay: Replay) -> Replay:
        """The stored outcome is handed out again: that is an act of its own, and nothing is sent."""
        self._scribe.write(
            tx,
            trace_id=asker.trace_id,
            actor=asker.label,
            action=f"{ACTION}.replay",
            outcome=Outcome.SUCCESS,
            layer=Layer.PROXY,
            decided_by=f"approval:{replay.approval_id}" if replay.approval_id else "rule:operation_id",
            agent_id=facts.passport.agent_id,
            passport_jti=facts.passport.jti,
            subject=subject_of(facts.call),
            detail={"operation_id": replay.operation_id, "approval_id": replay.approval_id},
        )
        return replay

    def _hold(self, tx: Tx, asker: Asker, facts: Facts) -> StackError:
        """Refuse, and open the pending approval for exactly this call."""
        row = approvals.open_pending(tx, self._vault, self._system, facts, approvals.Asked(asker.label))
        refused = Forbidden(
            "approval_required: a person must approve this call",
            gate_reason="approval_required",
            rule="approval_required",
            approval_id=row.id,
            hint="poll stack_get_intent_approval, then repeat the call with this approval_id",
        )
        return self._refuse(tx, asker, facts, refused, decided_by="rule:approval_required")

    def _refuse(
        self, tx: Tx, asker: Asker, facts: Facts | None, refused: StackError, *, decided_by: str | None
    ) -> StackError:
        """Record a refusal; without facts where they could not be read."""
        detail: dict[str, str | int | bool | None] = {"field": _text(refused.details.get("field"))}
        if facts is not None:
            detail["service"] = facts.connection.provider
        self._scribe.write(
            tx,
            trace_id=asker.trace_id,
            actor=asker.label,
            action=ACTION,
            outcome=Outcome.BLOCKED,
            layer=Layer.PROXY,
            decided_by=decided_by,
            agent_id=None if facts is None else facts.passport.agent_id,
            passport_jti=None if facts is None else facts.passport.jti,
            subject=None if facts is None else subject_of(facts.call),
            error_code=refused.code,
            error_message=refused.message,
            detail=detail,
        )
        return refused

    async def _carry_out(self, admitted: _Admitted, outcome: asyncio.Future[Kept], draft: Draft) -> Kept:
        """Stops 7 and 8; `outcome` tells whoever waits for the same call."""
        row, settled = admitted.row, None
        try:
            delivered = await self._delivered(admitted, draft)
            kept, failure = delivered.kept, delivered.failure
            if failure is not None:
                failure.details = {**failure.details, "operation_id": row.id}
            # A write's outcome is durable before its answer: exactly-once needs it. A read's may follow.
            is_awaited = failure is not None or row.is_write
            settled = self._database.submit(
                lambda tx: self._settle(tx, admitted, delivered),
                is_patient=not is_awaited and row.approval_id is None,
            )
            settled.add_done_callback(lambda _: self._running.pop(row.id, None))
            if is_awaited:
                await settled
            if failure is not None:
                raise failure
            if kept is None:
                raise Broken("a call ended without an answer or a failure")
        except StackError as failed:
            _fail(outcome, failed)
            raise
        except Exception:
            # A defect of ours: whoever waits is told, and `jobs.py` closes the call as unknown.
            _fail(outcome, Broken("the appliance failed at this call", operation_id=row.id))
            raise
        finally:
            self._at_once.add(row.agent_id, -1)
            if settled is None:
                self._running.pop(row.id, None)
        if kept.is_whole:
            outcome.set_result(kept)
        else:
            _fail(outcome, not_kept(row.id))
        return kept

    async def _delivered(self, admitted: _Admitted, draft: Draft) -> Delivered:
        row = admitted.row
        parcel = Parcel(admitted.connection, admitted.call, _key_of(row), is_write=row.is_write)
        if draft.sink is None:
            return await self._delivery.send(parcel)
        return await self._delivery.stream(parcel, draft.upload, draft.sink)

    def is_running(self, operation_id: str) -> bool:
        """Whether this process carries the call out, or has its outcome still to write."""
        return operation_id in self._running

    def _settle(self, tx: Tx, admitted: _Admitted, delivered: Delivered) -> None:
        """Stop 8: the outcome, the approval's use, and the record, together."""
        failure, sent = delivered.failure, delivered.sent
        state = store.RECEIVED if failure is None else store.UNKNOWN if sent else store.FAILED
        ended = Ended(
            state,
            None if failure is None else failure.code,
            None if failure is None else failure.message,
            round((self._system.monotonic() - admitted.started) * 1000),
            delivered.receipt,
        )
        store.finish(
            tx,
            admitted.row.id,
            state=state,
            at=self._system.now(),
            sealed_response=self._sealed(admitted, delivered.kept),
            error_code=ended.error_code,
            error_message=ended.error_message,
            receipt=delivered.receipt,
        )
        self._settle_approval(tx, admitted.row, sent=sent)
        record_outcome(tx, self._scribe, admitted.row, ended, kept=delivered.kept)

    def _settle_approval(self, tx: Tx, operation: store.OperationRow, *, sent: bool) -> None:
        if operation.approval_id is None:
            return
        row = approval_store.get(tx, operation.approval_id)
        if sent:
            status, uses_left, operation_id = settle(row.status), row.uses_left, row.operation_id
        else:
            (status, uses_left), operation_id = give_back(row.status, row.uses_left), None
        approval_store.set_use(tx, row.id, status=status, uses_left=uses_left, operation_id=operation_id)
        tx.is_visible = True

    def _sealed(self, admitted: _Admitted, kept: Kept | None) -> bytes | None:
        if kept is None or not kept.is_whole or len(kept.body) > self._settings.kept_response_bytes:
            return None
        return self._vault.seal_content(kept.encode(), row_id=f"{admitted.row.id}.response")

    async def _replay(self, replay: Replay) -> Answer:
        """The stored outcome of the approval's last call; one still under way is awaited."""
        running = self._running.get(replay.operation_id)
        row, base = await self._database.read(lambda tx: kept_operation(tx, replay.operation_id))
        kept = stored_response(self._vault, row) if running is None else await asyncio.shield(running)
        return Answer(row.id, replay.approval_id, kept, base, replayed=True)


def _key_of(row: store.OperationRow) -> str:
    """What the service makes a write once under: two agents that chose the same id make two writes."""
    if row.request_id is None:
        return row.id
    return hashlib.sha256(f"{row.agent_id} {row.request_id}".encode()).hexdigest()


def _fail(waiting: asyncio.Future[Any], error: StackError) -> None:
    if waiting.done():
        return
    waiting.set_exception(error)
    # Nobody may be waiting any more: an exception that was looked at is not reported as lost.
    waiting.exception()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
