"""A fault at every stop of a proxied call: *no record, no call*, *no call without an outcome*, what a yes is worth then."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from stack_local import app
from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.egress.client import Egress
from stack_local.egress.limits import Limits
from stack_local.domain.secrets import Secret
from stack_local.plugin_api import Registrar
from stack_local.wire.intents import GetIntentApproval
from stack_local.wire.services import Connection
from stack_local.wire.vault import UnlockVault
from tests.conftest import PASSPHRASE, TOKEN, Running, begin, decoded, served
from tests.e2e.harness import approved, broken_laws, free_port, open_operations, read_log, settled_log
from tests.simulators.failpoints import POINTS, Faults, defect, disk_error, parts
from tests.simulators.upstream import Upstream

MORE_THAN_AT_ONCE = 12
"""More calls than one agent may have under way."""


@dataclass
class Stage:
    """A served appliance whose pipeline strikes on demand, an agent, and what it may call."""

    running: Running
    faults: Faults
    upstream: Upstream
    connection: Connection
    http: httpx.AsyncClient
    sent: list[dict[str, Any]] = field(default_factory=list)

    def write(self, path: str = "/things") -> dict[str, Any]:
        """A write that was never asked for before."""
        self.sent.append({"n": len(self.sent)})
        url = f"{self.upstream.base_url}{path}"
        return {"service": "custom_demo", "method": "POST", "url": url, "body": self.sent[-1]}

    async def approved(self, path: str = "/things") -> dict[str, Any]:
        """A write with a person's yes."""
        call = self.write(path)
        return {**call, "approval_id": await approved(self.running.person, self.http, call)}

    async def make(self, call: dict[str, Any]) -> tuple[int, str | None]:
        """Status and error code of the call."""
        answer = await self.http.post("/v1/proxy", json=call)
        return answer.status_code, decoded(answer).get("error", {}).get("code")

    async def approval(self, call: dict[str, Any]) -> tuple[str, int | None]:
        row = await self.running.person.call(GetIntentApproval(approval_id=call["approval_id"]))
        return str(row.status), row.uses_left

    def subjects(self) -> list[str]:
        return [f"{got.method} {self.upstream.host_port}{got.path}" for got in self.upstream.requests]

    async def broken(self) -> list[str]:
        """What breaks the laws now, with no restart."""
        return broken_laws(await read_log(self.running.person), self.subjects())


@asynccontextmanager
async def staged(
    root: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, **chosen: Any
) -> AsyncIterator[Stage]:
    """A stage on an empty home."""
    faults = Faults()
    for name, part in parts(faults.strike).items():
        monkeypatch.setattr(app, name, part)
    async with served(root / "home", root / "state", **chosen) as running:
        await begin(running)
        connection = await running.connect(upstream)
        agent = await running.agent("helper", connection)
        async with running.http(await running.key(agent_id=agent.id)) as http:
            faults.passed.clear()
            yield Stage(running, faults, upstream, connection, http)


@pytest.fixture
async def stage(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with staged(tmp_path, upstream, monkeypatch) as built:
        yield built


async def test_a_call_passes_every_point_in_order(stage: Stage) -> None:
    call = await stage.approved()
    stage.faults.passed.clear()
    assert await stage.make(call) == (200, None)
    assert tuple(stage.faults.passed) == POINTS


CERTAINLY_UNSENT = [
    ("inspect", defect, (500, "BROKEN")),
    ("decide", defect, (500, "BROKEN")),
    ("decide.commit", defect, (500, "BROKEN")),
    ("decide.commit", disk_error, (503, "AUDIT_UNAVAILABLE")),
]
"""Before the decision is committed: the yes is untouched."""


@pytest.mark.parametrize(("point", "action", "answer"), CERTAINLY_UNSENT)
async def test_a_fault_before_the_decision_is_committed_sends_nothing_and_spends_nothing(
    point: str, action: Callable[[], None], answer: tuple[int, str], stage: Stage
) -> None:
    call = await stage.approved()
    stage.faults.once(point, action)
    assert await stage.make(call) == answer
    assert stage.upstream.requests == []
    assert await stage.approval(call) == ("approved", 1)
    assert await stage.broken() == []
    assert await stage.make(call) == (200, None)


async def test_decisions_that_were_not_committed_do_not_count_as_calls_under_way(stage: Stage) -> None:
    read = {"service": "custom_demo", "url": f"{stage.upstream.base_url}/things"}
    for _ in range(MORE_THAN_AT_ONCE):
        stage.faults.once("decide.commit", disk_error)
        assert await stage.make(read) == (503, "AUDIT_UNAVAILABLE")
    assert await stage.make(read) == (200, None)


IN_DOUBT = [
    ("decided", defect, 0),
    ("send", defect, 0),
    ("sent", defect, 1),
    ("settle", defect, 1),
    ("settle.commit", defect, 1),
    ("settle.commit", disk_error, 1),
]
"""After the commit: the call has its outcome, at once, and the yes is not spendable where a byte may have left."""


@pytest.mark.parametrize(("point", "action", "arrived"), IN_DOUBT)
async def test_a_fault_after_the_commit_leaves_no_second_effect_and_no_open_call_after_a_restart(
    point: str, action: Callable[[], None], arrived: int, tmp_path: Path, upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    port = free_port()
    async with staged(tmp_path, upstream, monkeypatch) as stage:
        call = await stage.approved()
        stage.faults.once(point, action)
        status, _ = await stage.make(call)
        assert status >= 500
        assert len(upstream.requests) == arrived
        again, _ = await stage.make(call)
        assert (again, len(upstream.requests)) in ((502, arrived), (503, arrived), (200, 1))
    async with served(tmp_path / "home", tmp_path / "state", system=stage.running.system) as running:
        session = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
        running.person.hold_session(Secret(session.session.get_secret_value()))
        assert broken_laws(await read_log(running.person), stage.subjects()) == []
    assert port


@pytest.mark.parametrize(("point", "action", "arrived"), IN_DOUBT)
async def test_a_fault_after_the_commit_still_gets_its_outcome_without_a_restart(
    point: str, action: Callable[[], None], arrived: int, stage: Stage
) -> None:
    call = await stage.approved()
    stage.faults.once(point, action)
    await stage.make(call)
    stage.running.system.advance(60)
    await settled_log(stage.running.person)
    assert await stage.broken() == []
