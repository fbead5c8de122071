"""A forwarded call and its outcome: one record each, pollable by either id, and what a person edits keeps its bytes."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from stack_local.domain.agents import Asks
from stack_local.domain.calls import MAX_BODY_BYTES
from stack_local.wire.agents import UpdateAgent
from stack_local.wire.intents import ApproveIntent, CallEdits
from tests.conftest import TOKEN, Running, decoded
from tests.oauth.flow import SHARED
from tests.simulators.stepped import caller
from tests.simulators.upstream import Upstream
from tests.surfaces.below import Program, program, refusal

REQUEST_ID = "X-STACK-Authority-Request-Id"
BINARY = bytes(range(256))


@pytest_asyncio.fixture(loop_scope="module")
async def service() -> AsyncIterator[Upstream]:
    async with Upstream(token=TOKEN) as found:
        yield found


async def polled(http: httpx.AsyncClient, one: Program, operation_id: str, **chosen: Any) -> tuple[int, Any]:
    asked = {"operation_id": operation_id, **chosen}
    answer = await http.post(f"{one.running.base_url}/v1/proxy/operations/get", json=asked)
    return answer.status_code, decoded(answer)


@SHARED
async def test_a_forwarded_call_is_polled_by_either_id(hotel: Running, service: Upstream) -> None:
    one = await program(hotel, service.host_port, "polled")
    async with one.http() as http:
        made = await http.post("/things", json={"n": 1}, headers={REQUEST_ID: "e" * 32})
        for operation_id in (made.headers["x-stack-operation-id"], "e" * 32):
            status, found = await polled(http, one, operation_id)
            assert (status, found["state"], found["provider_status"]) == (200, "response_received", 201)
            assert found["response"]["body"] == {"n": 1, "id": 1}
        other = await hotel.key(agent_id=(await hotel.agent("polled-other", one.connection)).id)
        http.headers["authorization"] = f"Bearer {other}"
        assert (await polled(http, one, "e" * 32))[0] == 404


@SHARED
async def test_an_answer_that_was_passed_on_is_kept_too(hotel: Running, service: Upstream) -> None:
    one = await program(hotel, service.host_port, "kept")
    async with one.http() as http:
        read = await http.get("/things")
        await one.settled()
        _, found = await polled(http, one, read.headers["x-stack-operation-id"])
    assert (found["state"], found["response"]["body"]) == ("response_received", decoded(read))


@SHARED
async def test_whatever_refuses_it_a_forwarded_call_leaves_one_record(hotel: Running, service: Upstream) -> None:
    one = await program(hotel, service.host_port, "one-record", approvals=Asks.WRITES)
    async with one.http() as http:
        refused = [
            await http.post("/things", content=bytes(MAX_BODY_BYTES + 1)),
            await http.post("/%00", content=bytes(300_000)),
            await http.post("/things", content=b"{", headers={"content-type": "application/json"}),
            await http.post("/things", content=b"x"),
            await http.get("/things", headers={"X-Intent-Approval-Id": "none"}),
        ]
    assert [answer.status_code for answer in refused] == [413, 400, 400, 403, 400]
    codes = [decoded(answer)["error"]["code"] for answer in refused]
    entries = await one.entries()
    assert [(entry.outcome, entry.error_code) for entry in entries] == [("blocked", code) for code in codes]
    assert service.requests == []


@SHARED
async def test_a_caller_that_hangs_up_before_its_body_was_whole_leaves_a_record_and_nothing_else(
    hotel: Running, service: Upstream
) -> None:
    one = await program(hotel, service.host_port, "half")
    async with caller(hotel.base_url) as wire:
        await wire.say(one.head("POST", "/things", "Content-Length: 10", "Expect: 100-continue"))
        await wire.head()
        await wire.say(b"half")
        wire.hang_up()
    while not (entries := await one.entries()):
        pass
    assert [(entry.outcome, entry.error_code) for entry in entries] == [("blocked", "INVALID_REQUEST")]
    assert service.requests == []


@SHARED
async def test_an_observed_agent_sends_more_than_a_person_could_see_and_the_log_says_who_would_have_been_asked(
    hotel: Running, service: Upstream
) -> None:
    one = await program(hotel, service.host_port, "observed", approvals=Asks.OBSERVE)
    async with one.http() as http:
        answer = await http.post("/things", content=bytes(MAX_BODY_BYTES + 1))
    assert (answer.status_code, len(service.requests[0].body)) == (201, MAX_BODY_BYTES + 1)
    assert (await one.settled())[0].detail["would_have"] == "approval_required"


@SHARED
async def test_an_agent_that_is_enforced_meanwhile_sends_no_unseen_body(hotel: Running, service: Upstream) -> None:
    one = await program(hotel, service.host_port, "tightened")
    async with one.http() as http:
        assert (await http.post("/things", content=bytes(300_000))).status_code == 201
        await hotel.person.call(UpdateAgent(agent_id=one.agent.id, approvals=Asks.WRITES))
        assert refusal(await http.post("/things", content=bytes(300_000)))[2] == "approval_required"
    assert len(service.requests) == 1


@SHARED
async def test_a_person_edits_a_call_whose_body_is_no_text(hotel: Running, service: Upstream) -> None:
    one = await program(hotel, service.host_port, "edited", approvals=Asks.WRITES)
    async with one.http() as http:
        refused = decoded(await http.post("/things", content=BINARY, headers={"content-type": "image/png"}))
        approval_id = refused["error"]["details"]["approval_id"]
        shown = (await one.approval(approval_id)).call
        assert shown is not None
        edits = CallEdits(url=f"{service.base_url}/things?note=seen")
        yes = ApproveIntent(approval_id=approval_id, digest=shown.digest, edits=edits)
        await hotel.person.call(yes)
        edited = (await one.approval(approval_id)).call
        assert edited is not None
        assert (edited.body_sha256, edited.content_type) == (hashlib.sha256(BINARY).hexdigest(), "image/png")
        answer = await http.post(f"{hotel.base_url}/v1/proxy", json={"approval_id": approval_id})
    assert (answer.status_code, [got.body for got in service.requests]) == (200, [BINARY])
    assert service.requests[0].target == "/things?note=seen"
