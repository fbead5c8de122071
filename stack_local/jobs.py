"""What happens by the clock: expiry, counted refusals, shredding, the anchor, and closing calls left open."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from stack_local.dispatch import Dispatcher
from stack_local.domain.approvals import Status, settle
from stack_local.domain.audit import Outcome
from stack_local.domain.errors import StackError
from stack_local.operations import devices, taking_back
from stack_local.operations.context import Core
from stack_local.proxy.outcomes import Ended, record_outcome
from stack_local.settings import Settings
from stack_local.store import approvals, proxy
from stack_local.store.database import Tx
from stack_local.system import System

TICK_SECONDS = 1.0
REFUSALS_SECONDS = 60
SHRED_SECONDS = 3600
SWEEP_SECONDS = 15
ORPHAN_SECONDS = 45
"""A call no task carries any more is closed after this: longer than any call may take."""


class Jobs:
    """One loop over an open vault. A job that fails is tried again at its next turn, and said in the log."""

    def __init__(self, core: Core, dispatcher: Dispatcher, system: System, settings: Settings) -> None:
        self._core = core
        self._dispatcher = dispatcher
        self._system = system
        self._settings = settings

    async def run(self, stop: asyncio.Event, failed: Callable[[Exception], None]) -> None:
        """Work until told to stop."""
        due = {seconds: 0.0 for seconds, _ in self._table() if seconds is not None}
        while not stop.is_set():
            now = self._system.monotonic()
            for seconds, job in self._table():
                if seconds is None or now >= due[seconds]:
                    await _try(job, failed)
            due = {seconds: now + seconds if now >= at else at for seconds, at in due.items()}
            await _wait(stop, TICK_SECONDS)

    def _table(self) -> tuple[tuple[int | None, Callable[[], Awaitable[None]]], ...]:
        """Each job and how often it runs; None is every tick."""
        return (
            (None, self.expire),
            (ORPHAN_SECONDS, lambda: self.close_orphans(older_than_seconds=ORPHAN_SECONDS)),
            (REFUSALS_SECONDS, self.write_refusals),
            (SWEEP_SECONDS, self._core.oauth.sweep),
            (None, lambda: devices.look(self._core, self._system)),
            (None, lambda: taking_back.take_back(self._core, self._system)),
            (SHRED_SECONDS, self.shred),
            (self._settings.anchor_seconds, self.anchor),
        )

    async def close_orphans(self, *, older_than_seconds: int = 0) -> None:
        """Calls left without an outcome: unknown, never spendable again, and each with its record."""
        before = self._system.now() - timedelta(seconds=older_than_seconds)
        if await self._core.database.read(lambda tx: bool(self._orphans(tx, before))):
            await self._core.database.write(lambda tx: self._close_orphans(tx, before))

    def _orphans(self, tx: Tx, before: datetime) -> list[proxy.OperationRow]:
        return [
            row
            for row in proxy.list_dispatching(tx)
            if row.created_at <= before and not self._core.pipeline.is_running(row.id)
        ]

    def _close_orphans(self, tx: Tx, before: datetime) -> None:
        now, ended = self._system.now(), Ended(proxy.UNKNOWN, error_message="the appliance stopped during the call")
        for row in self._orphans(tx, before):
            proxy.finish(tx, row.id, state=ended.state, at=now, error_message=ended.error_message)
            record_outcome(tx, self._core.scribe, row, ended)
            if row.approval_id is not None:
                approval = approvals.get(tx, row.approval_id)
                approvals.set_use(
                    tx,
                    approval.id,
                    status=settle(approval.status),
                    uses_left=approval.uses_left,
                    operation_id=approval.operation_id,
                )

    async def expire(self) -> None:
        """Approvals past their time."""
        now = self._system.now()
        if await self._core.database.read(lambda tx: bool(approvals.list_overdue(tx, now))):
            await self._core.database.write(self._expire)

    def _expire(self, tx: Tx) -> None:
        for row in approvals.list_overdue(tx, self._system.now()):
            approvals.set_status(tx, row.id, Status.EXPIRED)
            self._record(tx, "intent.expire", subject=row.id, agent_id=row.agent_id)

    async def write_refusals(self) -> None:
        """One record for what was refused before anybody was known."""
        counted = self._dispatcher.take_counted()
        if counted:
            detail: dict[str, str | int | bool | None] = dict(counted)
            try:
                await self._core.database.write(lambda tx: self._record(tx, "refusals.count", detail=detail))
            except StackError:
                self._dispatcher.give_counted_back(counted)
                raise

    async def shred(self) -> None:
        """Forget the bytes of old calls and answers."""
        now = self._system.now()
        calls_before = now - timedelta(days=self._settings.keep_calls_days)
        responses_before = now - timedelta(hours=self._settings.keep_responses_hours)

        def forget(tx: Tx) -> None:
            count = proxy.shred(tx, calls_before=calls_before, responses_before=responses_before)
            count += approvals.shred(tx, before=calls_before)
            if count:
                self._record(tx, "content.shred", detail={"count": count})

        await self._core.database.write(forget)

    async def anchor(self) -> None:
        """Have the anchor written, if anything was committed since."""
        await self._core.database.write(lambda tx: None)

    def _record(
        self,
        tx: Tx,
        action: str,
        *,
        subject: str | None = None,
        agent_id: str | None = None,
        detail: dict[str, str | int | bool | None] | None = None,
    ) -> None:
        self._core.scribe.write(
            tx,
            trace_id=self._system.new_id("claim"),
            actor="system",
            action=action,
            outcome=Outcome.SUCCESS,
            decided_by="rule:clock",
            subject=subject,
            agent_id=agent_id,
            detail=detail,
        )


async def _try(job: Callable[[], Awaitable[None]], failed: Callable[[Exception], None]) -> None:
    try:
        await job()
    except Exception as error:  # noqa: BLE001 (a job that fails once must not end the others)
        failed(error)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
