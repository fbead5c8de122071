"""Verifying: one harmless call as the template or the connection says, and how its answer is read."""

import json
from typing import Any

import pytest

from stack_local.domain.errors import Forbidden, InvalidRequest
from stack_local.operations.verifying import ACCOUNT_CHARACTERS
from stack_local.service_templates import ServiceTemplate
from stack_local.store import services as store
from stack_local.wire.audit import ListAudit
from stack_local.wire.services import Connection, ListConnections, Verification, VerifyConnection
from tests.conftest import Running
from tests.simulators.upstream import Upstream

PLACE = "/things"
"""Answers a POST with its own body."""


def template(**verify: Any) -> ServiceTemplate:
    return ServiceTemplate.model_validate(
        {
            "provider": "demo",
            "name": "Demo",
            "description": "A service for tests.",
            "hosts": ["api.example.com"],
            "base_url": "https://api.example.com",
            "injection": {"style": "bearer"},
            "fields": [{"name": "value", "label": "Token", "hint": "a token"}],
            "verify": {"path": PLACE, **verify},
        }
    )


async def give(running: Running, connection: Connection, known: ServiceTemplate) -> Connection:
    """Give a connection a template, and leave it its own hosts."""
    core = running.appliance._core
    assert core is not None
    place = {"injection": known.injected(), "hosts": connection.hosts, "base_url": connection.base_url}
    await core.database.write(lambda tx: store.replace_template(tx, connection.id, known, **place))
    return connection


async def connected(running: Running, upstream: Upstream, **verify: Any) -> Connection:
    """A connection of the simulator that has this template."""
    return await give(running, await running.connect(upstream), template(**verify))


async def verified(running: Running, connection: Connection) -> Verification:
    answer = await running.person.call(VerifyConnection(connection_id=connection.id))
    (kept,) = [one for one in (await running.person.call(ListConnections())).items if one.id == connection.id]
    assert (kept.verification, kept.verified_at) == (answer.status, answer.checked_at)
    return answer


USER = {"user": {"login": "octocat", "id": 17}, "team": "Acme"}
BY_TEMPLATE: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, int, str | None]]] = [
    ("what is true", {"ok": "ok"}, {"ok": True}, ("passed", 201, None)),
    ("what is false, by 201", {"ok": "ok"}, {"ok": False, "error": "invalid_auth"}, ("failed", 201, None)),
    ("what is not said", {"ok": "ok"}, {"error": "invalid_auth"}, ("failed", 201, None)),
    ("what is true as a text", {"ok": "ok"}, {"ok": "true"}, ("failed", 201, None)),
    ("what is 1", {"ok": "ok"}, {"ok": 1}, ("failed", 201, None)),
    ("what is true further down", {"ok": "data.viewer.ok"}, {"data": {"viewer": {"ok": True}}}, ("passed", 201, None)),
    ("an account by two names", {"account": ["user.login", "team"]}, USER, ("passed", 201, "octocat / Acme")),
    ("an account whose name is missing", {"account": ["user.name", "team"]}, USER, ("passed", 201, "Acme")),
    ("an account whose name is a number", {"account": ["user.id"]}, USER, ("passed", 201, None)),
    ("an account whose name is an object", {"account": ["user"]}, USER, ("passed", 201, None)),
    ("an account without a name", {"account": ["team"]}, {"team": ""}, ("passed", 201, None)),
    ("a long name", {"account": ["team"]}, {"team": "a" * 999}, ("passed", 201, "a" * ACCOUNT_CHARACTERS)),
    (
        "the account of one that is refused",
        {"ok": "ok", "account": ["team"]},
        {"ok": False, "team": "Acme"},
        ("failed", 201, None),
    ),
]


async def test_a_template_says_what_is_posted_and_how_the_answer_is_read(
    appliance: Running, upstream: Upstream
) -> None:
    seen = {}
    for name, verify, body, _ in BY_TEMPLATE:
        connection = await connected(appliance, upstream, method="POST", body=body, **verify)
        answer = await verified(appliance, connection)
        seen[name] = (answer.status, answer.upstream_status, answer.account)
        received = upstream.requests[-1]
        assert (received.method, received.target, received.authorized) == ("POST", PLACE, True)
        assert (json.loads(received.body), received.header("content-type")) == (body, "application/json")
    assert seen == {name: said for name, _, _, said in BY_TEMPLATE}


async def test_a_template_without_a_mark_goes_by_the_status_and_one_with_a_mark_by_json(
    appliance: Running, upstream: Upstream
) -> None:
    seen = []
    for code in (401, 404, 500, 204):
        answer = await verified(appliance, await connected(appliance, upstream, path=f"/status?code={code}"))
        seen.append((answer.upstream_status, answer.status, upstream.requests[-1].method))
    assert seen == [(401, "failed", "GET"), (404, "failed", "GET"), (500, "failed", "GET"), (204, "passed", "GET")]
    no_json = await connected(appliance, upstream, path="/reflect?src=query&name=x&x=true", ok="ok")
    assert (await verified(appliance, no_json)).status == "failed"


async def test_the_credential_goes_to_no_host_that_a_person_did_not_bind(
    appliance: Running, upstream: Upstream
) -> None:
    """A template names a host of its own; what the person bound since then stands."""
    connection = await connected(appliance, upstream, host="api.example.com")
    with pytest.raises(Forbidden) as refused:
        await appliance.person.call(VerifyConnection(connection_id=connection.id))
    assert refused.value.details["rule"] == "host"
    (kept,) = (await appliance.person.call(ListConnections())).items
    assert (kept.verification, upstream.requests) == ("never", [])


async def test_an_account_that_a_person_named_stays(appliance: Running, upstream: Upstream) -> None:
    named = template(method="POST", body={"team": "Acme"}, account=["team"])
    connection = await give(appliance, await appliance.connect(upstream, account="mine"), named)
    assert (await verified(appliance, connection)).account == "Acme"
    assert (await appliance.person.call(ListConnections())).items[0].account == "mine"


async def test_a_custom_service_is_asked_at_the_path_its_person_named_and_not_without_one(
    appliance: Running, upstream: Upstream
) -> None:
    nameless = await appliance.connect(upstream, "nameless")
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(VerifyConnection(connection_id=nameless.id))
    assert (refused.value.details["field"], upstream.requests) == ("connection_id", [])
    connection = await appliance.connect(upstream, verify_path="/whoami?full=1")
    answer = await verified(appliance, connection)
    (received,) = upstream.requests
    assert (answer.status, answer.account) == ("passed", None)
    assert (received.method, received.target, received.body) == ("GET", "/whoami?full=1", b"")


async def test_a_verification_is_on_record_with_what_it_found(appliance: Running, upstream: Upstream) -> None:
    connection = await connected(appliance, upstream, path="/status?code=403")
    await verified(appliance, connection)
    (record, *_) = (await appliance.person.call(ListAudit(limit=1))).entries
    assert (record.subject, record.detail["verdict"], record.detail["status"]) == (connection.id, "failed", 403)
