"""Bad input, one test an item: a clear error, its record, nothing half done, and the server goes on."""

import asyncio
from typing import Any

import pytest

from stack_local.domain.errors import Conflict
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.intents import ApproveIntent, GetIntentApproval, RejectIntent, SendBackIntent
from stack_local.wire.passports import RevokePassport
from stack_local.wire.services import ConnectCustomService
from tests.conftest import TOKEN, decoded
from tests.e2e.harness import approved, read_log
from tests.e2e.scene import INTENT, MINUTE, Scene, counted, explained, explains, unlock

# -- the request itself ------------------------------------------------------------------------------------------------


async def test_an_unknown_operation(scene: Scene) -> None:
    answer = await scene.http.post("/v1/call/drop_everything", json={})
    explained(answer, 404, "NOT_FOUND")
    await scene.goes_on()


async def test_an_unknown_route(scene: Scene) -> None:
    explained(await scene.http.get("/v1/nowhere"), 404, "NOT_FOUND")
    await scene.goes_on()


async def test_an_unknown_field(scene: Scene) -> None:
    await scene.refused(await scene.proxy(scene.read(verify_tls=False)), 400, "INVALID_REQUEST", field="verify_tls")


async def test_a_wrong_type(scene: Scene) -> None:
    await scene.refused(await scene.proxy(scene.read(max_chars="many")), 400, "INVALID_REQUEST", field="max_chars")


async def test_an_empty_body(scene: Scene) -> None:
    await scene.refused(await scene.http.post("/v1/proxy", content=b""), 400, "INVALID_REQUEST", field="url")


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'"text"', b'{"url": NaN}', b'{"a": 1, "a": 2}', b"\xff\xfe", b"[" * 999]
)
async def test_a_body_that_is_no_json_object(content: bytes, scene: Scene) -> None:
    await scene.refused(await scene.http.post("/v1/proxy", content=content), 400, "INVALID_REQUEST")


async def test_a_body_that_is_too_large(scene: Scene) -> None:
    """The whole of it is sent: who is refused must be able to read why."""
    explained(await scene.http.post("/v1/proxy", content=b" " * 10_500_001), 413, "TOO_LARGE")
    await scene.goes_on()


async def test_a_body_that_is_announced_too_large_is_not_waited_for(scene: Scene) -> None:
    host, port = scene.running.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/proxy HTTP/1.1\r\nHost: %b:%b\r\n" % (host.encode(), port.encode()))
    writer.write(b"Content-Length: 10500001\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await scene.goes_on()


# -- the bearer --------------------------------------------------------------------------------------------------------


async def test_no_bearer(scene: Scene) -> None:
    async with scene.running.http() as nobody:
        answer = await nobody.post("/v1/proxy", json=scene.read())
    explained(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    await scene.goes_on()
    assert await counted(scene) >= 1


@pytest.mark.parametrize("bearer", ["sk_live_unknown", "not.a.token", "x" * 9000, "eyJhbGciOiJub25lIn0.e30."])
async def test_a_bearer_of_nobody(bearer: str, scene: Scene) -> None:
    answer = await scene.proxy(scene.read(), bearer)
    assert answer.status_code == 401
    explained(answer, 401, decoded(answer)["error"]["code"])
    await scene.goes_on()
    assert await counted(scene) >= 1


async def test_an_expired_passport(scene: Scene) -> None:
    issued = await scene.passport()
    scene.running.system.advance(6 * MINUTE)
    explained(await scene.proxy(scene.read(), issued.token.get_secret_value()), 401, "PASSPORT_EXPIRED")
    await scene.goes_on()


async def test_an_expired_passport_beside_a_key(scene: Scene) -> None:
    issued = await scene.passport()
    scene.running.system.advance(6 * MINUTE)
    call = scene.read(passport_token=issued.token.get_secret_value())
    await scene.refused(await scene.proxy(call), 401, "PASSPORT_EXPIRED")


async def test_a_revoked_passport(scene: Scene) -> None:
    issued = await scene.passport()
    await scene.running.person.call(RevokePassport(jti=issued.jti))
    explained(await scene.proxy(scene.read(), issued.token.get_secret_value()), 401, "PASSPORT_REVOKED")
    await scene.goes_on()
    assert await counted(scene) >= 1


async def test_a_revoked_passport_beside_a_key(scene: Scene) -> None:
    issued = await scene.passport()
    await scene.running.person.call(RevokePassport(jti=issued.jti))
    call = scene.read(passport_token=issued.token.get_secret_value())
    await scene.refused(await scene.proxy(call), 401, "PASSPORT_REVOKED")


async def test_a_wrong_scope(scene: Scene) -> None:
    readonly = await scene.running.key(preset="readonly")
    await scene.refused(await scene.proxy(scene.read(), readonly), 403, "FORBIDDEN", rule="scope")


async def test_anothers_agent(scene: Scene) -> None:
    other = await scene.running.agent("stranger")
    answer = await scene.http.post("/v1/passports/issue", json={"agent_id": other.id, "intent": INTENT})
    await scene.refused(answer, 404, "NOT_FOUND", field="agent_id")


async def test_anothers_agent_looks_like_one_that_is_not_there(scene: Scene) -> None:
    other = await scene.running.agent("stranger")
    theirs = await scene.http.get(f"/v1/agents/{other.id}")
    nobodys = await scene.http.get(f"/v1/agents/{other.id[:-1]}0")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text.replace(other.id, "") == nobodys.text.replace(f"{other.id[:-1]}0", "")


# -- the service -------------------------------------------------------------------------------------------------------


async def test_a_host_that_is_not_bound(scene: Scene) -> None:
    call = {"service": "custom_demo", "url": "https://elsewhere.example/things"}
    await scene.refused(await scene.proxy(call), 403, "FORBIDDEN", field="url", rule="host")


async def test_a_connection_without_hosts(scene: Scene) -> None:
    bare = await scene.running.person.call(ConnectCustomService(name="bare", credential=TOKEN))
    await scene.running.person.call(
        GrantAgentAccess(agent_id=scene.agent.id, service_connection_id=bare.id, scopes=["read"])
    )
    call = {"service": "custom_bare", "url": scene.url()}
    await scene.refused(await scene.proxy(call), 403, "FORBIDDEN", field="url", rule="host_not_bound")


async def test_an_ambiguous_service(scene: Scene) -> None:
    second = await scene.running.connect(scene.upstream)
    answer = await scene.proxy(scene.read())
    explained(answer, 400, decoded(answer)["error"]["code"], field="service")
    assert second.id in answer.text
    assert scene.connection.id in answer.text
    last = (await read_log(scene.running.person))[-1]
    assert last.outcome == "blocked"
    named = {**scene.read(), "service": scene.connection.id}
    assert (await scene.proxy(named)).status_code == 200


async def test_a_service_that_is_not_there(scene: Scene) -> None:
    await scene.refused(
        await scene.proxy({**scene.read(), "service": "custom_none"}), 404, "NOT_FOUND", field="service"
    )


# -- the approval ------------------------------------------------------------------------------------------------------


async def test_a_missing_approval(scene: Scene) -> None:
    answer = await scene.proxy(scene.write())
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_required")


async def test_an_unknown_approval(scene: Scene) -> None:
    answer = await scene.proxy(scene.write(approval_id="apr_" + "0" * 22))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_not_found", field="approval_id")


async def test_a_pending_approval(scene: Scene) -> None:
    answer = await scene.proxy(scene.write(approval_id=await scene.asked()))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_pending")


async def test_a_rejected_approval(scene: Scene) -> None:
    approval_id = await scene.asked()
    await scene.running.person.call(RejectIntent(approval_id=approval_id))
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    explained(answer, 401, "PASSPORT_REVOKED")
    assert scene.upstream.requests == []


async def test_an_approval_that_was_sent_back(scene: Scene) -> None:
    approval_id = await scene.asked()
    await scene.running.person.call(SendBackIntent(approval_id=approval_id, notes="smaller, please"))
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_expired")


async def test_an_expired_approval(scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    scene.running.system.advance(16 * MINUTE)
    await unlock(scene.running)
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="approval_expired")


async def test_an_approval_that_nobody_answered_for_a_day(scene: Scene) -> None:
    approval_id = await scene.asked()
    scene.running.system.advance(24 * 60 * MINUTE + 1)
    answer = await scene.proxy(scene.write(approval_id=approval_id))
    assert decoded(answer)["error"]["details"]["gate_reason"] in ("approval_expired", "passport_mismatch")
    assert scene.upstream.requests == []


async def test_a_spent_approval_for_another_call(scene: Scene) -> None:
    call = scene.write()
    approval_id = await approved(scene.running.person, scene.http, call)
    assert (await scene.proxy({**call, "approval_id": approval_id})).status_code == 200
    answer = await scene.proxy({**call, "body": {"n": 2}, "approval_id": approval_id})
    explained(answer, 403, "FORBIDDEN", gate_reason="approval_consumed")
    await scene.goes_on(already=1)


async def test_an_approval_of_another_passport(scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    other = await scene.passport()
    answer = await scene.proxy(scene.write(approval_id=approval_id), other.token.get_secret_value())
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="passport_mismatch")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": {"n": 2}}, "body.n"),
        ({"body": {"n": 1.0}}, "body.n"),
        ({"body": {"n": 1, "m": 1}}, "body.m"),
        ({"method": "PUT"}, "method"),
        ({"query": {"a": "b"}}, "url.query"),
    ],
)
async def test_an_approval_for_another_call(change: dict[str, Any], field: str, scene: Scene) -> None:
    approval_id = await approved(scene.running.person, scene.http, scene.write())
    answer = await scene.proxy({**scene.write(approval_id=approval_id), **change})
    await scene.refused(answer, 403, "FORBIDDEN", gate_reason="call_mismatch", field=field)
    row = await scene.running.person.call(GetIntentApproval(approval_id=approval_id))
    assert (row.status, row.uses_left) == ("approved", 1)


async def test_an_approval_of_what_was_not_shown(scene: Scene) -> None:
    approval_id = await scene.asked()
    with pytest.raises(Conflict) as refused:
        await scene.running.person.call(ApproveIntent(approval_id=approval_id, digest="0" * 64))
    explains(refused.value, Conflict, "CONFLICT")
    await scene.goes_on()


async def test_loosening_by_a_key(scene: Scene) -> None:
    answer = await scene.http.patch(f"/v1/agents/{scene.agent.id}", json={"approvals": "never"})
    assert "governance_approval_id" in explained(answer, 403, "GOVERNANCE_APPROVAL_REQUIRED")
    explained(await scene.proxy(scene.write()), 403, "FORBIDDEN", gate_reason="approval_required")
    await scene.goes_on()


async def test_minting_by_a_key(scene: Scene) -> None:
    answer = await scene.http.post("/v1/keys", json={"preset": "admin"})
    assert answer.status_code in (403, 404, 405)
    uniform = await scene.http.post("/v1/call/create_key", json={"preset": "admin"})
    await scene.refused(uniform, 403, "FORBIDDEN", rule="surface")
