"""Access ends: the next call of a passport and of each descendant is refused as soon as the revoke is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from stack_local.wire.access import RevokeAgentAccess
from stack_local.wire.agents import Agent, DeleteAgent, UpdateAgent
from stack_local.wire.intents import GetIntentApproval, RejectIntent
from stack_local.wire.keys import ListKeys, RevokeKey
from stack_local.wire.passports import (
    DelegatePassport,
    IssuedPassport,
    IssuePassport,
    RefreshPassport,
    RevokeAgentPassports,
    RevokeAllPassports,
    RevokePassport,
    RevokeSession,
)
from stack_local.wire.services import Connection, DisconnectService
from tests.conftest import Running, decoded
from tests.e2e.harness import approved
from tests.simulators.upstream import Upstream

CALLERS = 50
"""Calls under way when the revoke comes."""

DEPTH = 4
"""Hops of delegation below the root."""

INTENT = {"summary": "revocation test"}


@dataclass
class Tree:
    """A root passport, one child below the other, and what they call."""

    running: Running
    upstream: Upstream
    connection: Connection
    agents: list[Agent]
    passports: list[IssuedPassport]

    @property
    def read(self) -> dict[str, Any]:
        return {"service": "custom_demo", "url": f"{self.upstream.base_url}/things"}

    def token(self, depth: int) -> str:
        return self.passports[depth].token.get_secret_value()

    async def answer(self, depth: int, http: httpx.AsyncClient | None = None) -> tuple[int, str | None]:
        """Status and code of a read with the passport of this depth as the bearer."""
        bearer = {"Authorization": f"Bearer {self.token(depth)}"}
        if http is not None:
            return _seen(await http.post("/v1/proxy", json=self.read, headers=bearer))
        async with self.running.http() as own:
            return _seen(await own.post("/v1/proxy", json=self.read, headers=bearer))

    async def refresh(self, depth: int) -> None:
        """A fresh passport in place of this one; its children stay."""
        issued = await self.running.person.call(RefreshPassport(token=self.token(depth)))
        self.passports[depth] = issued


def _seen(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, decoded(response).get("error", {}).get("code")


@pytest.fixture
async def tree(appliance: Running, upstream: Upstream) -> Tree:
    """A tree of full depth, each agent granted the one service."""
    connection = await appliance.connect(upstream)
    agents = [await appliance.agent(f"agent-{depth}", connection) for depth in range(DEPTH + 1)]
    root = await appliance.person.call(IssuePassport(agent_id=agents[0].id, intent=INTENT))
    passports = [root]
    for child in agents[1:]:
        parent = passports[-1].token.get_secret_value()
        passports.append(
            await appliance.person.call(DelegatePassport(parent_passport_token=parent, child_agent_id=child.id))
        )
    return Tree(appliance, upstream, connection, agents, passports)


Ending = Callable[[Tree], Awaitable[object]]


def _person(request: Callable[[Tree], Any]) -> Ending:
    return lambda tree: tree.running.person.call(request(tree))


ENDINGS: dict[str, tuple[Ending, int]] = {
    "the root": (_person(lambda tree: RevokePassport(jti=tree.passports[0].jti)), 0),
    "one in the middle": (_person(lambda tree: RevokePassport(jti=tree.passports[2].jti)), 2),
    "the last": (_person(lambda tree: RevokePassport(jti=tree.passports[4].jti)), 4),
    "an agent's": (_person(lambda tree: RevokeAgentPassports(agent_id=tree.agents[1].id)), 1),
    "the session": (_person(lambda tree: RevokeSession(session_id=tree.passports[0].session_id)), 0),
    "all": (_person(lambda tree: RevokeAllPassports(confirm=True)), 0),
    "the grants of an agent": (_person(lambda tree: RevokeAgentAccess(agent_id=tree.agents[3].id)), 3),
    "the service": (_person(lambda tree: DisconnectService(connection_id=tree.connection.id)), 0),
    "an agent deleted": (_person(lambda tree: DeleteAgent(agent_id=tree.agents[2].id)), 2),
}
"""How access ends, and from which depth downwards."""


@pytest.mark.parametrize("name", ENDINGS)
async def test_the_passport_and_each_descendant_are_refused_and_nobody_else(name: str, tree: Tree) -> None:
    end, from_depth = ENDINGS[name]
    assert [await tree.answer(depth) for depth in range(DEPTH + 1)] == [(200, None)] * (DEPTH + 1)
    await end(tree)
    expected = [(200, None)] * from_depth + [(401, "PASSPORT_REVOKED")] * (DEPTH + 1 - from_depth)
    assert [await tree.answer(depth) for depth in range(DEPTH + 1)] == expected


@pytest.mark.parametrize("name", ENDINGS)
async def test_refreshed_parents_fall_with_their_children(name: str, tree: Tree) -> None:
    end, from_depth = ENDINGS[name]
    for depth in (0, 2, 3):
        await tree.refresh(depth)
    assert [await tree.answer(depth) for depth in range(DEPTH + 1)] == [(200, None)] * (DEPTH + 1)
    await end(tree)
    answers = [await tree.answer(depth) for depth in range(from_depth, DEPTH + 1)]
    assert answers == [(401, "PASSPORT_REVOKED")] * len(answers)


async def test_revoking_a_passport_that_was_refreshed_ends_its_refresh(tree: Tree) -> None:
    first = tree.passports[1].jti
    await tree.refresh(1)
    await tree.running.person.call(RevokePassport(jti=first))
    assert [await tree.answer(depth) for depth in (1, 4)] == [(401, "PASSPORT_REVOKED")] * 2
    assert await tree.answer(0) == (200, None)


@pytest.mark.parametrize("name", ["the root", "an agent's", "the session", "all"])
async def test_no_call_begun_after_the_answer_goes_out_under_fifty_callers(name: str, tree: Tree) -> None:
    """Callers of every depth keep calling; each notes whether it began after the revoke was answered."""
    end, from_depth = ENDINGS[name]
    revoked = asyncio.Event()
    before: list[int] = []
    after: list[tuple[int, str | None]] = []

    async def keep_calling(http: httpx.AsyncClient, depth: int) -> None:
        while len(after) < CALLERS:
            began_after = revoked.is_set()
            status, code = await tree.answer(depth, http)
            if began_after:
                after.append((status, code))
                return
            before.append(status)

    limits = httpx.Limits(max_connections=CALLERS)
    async with (
        httpx.AsyncClient(base_url=tree.running.base_url, limits=limits, timeout=30, trust_env=False) as http,
        asyncio.TaskGroup() as callers,
    ):
        depths = [from_depth + number % (DEPTH + 1 - from_depth) for number in range(CALLERS)]
        for depth in depths:
            callers.create_task(keep_calling(http, depth))
        while len(before) < CALLERS:  # noqa: ASYNC110 (until all are at work)
            await asyncio.sleep(0)
        await end(tree)
        arrived = len(tree.upstream.requests)
        revoked.set()
    assert after == [(401, "PASSPORT_REVOKED")] * CALLERS
    assert 200 in before
    # What was admitted before the answer may still arrive; nothing else does.
    assert len(tree.upstream.requests) - arrived <= sum(1 for status in before if status == 200)


async def test_a_revoked_key_is_refused_at_once(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    key = await appliance.key(agent_id=agent.id)
    read = {"service": "custom_demo", "url": f"{upstream.base_url}/things"}
    async with appliance.http(key) as http:
        assert _seen(await http.post("/v1/proxy", json=read)) == (200, None)
        for row in (await appliance.person.call(ListKeys())).items:
            await appliance.person.call(RevokeKey(key_id=row.id))
        assert _seen(await http.post("/v1/proxy", json=read)) == (401, "INVALID_API_KEY")
    assert len(upstream.requests) == 1


async def test_a_rejected_intent_ends_the_session_and_blocks_the_agent(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    key = await appliance.key(agent_id=agent.id)
    url = f"{upstream.base_url}/things"
    async with appliance.http(key) as http:
        held = await http.post("/v1/proxy", json={"service": "custom_demo", "method": "POST", "url": url})
        approval_id = decoded(held)["error"]["details"]["approval_id"]
        await appliance.person.call(RejectIntent(approval_id=approval_id, block_future=True))
        read = {"service": "custom_demo", "url": url}
        assert _seen(await http.post("/v1/proxy", json=read)) == (401, "PASSPORT_REVOKED")
        issued = await http.post("/v1/passports/issue", json={"agent_id": agent.id, "intent": INTENT})
        assert _seen(issued) == (403, "PASSPORT_BLOCKED")
    assert upstream.requests == []


async def test_a_suspended_agent_makes_no_call(tree: Tree) -> None:
    await tree.running.person.call(UpdateAgent(agent_id=tree.agents[1].id, status="suspended"))
    answers = [await tree.answer(depth) for depth in range(DEPTH + 1)]
    assert answers == [(200, None)] + [(403, "FORBIDDEN")] * DEPTH


async def test_a_given_approval_dies_with_its_session(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {}}
    async with appliance.http(issued.token.get_secret_value()) as http:
        approval_id = await approved(appliance.person, http, call)
        await appliance.person.call(RevokePassport(jti=issued.jti))
        spent = await http.post("/v1/proxy", json={**call, "approval_id": approval_id})
        assert _seen(spent) == (401, "PASSPORT_REVOKED")
    again = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    async with appliance.http(again.token.get_secret_value()) as http:
        spent = await http.post("/v1/proxy", json={**call, "approval_id": approval_id})
        assert decoded(spent)["error"]["details"]["gate_reason"] == "passport_mismatch"
    assert upstream.requests == []
    assert (await appliance.person.call(GetIntentApproval(approval_id=approval_id))).uses_left == 1
