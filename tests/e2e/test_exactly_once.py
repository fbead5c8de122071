"""Random schedules of duplicate sends, faults, broken connections, retries and restarts: one operation id, one effect.

In a schedule one caller has an operation id of its own and sends its write again and again, alone or twice at once,
sometimes with another body, while the upstream answers, breaks or is unreachable, and while the appliance meets a
defect or a full disk at a point of the call; between rounds it is restarted over what it left behind.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local import app
from stack_local.domain.secrets import Secret
from stack_local.wire.vault import CreateSession, SetRates, UnlockVault
from tests.conftest import PASSPHRASE, Running, begin, decoded, served
from tests.e2e.harness import broken_laws, read_log
from tests.simulators.clock import TestSystem
from tests.simulators.failpoints import Faults, defect, disk_error, parts
from tests.simulators.upstream import Upstream

AT_ONCE = 25
"""Schedules that run beside each other; a fault hits whichever call comes first, a full disk all in one commit."""

FAULTS: list[tuple[str, Callable[[], None]]] = [
    ("inspect", defect),
    ("decide.commit", disk_error),
    ("decided", defect),
    ("send", defect),
    ("sent", defect),
    ("settle", defect),
    ("settle.commit", disk_error),
]
"""Before the call is let out, between that and its outcome, and while that is written."""

PATHS = ["/things"] * 6 + ["/close-early", "/bad-status", "/reset"]
"""Where the write goes: answered, or lost on the way back."""


@dataclass
class Schedule:
    """One operation id and what came of it."""

    request_id: str
    path: str
    steps: list[str]
    answers: list[tuple[int, Any]] = field(default_factory=list)


@dataclass
class Trial:
    """A run: how many schedules, in how many rounds, on one clock: two that begin alike would give the same ids."""

    seed: int
    schedules: int
    rounds: int
    system: TestSystem = field(default_factory=TestSystem)


def drawn(chance: random.Random, number: int) -> Schedule:
    steps = chance.choices(
        ["send", "twice", "changed", "fault", "refused connection"], [6, 3, 1, 4, 1], k=chance.randint(2, 4)
    )
    return Schedule(f"schedule-{number:06}-{chance.getrandbits(64):016x}", chance.choice(PATHS), [*steps, "send"])


class Player:
    """Carries schedules out against a served appliance."""

    def __init__(self, running: Running, upstream: Upstream, faults: Faults, http: httpx.AsyncClient) -> None:
        self._upstream = upstream
        self._faults = faults
        self._http = http

    async def play(self, chance: random.Random, schedule: Schedule) -> None:
        for step in schedule.steps:
            match step:
                case "twice":
                    await asyncio.gather(self._send(schedule), self._send(schedule))
                case "changed":
                    await self._send(schedule, variant=1)
                case "fault":
                    self._faults.once(*chance.choice(FAULTS))
                    await self._send(schedule)
                case "refused connection":
                    self._upstream.resets_to_come += 1
                    await self._send(schedule)
                case _:
                    await self._send(schedule)

    async def _send(self, schedule: Schedule, *, variant: int = 0) -> None:
        call = {
            "service": "custom_demo",
            "method": "POST",
            "url": f"{self._upstream.base_url}{schedule.path}",
            "body": {"id": schedule.request_id, "variant": variant},
        }
        headers = {"X-STACK-Authority-Request-Id": schedule.request_id}
        answer = await self._http.post("/v1/proxy", json=call, headers=headers)
        schedule.answers.append((answer.status_code, decoded(answer)))


async def run(trial: Trial, root: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> list[Schedule]:
    """Every schedule, the later half of each one after a restart."""
    chance, faults = random.Random(trial.seed), Faults()
    for name, part in parts(faults.strike).items():
        monkeypatch.setattr(app, name, part)
    schedules = [drawn(chance, number) for number in range(trial.schedules)]
    key = await _with_appliance(root, trial, partial(_furnish, upstream=upstream))
    for turn in range(trial.rounds):
        current = schedules[turn :: trial.rounds]
        await _with_appliance(root, trial, partial(_play, key, current, chance, faults, upstream))
        faults.actions.clear()
        # Over what is left behind, the same once more: after a restart nothing is sent again either.
        again = [Schedule(one.request_id, one.path, ["send"], one.answers) for one in current]
        await _with_appliance(root, trial, partial(_play, key, again, chance, faults, upstream))
        upstream.resets_to_come = 0
    return schedules


async def _with_appliance(root: Path, trial: Trial, act: Callable[[Running], Awaitable[Any]]) -> Any:
    places = root / "home", root / "state"
    async with served(*places, system=trial.system, max_calls_at_once=1000, port=0) as running:
        if not (root / "home" / "vault.header").exists() and not list((root / "home").glob("*.db")):
            await begin(running)
        else:
            await running.person.call(UnlockVault(passphrase=PASSPHRASE))
            session = await running.person.call(CreateSession(passphrase=PASSPHRASE))
            running.person.hold_session(Secret(session.session.get_secret_value()))
        return await act(running)


async def _furnish(running: Running, *, upstream: Upstream) -> str:
    await running.person.call(SetRates(intents_per_hour=1_000_000, proxy_calls_per_minute=1_000_000))
    connection = await running.connect(upstream)
    agent = await running.agent("helper", connection, accountability_mode="logged")
    return await running.key(agent_id=agent.id)


async def _play(
    key: str, schedules: list[Schedule], chance: random.Random, faults: Faults, upstream: Upstream, running: Running
) -> None:
    async with running.http(key) as http:
        player = Player(running, upstream, faults, http)
        for at in range(0, len(schedules), AT_ONCE):
            await asyncio.gather(*(player.play(chance, one) for one in schedules[at : at + AT_ONCE]))


async def check(trial: Trial, schedules: list[Schedule], root: Path, upstream: Upstream) -> Counter[int]:
    """Every law over the whole run; how many schedules had how many effects."""
    log = await _with_appliance(root, trial, lambda running: read_log(running.person))
    effects: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for got in upstream.requests:
        body = json.loads(got.body)
        effects[body["id"]].append(body)
    requested = Counter(str(entry.detail.get("request_id")) for entry in log if entry.outcome == "pending")
    for one in schedules:
        happened = effects[one.request_id]
        assert len(happened) <= 1, (one, happened)
        assert len(happened) <= requested[one.request_id], one
        bodies = {json.dumps(body["body"], sort_keys=True) for status, body in one.answers if status == 200}
        assert len(bodies) <= 1, one
        assert happened or not bodies, one
    subjects = [f"{got.method} {upstream.host_port}{got.path}" for got in upstream.requests]
    assert broken_laws(log, subjects) == []
    return Counter(len(effects[one.request_id]) for one in schedules)


async def test_no_schedule_has_two_effects_for_one_operation_id(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(seed=20261122, schedules=150, rounds=2)
    schedules = await run(trial, tmp_path, upstream, monkeypatch)
    found = await check(trial, schedules, tmp_path, upstream)
    assert found[1] > trial.schedules * 0.6
    conflicts = [body for one in schedules for status, body in one.answers if status == 409]
    assert conflicts
    assert all(body["error"]["details"]["rule"] == "operation_id" for body in conflicts)


@pytest.mark.soak
async def test_ten_thousand_schedules(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(seed=7, schedules=10_000, rounds=20)
    schedules = await run(trial, tmp_path, upstream, monkeypatch)
    found = await check(trial, schedules, tmp_path, upstream)
    sends = sum(len(one.answers) for one in schedules)
    statuses = Counter(status for one in schedules for status, _ in one.answers)
    print(f"{len(schedules)} schedules, {sends} sends, effects {dict(found)}, statuses {dict(statuses)}")
    assert found[1] > trial.schedules * 0.6
