"""The one door: every surface ends in `Dispatcher.call`. Scope, transaction, handler, record, publish, in order."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from stack_local.client import WAIT_SECONDS
from stack_local.domain.actors import NOBODY, Actor, Kind
from stack_local.domain.audit import Outcome
from stack_local.domain.errors import Broken, Forbidden, Locked, StackError, Unauthorized, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.operations.binding import HANDLERS, Binding, check_complete
from stack_local.operations.context import Context, Core, OperationListener, Ports, Trail, quiet
from stack_local.operations.decisions import hold_or_answer
from stack_local.operations.rates import principal_of
from stack_local.proxy.forwarding import Forward
from stack_local.store.audit import Scribe
from stack_local.store.database import Tx
from stack_local.wire.catalogue import Operation, Request, Surface, View
from stack_local.wire.vault import ApplianceStatus, GetStatus

Answer = TypeVar("Answer", bound=View)

ActorOf = Callable[[Secret], Actor]
"""From a session token to the actor it stands for."""

log = logging.getLogger(__name__)


class NoBearer(Unauthorized):
    """Nobody said who asks: there is no error in that yet (RFC 6750, section 3.1)."""

    def __init__(self) -> None:
        super().__init__("there is no bearer", hint="Authorization: Bearer <API key, passport or OAuth token>")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands at the door, and at which side of the house."""

    actor: Actor
    surface: Surface
    patience_seconds: float | None = None
    """How long it waits for an answer; None where it says how long with each question."""


class Dispatcher:
    """Carries out requests. `core` is there while the vault is open."""

    def __init__(self, ports: Ports) -> None:
        check_complete()
        self._ports = ports
        self._core: Core | None = None
        self._uncounted: Counter[str] = Counter()
        self.rates = ports.rates

    def open(self, core: Core | None) -> None:
        """The vault was opened, or (None) is about to be closed."""
        self._core = core

    async def call(
        self,
        caller: Caller,
        request: Request[Answer],
        *,
        on_operation: OperationListener = quiet,
        forward: Forward | None = None,
    ) -> Answer:
        """The answer to one request; `forward` where it is a proxied call whose bodies are passed on as they come.

        Raises:
            StackError: refused or failed; if anybody is known to have asked, it is in the audit log already.
        """
        binding = HANDLERS[type(request)]
        ctx = self._context(caller, on_operation, forward)
        try:
            self._admit(binding.operation, caller)
            answer = await self._carry_out(ctx, binding, request)
        except StackError as refused:
            await self._record_refusal(ctx, binding.operation, refused)
            raise
        except Exception:
            # The one place where a defect of ours becomes an answer.
            log.exception("operation %s failed", binding.operation.name)
            broken = Broken("the appliance failed at this", trace_id=ctx.trace_id, hint="its log says why")
            await self._record_refusal(ctx, binding.operation, broken)
            raise broken from None
        return answer  # type: ignore[return-value]  # the catalogue pairs request and answer

    async def refuse(self, caller: Caller, operation: Operation, refused: StackError) -> None:
        """Record that a surface refused arguments that make no request."""
        await self._record_refusal(self._context(caller, quiet), operation, refused)

    def _context(self, caller: Caller, on_operation: OperationListener, forward: Forward | None = None) -> Context:
        return Context(
            actor=caller.actor,
            surface=caller.surface,
            patience_seconds=caller.patience_seconds,
            trace_id=self._ports.system.new_id("claim").replace("pc_", "trc_"),
            now=self._ports.system.now(),
            ports=self._ports,
            core_or_none=self._core,
            trail=Trail(),
            on_operation=on_operation,
            forward=forward,
        )

    def _admit(self, operation: Operation, caller: Caller) -> None:
        """Surface, bearer, seal, scope, rate, lock: before the handler sees anything."""
        if caller.surface not in operation.surfaces:
            raise Forbidden(
                f"{operation.name} is done at the terminal",
                rule="surface",
                hint=f"a person runs `stack-local call {operation.name}` or uses the TUI",
            )
        if operation.scope is not None and caller.actor.kind is Kind.NOBODY:
            raise NoBearer()
        self._refuse_read_only(operation)
        if self._core is None and not operation.while_sealed:
            raise Locked("the vault is sealed", rule="sealed", hint="a person unlocks it with `stack-local unlock`")
        if operation.scope is not None and operation.scope not in caller.actor.scopes:
            raise Forbidden(
                f"this bearer lacks the scope {operation.scope}",
                rule="scope",
                field="Authorization",
                scope=operation.scope,
                hint="it needs a person at the terminal, or another key",
            )
        if operation.rate is not None and not caller.actor.is_person:
            self.rates.take(operation.rate, principal_of(caller.actor))
        if self._core is not None and not operation.while_locked and not self._core.vault.is_unlocked:
            raise Locked("the vault is locked", rule="locked", hint="a person unlocks it with `stack-local unlock`")

    def _refuse_read_only(self, operation: Operation) -> None:
        """A vault older than its anchor is read, locked and sealed, and nothing else is done with it."""
        alarm = self._ports.appliance.alarm
        if alarm is not None and operation.effect != "read" and operation.area != "vault":
            raise Unavailable(
                f"the vault is read-only: {alarm}",
                rule="anchor",
                hint="put the newer vault.db back; `stack-local doctor` and SECURITY.md say more",
            )

    async def _carry_out(self, ctx: Context, binding: Binding, request: Request[Any]) -> View:
        operation = binding.operation
        if binding.is_async:
            answer: View = await binding.handler(ctx, request)
            if operation.effect == "external" and not ctx.trail.is_recorded:
                await self._record_success(operation, ctx)
            return answer
        if operation.effect == "read":
            read: View = await ctx.core.database.read(lambda tx: binding.handler(tx, ctx, request))
            return read
        if binding.before is not None:
            await binding.before(ctx, request)
        writing = ctx.core.database.submit(lambda tx: self._write(tx, ctx, binding, request))
        after = binding.after
        if after is not None:
            writing.add_done_callback(lambda done: None if _is_refused(done) else after(ctx, request))
        # A caller that hangs up ends neither the change nor what follows it.
        written = await asyncio.shield(writing)
        if isinstance(written, StackError):
            raise written
        return written

    def _write(self, tx: Tx, ctx: Context, binding: Binding, request: Request[Any]) -> View | StackError:
        """One transaction: the change and its record, or the refusal and its record."""
        try:
            with tx.savepoint("handler"):
                answer = hold_or_answer(tx, ctx, binding, request)
                if answer is None:
                    answer = binding.handler(tx, ctx, request)
        except StackError as refused:
            answer = refused
        if isinstance(answer, StackError):
            _write_refusal(tx, ctx, binding.operation, answer)
            ctx.trail.is_recorded = True
        else:
            _write_success(tx, ctx, binding.operation)
        return answer

    async def _record_success(self, operation: Operation, ctx: Context) -> None:
        """After an external operation. The vault may just have been opened by it: then there is a core now."""
        if self._core is not None and self._ports.appliance.alarm is None:
            with_core = self._core
            await with_core.database.write(lambda tx: _write_success(tx, ctx, operation, scribe=with_core.scribe))

    async def _record_refusal(self, ctx: Context, operation: Operation, refused: StackError) -> None:
        if ctx.trail.is_recorded:
            return
        is_read_only = self._ports.appliance.alarm is not None
        if self._core is None or is_read_only or ctx.actor.kind is Kind.NOBODY:
            self.count_refusal(refused.code)
            return
        scribe = self._core.scribe
        await self._core.database.write(lambda tx: _write_refusal(tx, ctx, operation, refused, scribe=scribe))

    def count_refusal(self, code: str) -> None:
        """A refusal before anybody is known, or while sealed: written as one record a minute by `jobs.py`."""
        self._uncounted[code] += 1

    def take_counted(self) -> dict[str, int]:
        """The refusals counted since the last time."""
        counted, self._uncounted = dict(self._uncounted), Counter()
        return counted

    def give_counted_back(self, counted: Mapping[str, int]) -> None:
        """Their record could not be written: they are counted on."""
        self._uncounted.update(counted)


def _is_refused(written: asyncio.Future[View | StackError]) -> bool:
    return written.exception() is not None or isinstance(written.result(), StackError)


def _write_success(tx: Tx, ctx: Context, operation: Operation, *, scribe: Scribe | None = None) -> None:
    writer, trail = scribe or ctx.core.scribe, ctx.trail
    writer.write(
        tx,
        trace_id=ctx.trace_id,
        actor=ctx.actor.label,
        action=operation.audit,
        outcome=Outcome.SUCCESS,
        layer=operation.layer,
        decided_by=ctx.actor.label,
        agent_id=trail.agent_id,
        passport_jti=trail.passport_jti,
        subject=trail.subject,
        detail=trail.detail,
    )
    for extra in trail.extras:
        writer.write(
            tx,
            trace_id=ctx.trace_id,
            actor=ctx.actor.label,
            action=extra.action,
            outcome=extra.outcome,
            layer=extra.layer,
            decided_by=ctx.actor.label,
            agent_id=extra.agent_id,
            passport_jti=extra.passport_jti,
            subject=extra.subject,
        )
    tx.is_visible = True


def _write_refusal(
    tx: Tx, ctx: Context, operation: Operation, refused: StackError, *, scribe: Scribe | None = None
) -> None:
    rule = refused.details.get("rule")
    (scribe or ctx.core.scribe).write(
        tx,
        trace_id=ctx.trace_id,
        actor=ctx.actor.label,
        action=operation.audit,
        outcome=Outcome.BLOCKED,
        layer=operation.layer,
        decided_by=f"rule:{rule}" if isinstance(rule, str) else None,
        agent_id=ctx.trail.agent_id or ctx.actor.agent_id,
        passport_jti=ctx.trail.passport_jti,
        error_code=refused.code,
        error_message=refused.message,
    )


class LocalClient:
    """The `Client` of this process: the same door without a socket. For commands that open the vault themselves."""

    def __init__(self, dispatcher: Dispatcher, actor_of: ActorOf) -> None:
        self._dispatcher = dispatcher
        self._actor_of = actor_of
        self._session: Secret | None = None

    def hold_session(self, session: Secret | None) -> None:
        """Act as this operator session from now on."""
        self._session = session

    async def call(self, request: Request[Answer]) -> Answer:
        """The answer to one request."""
        actor = NOBODY if self._session is None else self._actor_of(self._session)
        return await self._dispatcher.call(Caller(actor, "admin"), request)

    async def watch(self) -> AsyncIterator[ApplianceStatus]:
        """The status now, and again each time something changes."""
        status = await self.call(GetStatus())
        while True:
            yield status
            status = await self.call(GetStatus(after_changes=status.changes, wait_seconds=WAIT_SECONDS))
