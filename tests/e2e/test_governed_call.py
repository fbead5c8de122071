"""The main job, over real sockets: ask, approve, call once, be refused, be revoked."""

from stack_local.wire.intents import ApproveIntent, GetIntentApproval
from tests.conftest import TOKEN, Running, decoded
from tests.simulators.upstream import Upstream


async def test_an_approved_write_goes_out_once_with_the_credential(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    key = await appliance.key(agent_id=agent.id)
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {"name": "x"}}
    async with appliance.http(key) as http:
        refused = await http.post("/v1/proxy", json=call)
        assert refused.status_code == 403, refused.text
        assert decoded(refused)["metadata"] == {"gate_reason": "approval_required"}
        approval_id = decoded(refused)["error"]["details"]["approval_id"]
        pending = await appliance.person.call(GetIntentApproval(approval_id=approval_id))
        await appliance.person.call(ApproveIntent(approval_id=approval_id, digest=pending.call.digest))
        changed = await http.post("/v1/proxy", json={**call, "body": {"name": "y"}, "approval_id": approval_id})
        assert decoded(changed)["error"]["details"]["field"] == "body.name"
        done = await http.post("/v1/proxy", json={**call, "approval_id": approval_id})
        assert decoded(done)["status"] == 201, done.text
        again = await http.post("/v1/proxy", json={**call, "approval_id": approval_id})
        assert decoded(again)["replayed"] is True
        assert decoded(again)["body"] == decoded(done)["body"]
    assert upstream.effects == 1
    assert upstream.requests[-1].header("authorization") == f"Bearer {TOKEN}"


async def test_an_mcp_client_reads_through_the_proxy(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    key = await appliance.key(agent_id=agent.id)
    async with appliance.http(key) as http:
        listed = await http.get("/v1/services")
        assert decoded(listed)[0]["provider"] == "custom_demo"
        read = await http.post("/v1/proxy", json={"service": "custom_demo", "url": f"{upstream.base_url}/things"})
        assert decoded(read)["status"] == 200, read.text
