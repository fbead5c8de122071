"""What happens by the clock: each job on its own, and the loop that survives any of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from stack_local.dispatch import Dispatcher
from stack_local.domain.approvals import Status
from stack_local.domain.audit import Record
from stack_local.domain.errors import Unavailable
from stack_local.jobs import ORPHAN_SECONDS, Jobs
from stack_local.oauth.client_documents import Sender
from stack_local.oauth.ground import Ground
from stack_local.oauth.server import AuthorizationServer
from stack_local.oauth.token_endpoint import TokenEndpoint
from stack_local.operations.context import Core
from stack_local.plugin_api import Registrar
from stack_local.proxy.pipeline import Pipeline
from stack_local.settings import Settings
from stack_local.store import approvals, audit, proxy
from stack_local.store.approvals import ApprovalRow
from stack_local.store.audit import Scribe, Visible
from stack_local.store.database import Database, Tx
from stack_local.store.proxy import OperationRow
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.vault import Vault
from tests.simulators.clock import TestSystem

SETTINGS = Settings()


@dataclass
class World:
    """A database with jobs over it; it stands for the pipeline and the door too, and for a disk full at times."""

    system: TestSystem
    database: Database
    anchored: list[int] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    counted: dict[str, int] = field(default_factory=dict)
    full_disks: int = 0
    """So many of the next writes are refused."""
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        vault = Vault(self.system, Keys(KeyMaterial.generate(self.system), None))
        scribe, database = Scribe(self.system, "op_1"), cast(Database, self)
        ground = Ground("http://127.0.0.1:7822", self.system, vault, scribe)
        oauth = AuthorizationServer(database, ground, cast(Sender, self))
        tokens = TokenEndpoint(cast(Sender, self))
        core = Core(database, vault, cast(Pipeline, self), oauth, tokens, scribe, Registrar())
        self.jobs = Jobs(core, cast(Dispatcher, self), self.system, SETTINGS)

    async def read(self, work: Callable[[Tx], Any]) -> Any:
        return await self.database.read(work)

    async def write(self, work: Callable[[Tx], Any]) -> Any:
        if self.full_disks:
            self.full_disks -= 1
            raise Unavailable("the record cannot be written", code="AUDIT_UNAVAILABLE")
        return await self.database.write(work)

    def is_running(self, operation_id: str) -> bool:
        return operation_id in self.running

    def take_counted(self) -> dict[str, int]:
        taken, self.counted = self.counted, {}
        return taken

    def give_counted_back(self, counted: dict[str, int]) -> None:
        self.counted.update(counted)

    async def approval(self, approval_id: str, **fields: Any) -> None:
        """Keep an approval submitted now."""
        row = ApprovalRow(
            id=approval_id,
            kind=approvals.INTENT,
            asked_by="key:1",
            digest="d",
            submitted_at=self.system.now(),
            expires_at=self.system.now() + timedelta(minutes=15),
            **({"status": Status.PENDING, "sealed": b"sealed", "agent_id": "agt_1"} | fields),
        )
        await self.database.write(lambda tx: approvals.insert(tx, row))

    async def operation(self, operation_id: str, **fields: Any) -> None:
        """Keep a call that was let out now."""
        row = OperationRow(
            id=operation_id,
            agent_id="agt_1",
            passport_jti="ppt_1",
            asked_by="key:1",
            connection_id="scon_1",
            digest="d",
            is_write=True,
            trace_id="trc_1",
            subject="POST here/things",
            state=proxy.DISPATCHING,
            created_at=self.system.now(),
            sealed_call=b"sealed",
            **({"approval_id": None} | fields),
        )
        await self.database.write(lambda tx: proxy.insert(tx, row))

    async def get(self, read: Callable[[Tx], Any]) -> Any:
        return await self.database.read(read)

    async def records(self, action: str) -> list[Record]:
        """The log's records of one action, oldest first."""
        found = await self.database.read(lambda tx: audit.list_(tx, visible=Visible(), limit=100, action=action))
        return found[::-1]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    commits: list[int] = []
    database = Database(tmp_path / "vault.db", "ab" * 32, after_commit=lambda tx: commits.append(1))
    yield World(TestSystem(), database, commits)
    await asyncio.to_thread(database.close)


@pytest.mark.parametrize(
    ("status", "minutes", "after"),
    [
        (Status.PENDING, 14, Status.PENDING),
        (Status.PENDING, 15, Status.EXPIRED),
        (Status.APPROVED, 14, Status.APPROVED),
        (Status.APPROVED, 15, Status.EXPIRED),
        (Status.RESERVED, 15, Status.RESERVED),
        (Status.CONSUMED, 15, Status.CONSUMED),
        (Status.REJECTED, 15, Status.REJECTED),
    ],
)
async def test_what_waits_or_may_be_used_expires_in_its_time(
    status: Status, minutes: int, after: Status, world: World
) -> None:
    await world.approval("apr_1", status=status)
    world.system.advance(minutes * 60)
    await world.jobs.expire()
    row = await world.get(lambda tx: approvals.get(tx, "apr_1"))
    assert row.status is after
    assert len(await world.records("intent.expire")) == (1 if after is not status else 0)


async def test_an_expiry_is_recorded_once(world: World) -> None:
    await world.approval("apr_1")
    world.system.advance(3600)
    await world.jobs.expire()
    await world.jobs.expire()
    (record,) = await world.records("intent.expire")
    assert (record.subject, record.agent_id, record.decided_by) == ("apr_1", "agt_1", "rule:clock")


async def test_counted_refusals_are_one_record(world: World) -> None:
    world.counted = {"UNAUTHORIZED": 7, "LOCKED": 2}
    await world.jobs.write_refusals()
    await world.jobs.write_refusals()
    (record,) = await world.records("refusals.count")
    assert record.detail == {"UNAUTHORIZED": 7, "LOCKED": 2}


async def test_old_bytes_are_forgotten_and_what_still_counts_is_kept(world: World) -> None:
    await world.operation("opn_1")
    await world.approval("apr_spent", status=Status.CONSUMED)
    await world.approval("apr_open", status=Status.RESERVED)
    world.system.advance(SETTINGS.keep_calls_days * 86_400 - 60)
    await world.jobs.shred()
    assert (await world.get(lambda tx: proxy.get(tx, "opn_1"))).sealed_call is not None
    world.system.advance(120)
    await world.jobs.shred()
    assert (await world.get(lambda tx: proxy.get(tx, "opn_1"))).sealed_call is None
    assert (await world.get(lambda tx: approvals.get(tx, "apr_spent"))).sealed is None
    assert (await world.get(lambda tx: approvals.get(tx, "apr_open"))).sealed is not None
    (record,) = await world.records("content.shred")
    assert record.detail == {"count": 2}


async def test_responses_are_forgotten_before_calls(world: World) -> None:
    await world.operation("opn_1")
    finish = {"state": proxy.RECEIVED, "at": world.system.now(), "sealed_response": b"sealed"}
    await world.database.write(lambda tx: proxy.finish(tx, "opn_1", **finish))
    world.system.advance(SETTINGS.keep_responses_hours * 3600 + 60)
    await world.jobs.shred()
    row = await world.get(lambda tx: proxy.get(tx, "opn_1"))
    assert (row.sealed_response, row.sealed_call) == (None, b"sealed")


@pytest.mark.parametrize(("before", "after"), [(Status.RESERVED, Status.CONSUMED), (Status.APPROVED, Status.APPROVED)])
async def test_an_open_call_becomes_unknown_and_its_approval_is_never_given_back(
    before: Status, after: Status, world: World
) -> None:
    await world.approval("apr_1", status=before, uses_left=0)
    await world.operation("opn_1", approval_id="apr_1")
    await world.jobs.close_orphans()
    row = await world.get(lambda tx: proxy.get(tx, "opn_1"))
    approval = await world.get(lambda tx: approvals.get(tx, "apr_1"))
    assert row.state == proxy.UNKNOWN
    assert (approval.status, approval.uses_left) == (after, 0)
    (record,) = await world.records("credential.proxy")
    assert (record.outcome, record.error_code) == ("failure", "OUTCOME_UNKNOWN")
    assert record.detail["operation_id"] == "opn_1"


async def test_an_open_call_is_closed_once(world: World) -> None:
    await world.operation("opn_1")
    await world.jobs.close_orphans()
    await world.jobs.close_orphans()
    assert len(await world.records("credential.proxy")) == 1


async def test_a_call_that_a_task_carries_is_left_alone(world: World) -> None:
    world.running = {"opn_1"}
    await world.operation("opn_1")
    world.system.advance(3600)
    await world.jobs.close_orphans(older_than_seconds=ORPHAN_SECONDS)
    assert await world.records("credential.proxy") == []


async def test_a_call_that_just_ended_is_left_to_its_own_settling(world: World) -> None:
    await world.operation("opn_1")
    world.system.advance(ORPHAN_SECONDS - 1)
    await world.jobs.close_orphans(older_than_seconds=ORPHAN_SECONDS)
    assert await world.records("credential.proxy") == []
    world.system.advance(1)
    await world.jobs.close_orphans(older_than_seconds=ORPHAN_SECONDS)
    assert len(await world.records("credential.proxy")) == 1


async def test_the_anchor_job_makes_a_commit_for_the_anchor_to_follow(world: World) -> None:
    world.anchored.clear()
    await world.jobs.anchor()
    assert world.anchored == [1]


async def test_a_job_that_fails_is_said_and_ends_no_other(world: World) -> None:
    failures: list[Exception] = []
    stop = asyncio.Event()

    async def defect() -> None:
        raise RuntimeError

    def said(error: Exception) -> None:
        failures.append(error)
        stop.set()

    world.counted = {"UNAUTHORIZED": 1}
    world.jobs.expire = defect  # type: ignore[method-assign]  # the first job of the table
    async with asyncio.timeout(30):
        await world.jobs.run(stop, said)
    assert [type(failure) for failure in failures] == [RuntimeError]
    assert len(await world.records("refusals.count")) == 1


async def test_the_loop_stops_when_told(world: World) -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(30):
        await world.jobs.run(stop, lambda error: None)


async def test_refusals_that_could_not_be_written_are_not_forgotten(world: World) -> None:
    world.counted = {"UNAUTHORIZED": 3}
    world.full_disks = 1
    with pytest.raises(Unavailable):
        await world.jobs.write_refusals()
    await world.jobs.write_refusals()
    (record,) = await world.records("refusals.count")
    assert record.detail == {"UNAUTHORIZED": 3}
