"""Policy looked at before it bites: planned calls through the decision, and recorded calls under other terms."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from stack_local.domain.errors import InvalidRequest, NotFound
from stack_local.store import proxy as operations
from stack_local.wire.access import GetAgentPermissions, GrantAgentAccess, SetAgentAllowance
from stack_local.wire.agents import UpdateAgent
from stack_local.wire.audit import ListAudit
from stack_local.wire.decisions import ListPendingDecisions
from stack_local.wire.intents import ListIntents
from stack_local.wire.passports import IssuePassport, ListActivePassports
from stack_local.wire.policy import Preflight, PreflightCalls, TermsTrial, TryTerms
from tests.conftest import Running, decoded
from tests.e2e.harness import settled_log
from tests.e2e.scene import Scene, unlock
from tests.simulators.upstream import Upstream

INTENT = {"summary": "look"}
POST = {"path": "method", "op": "eq", "value": "POST"}
IN_DRY = {"path": "body.name", "op": "eq", "value": "dry"}


@pytest.fixture
async def scene(appliance: Running, upstream: Upstream) -> AsyncIterator[Scene]:
    """An agent that may read and write at one service."""
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        yield Scene(appliance, upstream, connection, agent, http)


def planned(scene: Scene, method: str = "GET", path: str = "/things", **more: Any) -> dict[str, Any]:
    return {"service": "custom_demo", "method": method, "url": f"{scene.upstream.base_url}{path}", **more}


async def grant(scene: Scene, *scopes: str, **terms: Any) -> None:
    asked = GrantAgentAccess(
        agent_id=scene.agent.id,
        service_connection_id=scene.connection.id,
        scopes=list(scopes) or ["read", "write"],
        terms=terms,
    )
    await scene.running.person.call(asked)


async def preflight(http: httpx.AsyncClient, *calls: dict[str, Any], **more: Any) -> Preflight:
    answer = await http.post("/v1/policy/preflight", json={"calls": list(calls), **more})
    assert answer.status_code == 200, answer.text
    return Preflight.model_validate(decoded(answer))


async def test_every_planned_call_gets_the_word_it_would_get(scene: Scene) -> None:
    blocked = {"effect": "block", "when": [{"path": "url.pathname", "op": "starts_with", "value": "/admin"}]}
    asks = {"effect": "ask", "when": [{"path": "query.all", "op": "eq", "value": "1"}], "note": "too much"}
    await grant(scene, rules=[blocked, asks], constraints=[{"path": "url.pathname", "op": "not_eq", "value": "/hang"}])
    said = await preflight(
        scene.http,
        planned(scene),
        planned(scene, "POST", body={"name": "x"}),
        planned(scene, path="/things?all=1"),
        planned(scene, path="/admin"),
        planned(scene, path="/hang"),
        planned(scene, url="https://elsewhere.example/"),
        planned(scene, service="custom_none"),
        planned(scene, "TRACE"),
        planned(scene, "POST", headers={"X-Admin": "1"}),
    )
    assert [(call.verdict, call.rule, call.field) for call in said.calls] == [
        ("allow", None, None),
        ("ask", "approval_required", None),
        ("ask", "approval_required", None),
        ("deny", "grant_rule", "url.pathname"),
        ("deny", "constraint", "url.pathname"),
        ("deny", "host", "url"),
        ("deny", "NOT_FOUND", "service"),
        ("deny", "one of GET, HEAD, POST, PUT, PATCH, DELETE", "method"),
        ("deny", said.calls[-1].rule, "headers.'X-Admin'"),
    ]
    assert (said.passes, said.good_until) == (False, None)
    assert all(call.hint and call.message for call in said.calls if call.verdict == "deny" and call.field != "method")


async def test_looking_sends_asks_mints_and_spends_nothing(scene: Scene) -> None:
    await scene.running.person.call(SetAgentAllowance(agent_id=scene.agent.id, calls_per_minute=1))
    person = scene.running.person
    before = (await person.call(ListAudit(limit=1))).entries[0].sequence
    for _ in range(2):
        said = await preflight(scene.http, planned(scene), planned(scene, "POST"), planned(scene))
        assert [call.verdict for call in said.calls] == ["allow", "ask", "allow"]
    assert scene.upstream.requests == []
    assert (await person.call(ListIntents())).items == []
    assert (await person.call(ListActivePassports())).items == []
    assert (await person.call(ListAudit(limit=1))).entries[0].sequence == before
    assert (await scene.http.post("/v1/proxy/read", json={**planned(scene)})).status_code == 200
    assert (await preflight(scene.http, planned(scene))).calls[0].rule == "allowance"


async def test_a_plan_is_good_until_its_hours_or_its_session_end(scene: Scene) -> None:
    now: datetime = scene.running.system.now()
    day = now.weekday()
    assert (await preflight(scene.http, planned(scene))).good_until == now + timedelta(hours=24)
    for windows, hours in (
        ([{"from_time": "00:00", "to_time": "15:00"}], 3),
        ([{"from_time": "10:00", "to_time": "24:00", "days": [day]}], 12),
        ([{"from_time": "10:00", "to_time": "24:00"}, {"to_time": "06:00"}], 18),
        ([{}], 24),
    ):
        await grant(scene, windows=windows)
        said = await preflight(scene.http, planned(scene), planned(scene, path="/whoami"))
        assert (said.passes, said.good_until) == (True, now + timedelta(hours=hours))
    await grant(scene, windows=[{"from_time": "13:00"}])
    (call,) = (await preflight(scene.http, planned(scene))).calls
    assert (call.verdict, call.rule, call.field) == ("deny", "time_window", "time")
    assert call.hint == f"allowed again from {(now + timedelta(hours=1)).isoformat()}"


async def test_a_passports_session_bounds_its_plan(scene: Scene) -> None:
    issued = await scene.running.person.call(IssuePassport(agent_id=scene.agent.id, intent=INTENT, ttl_seconds=3600))
    ends = scene.running.system.now() + timedelta(hours=24)
    scene.running.system.advance(60)
    said = await preflight(scene.http, planned(scene), passport_token=issued.token.get_secret_value())
    assert said.good_until == ends


async def test_a_plan_is_judged_as_whoever_would_make_the_calls(scene: Scene) -> None:
    """A passport narrows its agent; a person names the agent; and nobody looks for another."""
    running = scene.running
    read_only = [{"service_connection_id": scene.connection.id, "scopes": ["read"]}]
    issued = await running.person.call(IssuePassport(agent_id=scene.agent.id, intent=INTENT, scopes=read_only))
    token = issued.token.get_secret_value()
    write = planned(scene, "POST")
    async with running.http(token) as passport:
        assert (await preflight(passport, write)).calls[0].rule == "scope"
        assert (await preflight(passport, write, agent_id=scene.agent.id)).calls[0].rule == "scope"
    assert (await preflight(scene.http, write, passport_token=token)).calls[0].rule == "scope"
    assert (await preflight(scene.http, write)).calls[0].verdict == "ask"
    asked = await running.person.call(PreflightCalls(calls=[write], agent_id=scene.agent.id))
    assert asked.calls[0].verdict == "ask"
    with pytest.raises(InvalidRequest) as refused:
        await running.person.call(PreflightCalls(calls=[write]))
    assert refused.value.details["field"] == "agent_id"
    await running.person.call(UpdateAgent(agent_id=scene.agent.id, status="suspended"))
    assert (await preflight(scene.http, write)).calls[0].rule == "agent_status"


async def test_another_agents_plan_is_nobodys_to_look_at(scene: Scene) -> None:
    running = scene.running
    other = await running.agent("other", scene.connection)
    mine = await running.person.call(IssuePassport(agent_id=scene.agent.id, intent=INTENT))
    others = await running.person.call(IssuePassport(agent_id=other.id, intent=INTENT))
    plan = {"calls": [planned(scene)]}
    async with running.http(mine.token.get_secret_value()) as passport:
        for http, more in (
            (scene.http, {"agent_id": other.id}),
            (scene.http, {"passport_token": others.token.get_secret_value()}),
            (scene.http, {"passport_token": mine.token.get_secret_value(), "agent_id": other.id}),
            (passport, {"agent_id": other.id}),
        ):
            answer = await http.post("/v1/policy/preflight", json=plan | more)
            assert (answer.status_code, decoded(answer)["error"]["code"]) == (404, "NOT_FOUND")


# other terms


async def attempt(scene: Scene, **terms: Any) -> TermsTrial:
    limit = terms.pop("limit", 1000)
    asked = TryTerms(agent_id=scene.agent.id, service_connection_id=scene.connection.id, terms=terms, limit=limit)
    return await scene.running.person.call(asked)


async def made(scene: Scene, *calls: dict[str, Any]) -> None:
    for call in calls:
        answer = await scene.http.post("/v1/proxy", json=call)
        assert answer.status_code == 200, answer.text


async def later(scene: Scene, **passing: int) -> None:
    """Time passes, and the person comes back."""
    scene.running.system.advance(timedelta(**passing).total_seconds())
    await unlock(scene.running)


SPARE = {"effect": "allow", "when": [POST]}


async def test_recorded_calls_are_decided_under_both_terms_and_only_what_differs_is_shown(scene: Scene) -> None:
    await grant(scene, rules=[SPARE])
    await made(
        scene,
        planned(scene),
        planned(scene, "POST", body={"name": "dry"}),
        planned(scene, "POST", body={"name": "wet"}),
    )
    same = await attempt(scene, rules=[SPARE])
    assert (same.replayed, same.unreadable, same.differences) == (3, 0, [])
    stricter = await attempt(scene, rules=[SPARE, {"effect": "block", "when": [IN_DRY], "note": "no rehearsals"}])
    (blocked,) = stricter.differences
    assert (blocked.before, blocked.after, blocked.rule) == ("allow", "deny", "grant_rule")
    assert blocked.subject == f"POST {scene.upstream.host_port}/things"
    assert "no rehearsals" in str(blocked.message)
    asking = await attempt(scene)
    assert [(one.before, one.after, one.rule) for one in asking.differences] == [("allow", "ask", None)] * 2
    narrow = await attempt(scene, rules=[SPARE], constraints=[POST])
    assert [(one.before, one.after, one.rule) for one in narrow.differences] == [("allow", "deny", "constraint")]


async def test_looser_terms_show_what_they_would_have_let_out(scene: Scene) -> None:
    await grant(scene, rules=[SPARE])
    await made(scene, planned(scene, "POST", body={"name": "dry"}), planned(scene, "POST", body={"name": "wet"}))
    await grant(scene, rules=[{"effect": "block", "when": [IN_DRY]}])
    looser = await attempt(scene, rules=[SPARE])
    assert sorted((one.before, one.after) for one in looser.differences) == [("ask", "allow"), ("deny", "allow")]
    assert [one.rule for one in looser.differences if one.before == "deny"] == ["grant_rule"]


async def test_hours_are_tried_at_the_time_each_call_was_made(scene: Scene) -> None:
    await made(scene, planned(scene))
    await later(scene, hours=3)
    await made(scene, planned(scene))
    noon = {"from_time": "11:00", "to_time": "14:00"}
    (late,) = (await attempt(scene, windows=[noon])).differences
    assert (late.after, late.rule, late.at) == ("deny", "time_window", scene.running.system.now())


async def test_shredded_calls_are_counted_and_the_newest_are_tried_first(scene: Scene) -> None:
    await made(scene, planned(scene, path="/things?n=1"))
    await later(scene, days=31)
    await made(scene, planned(scene, path="/things?n=2"))
    core = scene.running.appliance._core
    assert core is not None
    edge = scene.running.system.now() - timedelta(days=30)
    await core.database.write(lambda tx: operations.shred(tx, calls_before=edge, responses_before=edge))
    whole = await attempt(scene, rules=[{"effect": "block"}])
    assert (whole.replayed, whole.unreadable, len(whole.differences)) == (1, 1, 1)
    newest = await attempt(scene, limit=1)
    assert (newest.replayed, newest.unreadable) == (1, 0)


async def test_trying_saves_nothing_and_is_a_persons(scene: Scene) -> None:
    await made(scene, planned(scene))
    before = await scene.running.person.call(GetAgentPermissions(agent_id=scene.agent.id))
    record = (await settled_log(scene.running.person))[-1].sequence
    await attempt(scene, rules=[{"effect": "block"}], calls_per_minute=0)
    assert await scene.running.person.call(GetAgentPermissions(agent_id=scene.agent.id)) == before
    assert (await scene.running.person.call(ListAudit(limit=1))).entries[0].sequence == record
    assert (await scene.running.person.call(ListPendingDecisions())).items == []
    await made(scene, planned(scene))
    body = {"agent_id": scene.agent.id, "service_connection_id": scene.connection.id, "terms": {}}
    assert (await scene.http.post("/v1/policy/try", json=body)).status_code == 404
    assert (await scene.http.post("/v1/call/try_terms", json=body)).status_code in (403, 404)


async def test_terms_that_could_not_be_granted_are_not_tried(scene: Scene) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await attempt(scene, constraints=[{**POST, "value": "post"}])
    assert refused.value.details["field"] == "terms.constraints.0.value"
    nobody = TryTerms(agent_id="agt_" + "0" * 22, service_connection_id=scene.connection.id, terms={})
    with pytest.raises(NotFound):
        await scene.running.person.call(nobody)
