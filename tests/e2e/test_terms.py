"""A grant with each kind of term, over REST and over MCP: the denial says which, on what, and what would pass."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import UpdateAgent
from stack_local.wire.intents import ApproveIntent, ListIntents
from tests.conftest import decoded
from tests.e2e.harness import settled_log
from tests.e2e.scene import Scene
from tests.surfaces.mcp_clients import client_of

SECRET = "hunter2-hunter2"


@dataclass(frozen=True)
class Case:
    """Terms, a call that they stop and one that they let pass."""

    terms: dict[str, Any]
    stopped: dict[str, Any]
    passes: dict[str, Any]
    code: str
    said: dict[str, Any]
    """Of the details."""


def only(path: str, op: str, value: Any) -> dict[str, Any]:
    return {"constraints": [{"path": path, "op": op, "value": value}]}


def rule(effect: str, path: str, op: str, value: Any, note: str = "") -> dict[str, Any]:
    return {"rules": [{"effect": effect, "when": [{"path": path, "op": op, "value": value}], "note": note}]}


THINGS, OTHERS = {"path": "/things"}, {"path": "/whoami"}
CASES: dict[str, Case] = {
    "a constraint on the path": Case(
        only("url.pathname", "eq", "/things"),
        OTHERS,
        THINGS,
        "FORBIDDEN",
        {"rule": "constraint", "field": "url.pathname", "seen": "/whoami", "constraint": 'url.pathname eq "/things"'},
    ),
    "a constraint on an odd path": Case(
        only("url.pathname", "starts_with", "/"),
        {"path": "//things"},
        THINGS,
        "FORBIDDEN",
        {"rule": "constraint", "field": "url.pathname", "seen": "(unclear)"},
    ),
    "a constraint on the query": Case(
        only("query.limit", "in", ["5", "10"]),
        {"path": f"/things?limit={SECRET}"},
        {"path": "/things?limit=10"},
        "FORBIDDEN",
        {"rule": "constraint", "field": "query.limit", "seen": "(a text)"},
    ),
    "a constraint on a query key that stands twice": Case(
        only("query.limit", "not_eq", "1000"),
        {"path": "/things?limit=1000&limit=1000"},
        {"path": "/things?limit=10"},
        "FORBIDDEN",
        {"rule": "constraint", "field": "query.limit", "seen": "(unclear)"},
    ),
    "a constraint on a header": Case(
        only("headers.prefer", "matches", "wait=[0-9]+"),
        {"path": "/things", "headers": {"Prefer": SECRET}},
        {"path": "/things", "headers": {"Prefer": "wait=5"}},
        "FORBIDDEN",
        {"rule": "constraint", "field": "headers.prefer", "seen": "(a text)"},
    ),
    "a rule that blocks": Case(
        rule("block", "url.pathname", "eq", "/whoami", "not here"),
        OTHERS,
        THINGS,
        "FORBIDDEN",
        {"rule": "grant_rule", "field": "url.pathname"},
    ),
    "a rule that blocks, and a path that may be it": Case(
        rule("block", "url.pathname", "eq", "/whoami"),
        {"path": "//whoami"},
        THINGS,
        "FORBIDDEN",
        {"rule": "grant_rule", "field": "url.pathname"},
    ),
    "a rule that asks for a read": Case(
        rule("ask", "query.all", "eq", "1"),
        {"path": "/things?all=1"},
        THINGS,
        "FORBIDDEN",
        {"rule": "approval_required", "gate_reason": "approval_required"},
    ),
    "hours": Case(
        {"windows": [{"from_time": "13:00", "to_time": "14:00"}]},
        THINGS,
        {},
        "FORBIDDEN",
        {"rule": "time_window", "field": "time", "opens_at": "2026-11-22T13:00:00+00:00"},
    ),
    "a minute's allowance": Case(
        {"calls_per_minute": 0},
        THINGS,
        {},
        "TOO_MANY_REQUESTS",
        {"rule": "allowance", "field": "service", "limit": 0, "retry_after_seconds": 60},
    ),
}


def read(scene: Scene, target: dict[str, Any]) -> dict[str, Any]:
    more = {name: value for name, value in target.items() if name != "path"}
    return {"service": "custom_demo", "url": scene.url(target["path"]), **more}


async def grant(scene: Scene, *scopes: str, **terms: Any) -> None:
    place = {"agent_id": scene.agent.id, "service_connection_id": scene.connection.id}
    await scene.running.person.call(GrantAgentAccess(**place, scopes=list(scopes), terms=terms))


async def test_every_kind_of_term_bites_over_rest_and_over_mcp_and_says_the_same(scene: Scene) -> None:
    key = await scene.running.key(agent_id=scene.agent.id)
    async with client_of(scene.running, key) as tools:
        for name, case in CASES.items():
            await grant(scene, "read", **case.terms)
            before = len(scene.upstream.requests)
            by_rest = await scene.http.post("/v1/proxy/read", json=read(scene, case.stopped))
            by_tool = await tools.call_tool("stack_proxy_read", read(scene, case.stopped))
            error = decoded(by_rest)["error"]
            said = error["details"]
            assert error["code"] == case.code, name
            assert {field: said.get(field) for field in case.said} == case.said, name
            assert said["hint"], name
            text = by_tool.content[0].text
            assert by_tool.is_error, name
            assert text.startswith(f"[{case.code}] {error['message']}"), name
            told = json.loads(text.partition("\n")[2])["error"]["details"]
            assert {field: told.get(field) for field in case.said} == case.said, name
            assert SECRET not in by_rest.text + text, name
            assert len(scene.upstream.requests) == before, name
            if case.passes:
                assert (await scene.http.post("/v1/proxy/read", json=read(scene, case.passes))).status_code == 200
    await grant(scene, "read")
    assert (await scene.http.post("/v1/proxy/read", json=read(scene, THINGS))).status_code == 200


async def test_a_denial_that_a_change_would_mend_carries_the_change_and_another_none(scene: Scene) -> None:
    await grant(scene, "read", **only("url.pathname", "eq", "/things"))
    place = {"agent_id": scene.agent.id, "service_connection_id": scene.connection.id}
    more = {"operation": "grant_agent_access", "arguments": place | {"scopes": ["read", "write"]}}
    elsewhere = {
        "operation": "bind_connection_hosts",
        "arguments": {
            "connection_id": scene.connection.id,
            "hosts": [scene.upstream.host_port, "api.example.com:443"],
        },
    }
    for call, proposal in (
        (scene.write(), more),
        (scene.read(url="https://api.example.com/things"), elsewhere),
        (scene.read("/whoami"), None),
    ):
        refused = await scene.proxy(call)
        assert (refused.status_code, decoded(refused)["error"]["details"].get("proposal")) == (403, proposal)
    key = await scene.running.key(agent_id=scene.agent.id)
    async with client_of(scene.running, key) as tools:
        result = await tools.call_tool("stack_proxy_request", scene.write())
        assert result.is_error
        asked = await tools.call_tool("stack_propose_change", {**more, "reason": "the errand writes"})
    assert asked.structured_content["status"] == "pending"


async def test_a_body_is_compared_in_every_spelling_of_a_write(scene: Scene) -> None:
    """An agent nobody asks about: what it may send is what the grant's constraint says, as JSON and as a form."""
    await scene.running.person.call(UpdateAgent(agent_id=scene.agent.id, approvals="never"))
    await grant(scene, "read", "write", **only("body.amount", "in", [10, "10"]))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies: list[tuple[Any, dict[str, str], bool]] = [
        ({"amount": 10}, {}, True),
        ({"amount": 10.0}, {}, True),
        ("amount=10&to=x", form, True),
        ({"amount": 1000}, {}, False),
        ({"amount": True}, {}, False),
        ({"amount": [10]}, {}, False),
        ({"Amount": 10}, {}, False),
        ({"amount": 10, "AMOUNT": 1000}, {}, False),
        ("amount=10&amount=1000", form, False),
        ("amount=10;amount=1000", form, False),
        ('{"amount":10}', {"Content-Type": "text/plain"}, False),
        (None, {}, False),
    ]
    seen = []
    for body, headers, _ in bodies:
        answer = await scene.proxy(scene.write(body=body, headers=headers))
        seen.append(answer.status_code == 200)
        if answer.status_code != 200:
            details = decoded(answer)["error"]["details"]
            assert (answer.status_code, details["rule"], details["field"]) == (403, "constraint", "body.amount")
    assert seen == [passes for *_, passes in bodies]
    assert scene.upstream.effects == sum(seen)


async def test_a_rule_of_the_grant_spares_the_question_and_the_record_says_which(scene: Scene) -> None:
    await grant(scene, "read", "write", **rule("allow", "body.n", "eq", 1, "small ones"))
    assert (await scene.proxy(scene.write())).status_code == 200
    refused = await scene.proxy(scene.write(body={"n": 2}))
    assert decoded(refused)["error"]["details"]["rule"] == "approval_required"
    assert [intent.call.method for intent in (await scene.running.person.call(ListIntents())).items] == ["POST"]
    let_out = [entry for entry in await settled_log(scene.running.person) if entry.outcome == "pending"]
    assert [entry.detail.get("allowed_by_rule") for entry in let_out] == ["small ones"]


async def test_an_observed_agents_write_goes_out_and_its_record_says_what_would_have_been(scene: Scene) -> None:
    await scene.running.person.call(UpdateAgent(agent_id=scene.agent.id, approvals="observe"))
    await grant(scene, "read", "write", **rule("ask", "query.all", "eq", "1"))
    for call in (scene.write(), scene.read("/things?all=1"), scene.read()):
        assert (await scene.proxy(call)).status_code == 200
    assert (await scene.running.person.call(ListIntents())).items == []
    let_out = [entry for entry in await settled_log(scene.running.person) if entry.outcome == "pending"]
    assert [entry.detail.get("would_have") for entry in let_out] == ["approval_required", "approval_required", None]
    await grant(scene, "read", "write", **rule("block", "method", "eq", "POST"))
    refused = await scene.proxy(scene.write())
    assert decoded(refused)["error"]["details"]["rule"] == "grant_rule"
    assert scene.upstream.effects == 1


async def test_terms_that_came_after_the_yes_stop_the_approved_call(scene: Scene) -> None:
    approval_id = await scene.asked()
    (waiting,) = (await scene.running.person.call(ListIntents())).items
    await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest=waiting.call.digest))
    opens = scene.running.system.now() + timedelta(hours=1)
    later: list[tuple[str, dict[str, Any]]] = [
        ("time_window", {"windows": [{"from_time": f"{opens:%H}:00"}]}),
        ("constraint", only("body.n", "not_eq", 1)),
        ("grant_rule", rule("block", "method", "eq", "POST")),
        ("allowance", {"calls_per_month": 0}),
    ]
    for name, terms in later:
        await grant(scene, "read", "write", **terms)
        refused = await scene.proxy(scene.write(approval_id=approval_id))
        assert (decoded(refused)["error"]["details"]["rule"], scene.upstream.effects) == (name, 0)
    await grant(scene, "read", "write")
    assert (await scene.proxy(scene.write(approval_id=approval_id))).status_code == 200
