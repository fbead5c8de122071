"""A fault at every stop of a proxied call: *no record, no call*, *no call without an outcome*, what a yes is worth."""

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

from stack_local import app
from stack_local.domain.detection import CallFacts, Finding, Severity
from stack_local.domain.secrets import Secret
from stack_local.egress.client import Egress
from stack_local.egress.limits import Limits
from stack_local.plugin_api import Registrar
from stack_local.wire.intents import GetIntentApproval
from stack_local.wire.services import Connection
from stack_local.wire.vault import UnlockVault
from tests.conftest import PASSPHRASE, TOKEN, Running, begin, decoded, served
from tests.e2e.harness import approved, broken_laws, open_operations, read_log, settled_log
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


@pytest.mark.parametrize(("point", "action", "arrived"), IN_DOUBT)
async def test_a_fault_after_the_commit_still_gets_its_outcome_without_a_restart(
    point: str, action: Callable[[], None], arrived: int, stage: Stage
) -> None:
    call = await stage.approved()
    stage.faults.once(point, action)
    await stage.make(call)
    stage.running.system.advance(60)
    entries = await settled_log(stage.running.person)
    assert broken_laws(entries, stage.subjects()) == []


async def test_whoever_repeats_a_call_that_fails_under_way_is_answered_too(stage: Stage) -> None:
    call = await stage.approved("/slow")
    stage.faults.once("sent", defect)
    first = asyncio.ensure_future(stage.make(call))
    await stage.upstream.wait_for_requests(1)
    second = asyncio.ensure_future(stage.make(call))
    await _until_decided(stage, times=2)
    stage.upstream.gate.set()
    done, waiting = await asyncio.wait({first, second}, timeout=5)
    for task in waiting and asyncio.all_tasks():
        # A call that waits for ever would keep the appliance from stopping.
        if "Pipeline._live" in repr(task.get_coro()):
            task.cancel()
    assert not waiting
    assert all(task.result()[0] >= 500 for task in done)
    assert len(stage.upstream.requests) == 1


async def _until_decided(stage: Stage, *, times: int) -> None:
    """Until so many decisions came back; each wakes the feed or is looked for at the next turn of the loop."""
    async with asyncio.timeout(5):
        while stage.faults.passed.count("decided") < times + 1:  # noqa: ASYNC110 (asking for the yes was one)
            await asyncio.sleep(0)


async def test_the_request_is_on_record_before_the_service_sees_it(stage: Stage) -> None:
    call = await stage.approved("/slow")
    made = asyncio.ensure_future(stage.make(call))
    await stage.upstream.wait_for_requests(1)
    assert len(open_operations(await read_log(stage.running.person))) == 1
    stage.upstream.gate.set()
    assert await made == (200, None)
    assert await stage.broken() == []


@pytest.mark.parametrize("point", POINTS)
async def test_a_client_that_hangs_up_at_any_stop_leaves_one_effect_and_its_outcome(point: str, stage: Stage) -> None:
    call = await stage.approved()
    loop, hung_up = asyncio.get_running_loop(), asyncio.Event()
    made = asyncio.ensure_future(stage.make(call))

    def hang_up() -> None:
        loop.call_soon_threadsafe(made.cancel)
        loop.call_soon_threadsafe(hung_up.set)

    stage.faults.once(point, hang_up)
    async with asyncio.timeout(5):
        await hung_up.wait()
        await asyncio.wait({made})
        await stage.upstream.wait_for_requests(1)
    assert broken_laws(await settled_log(stage.running.person), stage.subjects()) == []
    assert await stage.make(call) == (200, None)
    assert stage.upstream.effects == 1


async def test_a_client_that_hangs_up_while_the_service_thinks_does_not_cancel_the_write(stage: Stage) -> None:
    call = await stage.approved("/slow")
    made = asyncio.ensure_future(stage.make(call))
    await stage.upstream.wait_for_requests(1)
    made.cancel()
    await asyncio.wait({made})
    stage.upstream.gate.set()
    assert broken_laws(await settled_log(stage.running.person), stage.subjects()) == []
    assert await stage.make(call) == (200, None)
    assert await stage.approval(call) == ("consumed", 0)


UPSTREAMS = {
    "hangs": ("/hang", (504, "UPSTREAM_TIMEOUT")),
    "resets before the answer": ("/reset?phase=accept", (502, "CONNECTION_RESET")),
    "resets amid the headers": ("/reset?phase=headers", (502, "CONNECTION_RESET")),
    "resets amid the body": ("/reset?phase=body", (502, "CONNECTION_RESET")),
    "closes early": ("/close-early", (502, "CONNECTION_RESET")),
    "claims more than it sends": ("/lie?length=400", (504, "UPSTREAM_TIMEOUT")),
    "frames its answer in two ways": ("/cl-te", (502, "RESPONSE_INVALID")),
    "sends a bomb": ("/gzip-bomb?mb=20", (502, "RESPONSE_TOO_LARGE")),
    "sends without end": ("/infinite", (502, "RESPONSE_TOO_LARGE")),
}
"""Services that fail after they had the request: in doubt."""


@pytest.mark.parametrize("name", UPSTREAMS)
async def test_a_yes_is_spent_where_the_service_had_the_request(
    name: str, tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answer = UPSTREAMS[name]
    monkeypatch.setattr(app, "Egress", partial(Egress, limits=Limits(total_seconds=2)))
    async with staged(tmp_path, upstream, monkeypatch) as stage:
        call = await stage.approved(path)
        assert await stage.make(call) == answer
        assert await stage.approval(call) == ("consumed", 0)
        await stage.make(call)
        assert len(upstream.requests) == 1
        assert await stage.broken() == []
        assert await stage.make(await stage.approved()) == (200, None)


async def test_a_yes_is_given_back_where_the_service_was_not_reached(stage: Stage) -> None:
    call = await stage.approved()
    port = stage.upstream.port
    await stage.upstream.__aexit__(None, None, None)
    assert await stage.make(call) == (502, "CONNECT_FAILED")
    assert await stage.approval(call) == ("approved", 1)
    assert await stage.broken() == []
    async with Upstream(token=TOKEN, port=port) as back:
        assert await stage.make(call) == (200, None)
        assert back.effects == 1


async def test_a_yes_is_given_back_where_the_credential_is_locked_away_before_it_is_opened(stage: Stage) -> None:
    call = await stage.approved()
    stage.faults.once("decided", stage.running.appliance.lock)
    assert await stage.make(call) == (423, "LOCKED")
    assert stage.upstream.requests == []
    stage.running.person.hold_session(None)
    session = await stage.running.person.call(UnlockVault(passphrase=PASSPHRASE))
    stage.running.person.hold_session(Secret(session.session.get_secret_value()))
    assert await stage.approval(call) == ("approved", 1)
    assert await stage.make(call) == (200, None)


def _raising(facts: CallFacts, history: Any) -> Finding | None:
    raise RuntimeError("a detector's own defect")


def _blocking(facts: CallFacts, history: Any) -> Finding | None:
    return Finding("test", Severity.CRITICAL, "this looks wrong", blocks=True)


RELEASED = threading.Event()
"""Set when the test of a detector that hangs is over."""


def _hanging(facts: CallFacts, history: Any) -> Finding | None:
    RELEASED.wait(30)
    return None


@pytest.mark.parametrize("detector", [_raising, _blocking, _hanging])
async def test_a_detector_that_blocks_fails_or_is_late_stops_the_call(
    detector: Callable[[CallFacts, Any], Finding | None],
    tmp_path: Path,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    RELEASED.clear()

    def register(stack: Registrar) -> None:
        stack.detector("test", detector)

    monkeypatch.setattr(app, "BUILTIN", (register,))
    async with staged(tmp_path, upstream, monkeypatch) as stage:
        for _ in range(2):
            answer = await stage.http.post("/v1/proxy", json={"service": "custom_demo", "url": upstream.base_url + "/"})
            assert answer.status_code == 403
            assert decoded(answer)["error"]["details"]["rule"] == "detector:test"
        assert upstream.requests == []
        RELEASED.set()
        refused = [entry for entry in await read_log(stage.running.person) if entry.outcome == "blocked"]
        assert [entry.decided_by for entry in refused] == ["rule:detector:test"] * 2


async def test_the_outcome_of_a_read_is_recorded_though_it_may_follow_the_answer(stage: Stage) -> None:
    read = {"service": "custom_demo", "url": f"{stage.upstream.base_url}/things"}
    assert await stage.make(read) == (200, None)
    assert broken_laws(await settled_log(stage.running.person), stage.subjects()) == []


async def test_an_anchor_that_cannot_be_written_stops_nothing_for_good(stage: Stage) -> None:
    """The commit stands, its callers are refused, and once the anchor can be written again all goes on."""
    read = {"service": "custom_demo", "url": f"{stage.upstream.base_url}/things"}
    anchor = next(stage.running.places.state.glob("*.anchor"))
    kept = anchor.read_bytes()
    anchor.unlink()
    (anchor / "in the way").mkdir(parents=True)
    stage.running.system.advance(60)
    async with asyncio.timeout(5):
        status, _ = await stage.make(read)
    assert status == 503
    (anchor / "in the way").rmdir()
    anchor.rmdir()
    anchor.write_bytes(kept)
    async with asyncio.timeout(5):
        assert await stage.make(read) == (200, None)
