"""What the detectors are shown, through the door: every earlier call, and the connection as it is now."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack_local import app
from stack_local.domain.detection import CallFacts, Finding, PastCall
from stack_local.domain.secrets import Secret
from stack_local.plugin_api import Registrar
from stack_local.wire.services import BindConnectionHosts
from stack_local.wire.vault import UnlockVault
from tests.conftest import PASSPHRASE, Running, begin, served
from tests.simulators.upstream import Upstream


@dataclass
class Seen:
    """A detector that finds nothing and remembers what it was shown."""

    facts: list[CallFacts] = field(default_factory=list)
    past: list[Sequence[PastCall]] = field(default_factory=list)

    def register(self, stack: Registrar) -> None:
        stack.detector("looks", self.look)

    def look(self, facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
        self.facts.append(facts)
        self.past.append(history)
        return None

    @property
    def digests(self) -> list[str]:
        return [facts.call_digest for facts in self.facts]

    def past_digests(self, at: int) -> list[str]:
        return [past.call_digest for past in self.past[at]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    detector = Seen()
    monkeypatch.setattr(app, "BUILTIN", (detector.register,))
    return detector


@asynccontextmanager
async def running_at(root: Path) -> AsyncIterator[Running]:
    async with served(root / "home", root / "state") as running:
        yield running


async def read(running: Running, key: str, upstream: Upstream, *numbers: int) -> None:
    async with running.http(key) as http:
        for number in numbers:
            call = {"service": "custom_demo", "url": f"{upstream.base_url}/things?n={number}"}
            assert (await http.post("/v1/proxy", json=call)).status_code == 200


async def test_every_call_that_went_out_is_shown_with_the_next_newest_first(
    seen: Seen, tmp_path: Path, upstream: Upstream
) -> None:
    async with running_at(tmp_path) as running:
        await begin(running)
        agent = await running.agent("helper", await running.connect(upstream))
        await read(running, await running.key(agent_id=agent.id), upstream, 1, 2, 3)
    assert [seen.past_digests(at) for at in range(3)] == [[], seen.digests[:1], seen.digests[1::-1]]


async def test_the_calls_of_another_agent_are_not_shown(seen: Seen, tmp_path: Path, upstream: Upstream) -> None:
    async with running_at(tmp_path) as running:
        await begin(running)
        connection = await running.connect(upstream)
        for name in ("first", "second"):
            agent = await running.agent(name, connection)
            await read(running, await running.key(agent_id=agent.id), upstream, 1)
    assert list(map(len, seen.past)) == [0, 0]


async def test_after_a_change_of_the_connection_the_call_is_shown_as_it_will_be_recorded(
    seen: Seen, tmp_path: Path, upstream: Upstream
) -> None:
    async with running_at(tmp_path) as running:
        await begin(running)
        connection = await running.connect(upstream)
        agent = await running.agent("helper", connection)
        key = await running.key(agent_id=agent.id)
        await read(running, key, upstream, 1, 1)
        hosts = [*connection.hosts, "127.0.0.1:1"]
        await running.person.call(BindConnectionHosts(connection_id=connection.id, hosts=hosts))
        await read(running, key, upstream, 1, 1)
    before, again, after, last = seen.digests
    assert before == again
    assert after == last != before
    assert seen.past_digests(3) == [after, again, before]


async def test_the_earlier_calls_are_still_known_after_a_restart(
    seen: Seen, tmp_path: Path, upstream: Upstream
) -> None:
    async with running_at(tmp_path) as running:
        await begin(running)
        agent = await running.agent("helper", await running.connect(upstream))
        key = await running.key(agent_id=agent.id)
        await read(running, key, upstream, 1)
    async with running_at(tmp_path) as running:
        session = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
        running.person.hold_session(Secret(session.session.get_secret_value()))
        await read(running, key, upstream, 2)
    assert seen.past_digests(1) == seen.digests[:1]
