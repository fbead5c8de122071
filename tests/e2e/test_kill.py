"""kill -9 at every stop of a proxied call, again and again on one home: what is in the log, and what went out.

Each server is the real command in a process of its own, forked from one that has only imported it, for speed.
SIGKILL leaves the page cache alone: this shows order and recovery, not what a power cut leaves on the platters.
"""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local.domain.approvals import Status
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.audit import AuditEntry, VerifyAuditChain
from stack_local.wire.intents import GetIntentApproval
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService
from stack_local.wire.vault import GetStatus
from tests.conftest import TOKEN, decoded
from tests.e2e.harness import Arrived, Died, Server, UpstreamProcess, approved, broken_laws, read_log
from tests.simulators.failpoints import POINTS, START_POINTS

AT_ONCE = 4
"""Writes, and as many reads, under way when a random moment comes."""

RANDOM_WITHIN_SECONDS = 0.08
"""Of the first byte: about as long as eight calls take."""

DEATH_SECONDS = 10
"""For a call to come to its point."""

LONG_ENDED = frozenset({Status.APPROVED, Status.RESERVED, Status.CONSUMED})


@dataclass
class House:
    """A server that dies and rises, its upstream, and all it ever promised."""

    server: Server
    upstream: UpstreamProcess
    key: str
    moments: random.Random
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Every approved call by its approval."""
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was answered 200 by the approval it spent, the first time."""
    log: list[AuditEntry] = field(default_factory=list)
    kills: int = 0
    in_doubt: set[str] = field(default_factory=set)
    """Approvals of calls whose outcome a crash left unknown."""

    def write(self, path: str = "/things") -> dict[str, Any]:
        """A write that was never asked for before."""
        url = f"{self.upstream.base_url}{path}"
        return {"service": "custom_demo", "method": "POST", "url": url, "body": {"n": len(self.calls)}}

    def read(self) -> dict[str, Any]:
        return {"service": "custom_demo", "url": f"{self.upstream.base_url}/things"}

    async def approve(self, http: httpx.AsyncClient, call: dict[str, Any]) -> dict[str, Any]:
        """The call with a person's yes to it."""
        assert self.server.person is not None
        approval_id = await approved(self.server.person, http, call)
        self.calls[approval_id] = call
        return {**call, "approval_id": approval_id}

    async def fire(self, http: httpx.AsyncClient, call: dict[str, Any]) -> dict[str, Any] | None:
        """Make the call; None if the server died of it."""
        try:
            answer = await http.post("/v1/proxy", json=call)
        except httpx.HTTPError:
            return None
        if answer.is_success and "approval_id" in call:
            self.answered.setdefault(call["approval_id"], decoded(answer))
        return {"status": answer.status_code, **decoded(answer)}

    def effects(self, call: dict[str, Any]) -> int:
        """How often the upstream received this write."""
        return sum(1 for arrived in self.upstream.arrived() if _is_it(arrived, call))


def _is_it(arrived: Arrived, call: dict[str, Any]) -> bool:
    return arrived.method == "POST" and json.loads(arrived.body) == call["body"]


@asynccontextmanager
async def standing(root: Path, *, seed: int = 1) -> AsyncIterator[House]:
    """A vault with one service and one agent, and no process."""
    async with UpstreamProcess(root) as upstream, Server(root) as server:
        await server.init()
        await server.start()
        assert server.person is not None
        agent = await server.person.call(RegisterAgent(name="helper"))
        connection = await server.person.call(
            ConnectCustomService(name="demo", credential=TOKEN, hosts=[upstream.host_port])
        )
        await server.person.call(
            GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "write"])
        )
        created = await server.person.call(CreateKey(agent_id=agent.id))
        yield House(server, upstream, created.api_key.get_secret_value(), random.Random(seed))


Death = Callable[[House], Awaitable[None]]
"""From a server that serves to a killed one."""


def at_point(point: str, *, is_write: bool = True) -> Death:
    """Die by one's own hand as the call comes to the point."""

    async def die(house: House) -> None:
        async with house.server.http(house.key) as http:
            call = await house.approve(http, house.write()) if is_write else house.read()
            house.server.dies_at(point)
            await house.fire(http, call)

    return die


def with_the_upstream_waiting(path: str) -> Death:
    """Die while the upstream has the request and has not answered to the end."""

    async def die(house: House) -> None:
        before = len(house.upstream.arrived())
        async with house.server.http(house.key) as http:
            fired = asyncio.ensure_future(house.fire(http, await house.approve(http, house.write(path))))
            await house.upstream.until_arrived(before + 1)
            house.server.kill()
            await fired

    return die


async def just_after_the_answer(house: House) -> None:
    """Die with the answer just given."""
    async with house.server.http(house.key) as http:
        await house.fire(http, await house.approve(http, house.write()))
        house.server.kill()


async def at_a_random_moment(house: House) -> None:
    """Die some time after eight calls were begun."""
    async with house.server.http(house.key) as http:
        writes = [await house.approve(http, house.write()) for _ in range(AT_ONCE)]
        reads = [house.read() for _ in range(AT_ONCE)]
        moment = house.moments.uniform(0, RANDOM_WITHIN_SECONDS)
        struck = asyncio.get_running_loop().call_later(moment, house.server.kill)
        await asyncio.gather(*(house.fire(http, call) for call in (*writes, *reads)))
    struck.cancel()
    house.server.kill()


def at_start(point: str) -> Death:
    """Die with a call under way, rise, and die again while closing what that left open."""

    async def die(house: House) -> None:
        await with_the_upstream_waiting("/slow")(house)
        await house.server.gone()
        house.kills += 1
        with pytest.raises(Died) as died:
            await house.server.start(dies_at=point)
        assert died.value.status == -signal.SIGKILL

    return die


QUICK: dict[str, Death] = {
    "decide": at_point("decide"),
    "decide.commit": at_point("decide.commit"),
    "decided": at_point("decided"),
    "send": at_point("send"),
    "sent": at_point("sent"),
    "settle.commit": at_point("settle.commit"),
    "settled": at_point("settled"),
    "gate": with_the_upstream_waiting("/slow"),
    "answered": just_after_the_answer,
    "random": at_a_random_moment,
    "orphans.closed": at_start("orphans.closed"),
}
"""In every run of the tests: eleven rounds, twelve kills."""

ALL: dict[str, Death] = {
    **{f"write {point}": at_point(point) for point in POINTS},
    **{f"read {point}": at_point(point, is_write=False) for point in POINTS},
    **{point: at_start(point) for point in START_POINTS},
    "gate": with_the_upstream_waiting("/slow"),
    "amid": with_the_upstream_waiting("/slow?at=body"),
    "answered": just_after_the_answer,
    "random 1": at_a_random_moment,
    "random 2": at_a_random_moment,
    "random 3": at_a_random_moment,
}
"""Twenty-six rounds, twenty-eight kills."""

SOAK_TIMES = 8
"""Of all of them: 224 kills."""


@pytest.mark.parametrize("rounds", [list(QUICK.items())], ids=["twelve kills"])
async def test_no_kill_breaks_the_laws(rounds: list[tuple[str, Death]], tmp_path: Path) -> None:
    async with standing(tmp_path) as house:
        assert await broken_by(house, rounds) == []
        assert house.kills == 12


@pytest.mark.soak
async def test_no_kill_of_two_hundred_breaks_the_laws(tmp_path: Path) -> None:
    rounds = list(ALL.items()) * SOAK_TIMES
    async with standing(tmp_path, seed=7) as house:
        broken = await broken_by(house, rounds)
        arrived = house.upstream.arrived()
        print(
            f"{house.kills} kills; {len(house.calls)} approvals, {len(house.answered)} answered, "
            f"{len(house.in_doubt)} in doubt; upstream {len(arrived)} requests; log {len(house.log)} entries"
        )
        assert broken == []
        assert house.kills >= 200


async def broken_by(house: House, rounds: list[tuple[str, Death]]) -> list[str]:
    """What any of these deaths broke, each named by its round."""
    broken: list[str] = []
    for number, (name, die) in enumerate(rounds):
        await die(house)
        if name not in START_POINTS and not await _has_died(house):
            broken.append(f"{number} {name}: it did not die of it")
        house.kills += 1
        await house.server.start()
        broken += [f"{number} {name}: {what}" for what in await broken_now(house)]
    await house.server.stop()
    return broken


async def _has_died(house: House) -> bool:
    """Whether it killed itself; one that never came to its point is ended here."""
    try:
        async with asyncio.timeout(DEATH_SECONDS):
            return await house.server.gone() == -signal.SIGKILL
    except TimeoutError:
        house.server.kill()
        await house.server.gone()
        return False


async def broken_now(house: House) -> list[str]:
    """What the server that has just risen says, held against what went out and what was promised."""
    broken = await _broken_chain(house)
    arrived = [request.subject(house.upstream.host_port) for request in house.upstream.arrived()]
    broken += broken_laws(house.log, arrived)
    unsettled = [approval_id for approval_id in house.calls if approval_id not in house.answered]
    for approval_id in (*unsettled[-AT_ONCE:], *list(house.answered)[-AT_ONCE:]):
        broken += await _broken_promise(house, approval_id)
    return broken + [
        f"{call['body']} came {n} times" for call in house.calls.values() if (n := house.effects(call)) > 1
    ]


async def _broken_chain(house: House) -> list[str]:
    person = house.server.person
    assert person is not None
    broken = [alarm] if (alarm := (await person.call(GetStatus())).alarm) else []
    verdict = await person.call(VerifyAuditChain())
    broken += [] if verdict.ok else [f"the chain breaks at {verdict.first_break}"]
    new = await read_log(person, after=house.log[-1].sequence if house.log else 0)
    if house.log and new and new[0].prev_entry_hash != house.log[-1].entry_hash:
        broken.append("entries that were read before are lost")
    house.log += new
    return broken


async def _broken_promise(house: House, approval_id: str) -> list[str]:
    """Repeat the call under its approval: what was answered is answered again, and nothing goes out twice."""
    assert house.server.person is not None
    call, before = house.calls[approval_id], house.effects(house.calls[approval_id])
    row = await house.server.person.call(GetIntentApproval(approval_id=approval_id))
    if row.status not in LONG_ENDED:
        return [f"the approval {approval_id} was given and is {row.status}"]
    if "/slow" in call["url"] and before == 0:
        return []
    first = house.answered.get(approval_id)
    async with house.server.http(house.key) as http:
        again = await house.fire(http, {**call, "approval_id": approval_id})
    house.log += await read_log(house.server.person, after=house.log[-1].sequence)
    if again is not None and again.get("error", {}).get("code") == "OUTCOME_UNKNOWN":
        house.in_doubt.add(approval_id)
    return _judge(first, again, spent=row.status is not Status.APPROVED, before=before, after=house.effects(call))


def _judge(
    first: dict[str, Any] | None, again: dict[str, Any] | None, *, spent: bool, before: int, after: int
) -> list[str]:
    if again is None:
        return ["the repeated call got no answer"]
    if first is not None and (again.get("body") != first["body"] or again.get("replayed") is not True):
        return [f"an acknowledged answer is lost: {again.get('error') or again['status']}"]
    if not spent and (after - before, again["status"]) != (1, 201):
        return [f"an approval that was not spent made {after - before} calls: {again.get('error')}"]
    if spent and after != before:
        return ["a spent approval made a call"]
    return []
