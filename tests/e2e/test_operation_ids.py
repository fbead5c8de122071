"""The proxied call by its caller's own id: made once and told again; and what nobody knows of, a person settles."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from stack_local.domain.errors import Conflict, NotFound
from stack_local.store import proxy as operations
from stack_local.wire.access import GrantAgentAccess, SetAgentAllowance
from stack_local.wire.audit import ListAudit
from stack_local.wire.proxy import GetOperation, ListUnsettledWrites, ProxyUsage, SettleWrite, UnsettledWrite
from stack_local.wire.services import BindConnectionHosts
from tests.conftest import TOKEN, Running, decoded
from tests.contract.world import socket_client
from tests.e2e.harness import approved, settled_log
from tests.e2e.scene import Scene
from tests.operations.test_verifying import give, template
from tests.simulators.upstream import Upstream

CHOSEN = "an-errand-of-today-000001"
OTHER = "an-errand-of-today-000002"


@pytest.fixture
async def scene(appliance: Running, upstream: Upstream) -> AsyncIterator[Scene]:
    """An agent that writes without being asked about, and what it may call."""
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("demo", connection, accountability_mode="logged")
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        yield Scene(appliance, upstream, connection, agent, http)


async def make(scene: Scene, call: dict[str, Any], request_id: str = CHOSEN) -> tuple[int, Any]:
    """Status and answer of a call under an operation id."""
    answer = await scene.http.post("/v1/proxy", json=call, headers={"X-STACK-Authority-Request-Id": request_id})
    return answer.status_code, decoded(answer)


def code_of(answer: Any) -> str:
    return str(answer["error"]["code"])


async def get_operation(http: httpx.AsyncClient, operation_id: str) -> tuple[int, Any]:
    answer = await http.post("/v1/proxy/operations/get", json={"operation_id": operation_id})
    return answer.status_code, decoded(answer)


# made once


async def test_a_write_under_an_operation_id_is_made_once_and_told_again(scene: Scene) -> None:
    status, first = await make(scene, scene.write(body={"a": 1, "b": 2}))
    again, second = await make(scene, scene.write(body={"b": 2, "a": 1}))
    by_argument = decoded(await scene.proxy(scene.write(body={"a": 1, "b": 2}, operation_id=CHOSEN)))
    assert (status, again, first["replayed"], second["replayed"], by_argument["replayed"]) == (
        200,
        200,
        False,
        True,
        True,
    )
    assert first | {"replayed": True} == second == by_argument
    assert (first["status"], scene.upstream.effects) == (201, 1)
    records = [entry for entry in await settled_log(scene.running.person) if entry.action == "credential.proxy.replay"]
    assert [(entry.decided_by, entry.detail["operation_id"]) for entry in records] == [
        ("rule:operation_id", first["operation_id"])
    ] * 2


async def test_two_at_once_under_one_operation_id_are_one_call(scene: Scene) -> None:
    call = scene.write(url=scene.url("/slow"))
    both = [asyncio.ensure_future(make(scene, call)) for _ in range(2)]
    await scene.upstream.wait_for_requests(1)
    scene.upstream.gate.set()
    answers = [await one for one in both]
    assert [status for status, _ in answers] == [200, 200]
    assert sorted(answer["replayed"] for _, answer in answers) == [False, True]
    assert len(scene.upstream.requests) == 1


DIFFERENT: list[tuple[str, dict[str, Any], str]] = [
    ("another method", {"method": "PUT"}, "method"),
    ("another path", {"path": "/whoami"}, "url.path"),
    ("a query", {"path": "/things?x=1"}, "url.query"),
    ("another value", {"body": {"n": 2}}, "body.n"),
    ("a member more", {"body": {"n": 1, "m": 1}}, "body.m"),
    ("a number written otherwise", {"body": {"n": 1.0}}, "body.n"),
    ("no body", {"body": None}, "headers.content-type"),
    ("a header more", {"headers": {"Prefer": "wait"}}, "headers.prefer"),
]


async def test_another_call_under_a_used_operation_id_is_refused_and_names_what_differs(scene: Scene) -> None:
    _, first = await make(scene, scene.write())
    seen = {}
    for name, change, _ in DIFFERENT:
        there = {"url": scene.url(change["path"])} if "path" in change else change
        seen[name] = await make(scene, scene.write() | there)
    assert {name: status for name, (status, _) in seen.items()} == dict.fromkeys(seen, 409)
    for name, _, differs in DIFFERENT:
        details = seen[name][1]["error"]["details"]
        said = (details["rule"], details["field"], details["differs_in"], details["operation_id"])
        assert said == ("operation_id", "operation_id", differs, first["operation_id"]), name
    elsewhere = await scene.running.connect(scene.upstream, "elsewhere")
    place = {"agent_id": scene.agent.id, "service_connection_id": elsewhere.id}
    await scene.running.person.call(GrantAgentAccess(**place, scopes=["write"]))
    status, answer = await make(scene, scene.write(service=elsewhere.id))
    assert (status, answer["error"]["details"]["differs_in"]) == (409, "service")
    assert scene.upstream.effects == 1


async def test_an_operation_id_is_its_agents_own_here_and_at_the_service(scene: Scene) -> None:
    keyed = template().model_copy(update={"idempotency_header": "idempotency-key"})
    await give(scene.running, scene.connection, keyed)
    other = await scene.running.agent("other", scene.connection, accountability_mode="logged")
    async with scene.running.http(await scene.running.key(agent_id=other.id)) as http:
        theirs = Scene(scene.running, scene.upstream, scene.connection, other, http)
        answers = [await make(one, scene.write()) for one in (scene, theirs, scene, theirs)]
        assert (await get_operation(http, CHOSEN))[1]["operation_id"] == answers[1][1]["operation_id"]
    assert [answer["replayed"] for _, answer in answers] == [False, False, True, True]
    keys = [received.header("idempotency-key") for received in scene.upstream.requests]
    assert len(set(keys)) == len(keys) == 2
    assert CHOSEN not in keys


async def test_a_refused_call_takes_no_operation_id_and_a_newer_connection_makes_no_other_call_of_it(
    scene: Scene,
) -> None:
    status, _ = await make(scene, scene.write(url="https://elsewhere.example/things"))
    assert status == 403
    assert (await make(scene, scene.write()))[1]["replayed"] is False
    hosts = [scene.upstream.host_port, "api.example.com"]
    await scene.running.person.call(BindConnectionHosts(connection_id=scene.connection.id, hosts=hosts))
    status, again = await make(scene, scene.write())
    assert (status, again["replayed"], scene.upstream.effects) == (200, True, 1)


async def test_a_call_that_was_certainly_not_sent_leaves_its_operation_id_free(scene: Scene) -> None:
    port = scene.upstream.port
    await scene.upstream.__aexit__(None, None, None)
    status, answer = await make(scene, scene.write())
    assert (status, code_of(answer)) == (502, "CONNECT_FAILED")
    assert (await get_operation(scene.http, CHOSEN))[0] == 404
    async with Upstream(token=TOKEN, port=port) as back:
        status, answer = await make(scene, scene.write(body={"n": 2}))
        assert (status, answer["replayed"], back.effects) == (200, False, 1)


async def test_an_approved_write_under_an_operation_id_is_told_again_after_its_yes_is_spent(
    appliance: Running, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        asking = Scene(appliance, upstream, connection, agent, http)
        assert (await make(asking, asking.write()))[0] == 403
        approval_id = await approved(appliance.person, http, asking.write())
        status, first = await make(asking, asking.write(approval_id=approval_id))
        again, second = await make(asking, asking.write())
        other, refused = await make(asking, asking.write(body={"n": 2}), OTHER)
    assert (status, again, second["replayed"]) == (200, 200, True)
    assert (first["body"], upstream.effects) == (second["body"], 1)
    assert (other, refused["error"]["details"]["gate_reason"]) == (403, "approval_required")


async def test_a_shredded_call_is_compared_by_its_digest_and_never_made_again(scene: Scene) -> None:
    await make(scene, scene.write())
    core = scene.running.appliance._core
    assert core is not None
    scene.running.system.advance(1)
    now = scene.running.system.now()
    await core.database.write(lambda tx: operations.shred(tx, calls_before=now, responses_before=now))
    status, answer = await make(scene, scene.write())
    assert (status, code_of(answer)) == (502, "RESPONSE_NOT_KEPT")
    status, answer = await make(scene, scene.write(body={"n": 2}))
    assert (status, answer["error"]["details"]["differs_in"]) == (409, "its digest")
    assert scene.upstream.effects == 1


# nobody knows


async def lost(scene: Scene, request_id: str = CHOSEN) -> str:
    """The id of a write whose answer never came."""
    status, answer = await make(scene, scene.write(url=scene.url("/close-early")), request_id)
    assert status == 502, answer
    return str(answer["error"]["details"]["operation_id"])


async def unsettled(scene: Scene) -> list[UnsettledWrite]:
    return (await scene.running.person.call(ListUnsettledWrites())).items


async def test_a_write_of_unknown_outcome_is_never_sent_again_also_not_once_it_is_settled(scene: Scene) -> None:
    operation_id = await lost(scene)
    status, answer = await make(scene, scene.write(url=scene.url("/close-early")))
    assert (status, answer["error"]["details"]["operation_id"]) == (502, operation_id)
    settle = SettleWrite(operation_id=operation_id, happened=False, notes="not on the dashboard")
    await scene.running.person.call(settle)
    assert (await make(scene, scene.write(url=scene.url("/close-early"))))[0] == 502
    assert len(scene.upstream.requests) == 1
    _, found = await get_operation(scene.http, CHOSEN)
    assert (found["operation_id"], found["state"]) == (operation_id, "outcome_unknown")
    assert found["settled_by"].endswith(": did not happen: not on the dashboard")


async def test_what_waits_for_a_person_says_whose_it_is_and_what_it_was(scene: Scene) -> None:
    operation_id = await lost(scene)
    assert (await scene.proxy(scene.read("/close-early"))).status_code == 502
    (waiting,) = await unsettled(scene)
    assert (waiting.operation_id, waiting.agent_id, waiting.agent_name) == (operation_id, scene.agent.id, "demo")
    assert (waiting.subject, waiting.request_id) == (f"POST {scene.upstream.host_port}/close-early", CHOSEN)
    assert waiting.error_message


async def test_a_person_settles_a_write_once_and_none_whose_outcome_is_known(scene: Scene) -> None:
    _, made = await make(scene, scene.write(), OTHER)
    with pytest.raises(Conflict):
        await scene.running.person.call(SettleWrite(operation_id=made["operation_id"], happened=False))
    with pytest.raises(NotFound):
        await scene.running.person.call(SettleWrite(operation_id="opn_" + "0" * 22, happened=True))
    operation_id = await lost(scene)
    settled = await scene.running.person.call(SettleWrite(operation_id=operation_id, happened=True))
    assert (settled.state, str(settled.settled_by).partition(": ")[2]) == ("outcome_unknown", "happened")
    assert await unsettled(scene) == []
    for happened in (True, False):
        with pytest.raises(Conflict):
            await scene.running.person.call(SettleWrite(operation_id=operation_id, happened=happened))
    records = (await scene.running.person.call(ListAudit(action="proxy.settle"))).entries
    (record,) = [entry for entry in records if entry.outcome == "success"]
    assert (record.detail["operation_id"], record.detail["happened"]) == (operation_id, True)


async def test_no_key_settles_or_sees_what_waits(scene: Scene) -> None:
    operation_id = await lost(scene)
    bounds: dict[str, dict[str, Any]] = {
        "agent": {"agent_id": scene.agent.id},
        "admin": {},
        "approver": {"decides_agents": [scene.agent.id], "decides_services": [scene.connection.id]},
    }
    asked: dict[str, dict[str, Any]] = {
        "settle_write": {"operation_id": operation_id, "happened": True},
        "list_unsettled_writes": {},
    }
    seen = {}
    async with socket_client(scene.running) as socket, scene.running.http() as tcp:
        for preset, bound in bounds.items():
            headers = {"Authorization": f"Bearer {await scene.running.key(preset=preset, **bound)}"}
            for name, body in asked.items():
                answers = [await side.post(f"/v1/call/{name}", json=body, headers=headers) for side in (tcp, socket)]
                seen[preset, name] = [answer.status_code for answer in answers]
    # An approver's key is for the socket alone.
    assert seen == {(preset, name): [401 if preset == "approver" else 403, 403] for preset in bounds for name in asked}
    assert [row.operation_id for row in await unsettled(scene)] == [operation_id]


# by the caller's id


async def test_an_operation_is_found_by_its_callers_id_by_whoever_may_see_it(scene: Scene) -> None:
    _, made = await make(scene, scene.write())
    other = await scene.running.agent("other", scene.connection)
    async with scene.running.http(await scene.running.key(agent_id=other.id)) as http:
        assert (await get_operation(http, CHOSEN))[0] == 404
        assert (await get_operation(http, made["operation_id"]))[0] == 404
    by_own, by_ours = await get_operation(scene.http, CHOSEN), await get_operation(scene.http, made["operation_id"])
    assert by_own == by_ours
    assert (by_own[1]["state"], by_own[1]["provider_status"]) == ("response_received", 201)
    assert by_own[1]["response"]["body"] == made["body"]
    seen = await scene.running.person.call(GetOperation(operation_id=CHOSEN))
    assert seen.operation_id == made["operation_id"]
    issued = await scene.passport()
    async with scene.running.http(issued.token.get_secret_value()) as passport:
        assert (await get_operation(passport, CHOSEN))[0] == 200
    assert (await get_operation(scene.http, OTHER))[0] == 404


# the meter


async def usage(http: httpx.AsyncClient) -> dict[str, Any]:
    return dict(decoded(await http.get("/v1/proxy/usage")))


async def test_the_meter_counts_what_went_out_and_nothing_that_was_refused_or_told_again(scene: Scene) -> None:
    empty = await usage(scene.http)
    assert (empty["used"], empty["limit"], empty["remaining"], empty["items"]) == (0, None, None, [])
    for _ in range(2):
        await make(scene, scene.write())
    await scene.proxy(scene.read())
    await lost(scene, OTHER)
    assert (await scene.proxy(scene.read(url="https://elsewhere.example/"))).status_code == 403
    counted = await usage(scene.http)
    place = {"agent_id": scene.agent.id, "service_connection_id": scene.connection.id}
    assert counted["items"] == [place | {"used": 3, "limit": None}]
    assert (counted["used"], counted["period"]) == (3, "2026-11")
    assert (counted["period_start"], counted["period_end"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")


async def test_the_meter_shows_what_is_left_and_begins_anew_with_the_month(scene: Scene) -> None:
    person = scene.running.person
    await person.call(SetAgentAllowance(agent_id=scene.agent.id, calls_per_month=2))
    place = {"agent_id": scene.agent.id, "service_connection_id": scene.connection.id}
    await person.call(GrantAgentAccess(**place, scopes=["read"], terms={"calls_per_month": 5}))
    for _ in range(3):
        await scene.proxy(scene.read())
    counted = await usage(scene.http)
    assert (counted["used"], counted["limit"], counted["remaining"]) == (2, 2, 0)
    assert counted["items"] == [place | {"used": 2, "limit": 5}]
    scene.running.system.advance(timedelta(days=9).total_seconds())
    anew = await usage(scene.http)
    assert (anew["used"], anew["remaining"], anew["period"], anew["items"]) == (0, 2, "2026-12", [])


async def test_what_an_agent_registered_is_shown_beside_its_own_another_sees_nothing_and_a_person_all(
    scene: Scene,
) -> None:
    registered = decoded(await scene.http.post("/v1/agents/register", json={"name": "helper-of-mine"}))
    place = {"agent_id": registered["id"], "service_connection_id": scene.connection.id, "scopes": ["read"]}
    await scene.running.person.call(GrantAgentAccess(**place))
    async with scene.running.http(await scene.running.key(agent_id=registered["id"])) as http:
        await http.post("/v1/proxy", json=scene.read())
    await scene.proxy(scene.read())
    counted = await usage(scene.http)
    assert {item["agent_id"]: item["used"] for item in counted["items"]} == {scene.agent.id: 1, registered["id"]: 1}
    assert counted["used"] == 1
    other = await scene.running.agent("other")
    async with scene.running.http(await scene.running.key(agent_id=other.id)) as http:
        assert ((await usage(http))["used"], (await usage(http))["items"]) == (0, [])
    whole = await scene.running.person.call(ProxyUsage())
    assert (whole.used, whole.limit, len(whole.items)) == (2, None, 2)
