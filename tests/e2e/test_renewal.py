"""Calls whose token ends by itself: renewed once for all of them, and nothing is sent twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local.wire.audit import ListAudit
from stack_local.wire.intents import ApproveIntent, GetIntentApproval
from stack_local.wire.services import Connection, ListConnections
from tests.conftest import Running, decoded
from tests.simulators.shop import SHOP, Counter, open_shop

MANY = 100


@asynccontextmanager
async def calling(
    folder: Path, *, lifetime: int = 3600, **controls: Any
) -> AsyncIterator[tuple[Counter, Connection, httpx.AsyncClient]]:
    """An agent that may use the shop, to which a person logged in."""
    async with open_shop(folder, max_calls_at_once=MANY) as at:
        at.server.lifetime = lifetime
        await at.log_in()
        (connection,) = (await at.running.person.call(ListConnections())).items
        agent = await at.running.agent("helper", connection, **controls)
        async with at.running.http(await at.running.key(agent_id=agent.id)) as http:
            yield at, connection, http


def read(at: Counter) -> dict[str, Any]:
    return {"service": SHOP, "url": f"{at.upstream.base_url}/things"}


async def renewals(running: Running) -> list[str]:
    """How each renewal ended, oldest first."""
    entries = (await running.person.call(ListAudit(limit=100, action="credential.renew"))).entries
    return [str(entry.outcome) for entry in reversed(entries)]


async def test_a_hundred_calls_at_once_with_a_token_that_ended_renew_it_once_and_all_succeed(tmp_path: Path) -> None:
    async with calling(tmp_path) as (at, _, http):
        await at.later(3600)
        calls = [{**read(at), "query": {"n": str(number)}} for number in range(MANY)]
        answers = await asyncio.gather(*(http.post("/v1/proxy", json=call) for call in calls))
        assert {answer.text for answer in answers if answer.status_code != 200} == set()
        assert [form["grant_type"] for form in at.server.forms] == ["authorization_code", "refresh_token"]
        assert await renewals(at.running) == ["success"]


async def test_a_yes_outlives_the_token_it_was_given_with(tmp_path: Path) -> None:
    async with calling(tmp_path, lifetime=600) as (at, _, http):
        call = {**read(at), "method": "POST", "body": {"n": 1}}
        held = decoded(await http.post("/v1/proxy", json=call))["error"]["details"]["approval_id"]
        shown = await at.running.person.call(GetIntentApproval(approval_id=held))
        assert shown.call is not None
        await at.running.person.call(ApproveIntent(approval_id=held, digest=shown.call.digest))
        await at.later(600)
        answer = await http.post("/v1/proxy", json={**call, "approval_id": held})
        assert (answer.status_code, at.upstream.effects) == (200, 1)
        assert await renewals(at.running) == ["success"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_that_the_service_refuses_is_not_sent_again_and_the_next_has_a_new_token(
    tmp_path: Path, method: str
) -> None:
    async with calling(tmp_path, accountability_mode="standard") as (at, _, http):
        at.upstream.token = "the-service-forgot-it"
        await at.later(120)
        call = {**read(at), "method": method} | ({"body": {"n": 1}} if method == "POST" else {})
        before = len(at.upstream.requests)
        refused = decoded(await http.post("/v1/proxy", json=call))
        assert (refused["status"], len(at.upstream.requests)) == (401, before + 1)
        again = decoded(await http.post("/v1/proxy", json=call))
        assert (again["status"], len(at.upstream.requests)) == (200 if method == "GET" else 201, before + 2)
        assert len(at.server.forms) == 2
        assert at.upstream.effects == (1 if method == "POST" else 0)


async def test_a_service_that_refuses_everything_is_not_asked_for_a_token_each_time(tmp_path: Path) -> None:
    async with calling(tmp_path) as (at, _, http):
        await at.later(120)
        at.server.on_issue = lambda token: None
        at.upstream.token = "the-service-knows-nobody"
        for _ in range(5):
            assert decoded(await http.post("/v1/proxy", json=read(at)))["status"] == 401
        assert len(at.server.forms) == 2


async def test_a_service_that_cannot_renew_fails_the_call_before_it_is_sent(tmp_path: Path) -> None:
    async with calling(tmp_path) as (at, _, http):
        await at.later(3600)
        at.server.misbehavior = "503 in HTML"
        before = len(at.upstream.requests)
        failed = await http.post("/v1/proxy", json=read(at))
        assert (failed.status_code, decoded(failed)["error"]["details"]["rule"]) == (502, "renewal")
        assert len(at.upstream.requests) == before
