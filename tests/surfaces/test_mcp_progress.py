"""Progress: a client that asks for it hears of a wait, and is waited with for longer."""

import asyncio

from stack_local.wire.intents import ApproveIntent, ListIntents
from tests.conftest import Running
from tests.simulators.upstream import Upstream
from tests.surfaces.mcp_clients import agent_key, client_of


async def test_a_wait_for_a_person_is_told_and_lasts_longer_than_a_silent_one(
    appliance: Running, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    claim = {
        "target": {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things"},
        "parameters": {"body": {"name": "x"}},
        "reason": "because",
    }
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)
        if len(told) == 5:
            waiting = (await appliance.person.call(ListIntents())).items[0]
            await appliance.person.call(ApproveIntent(approval_id=waiting.id, digest=waiting.call.digest))

    async with client_of(appliance, await agent_key(appliance, connection)) as client:
        submitted = await client.call_tool("stack_submit_intent", {"intent": claim})
        look = {"approval_id": submitted.structured_content["approval_id"], "wait_seconds": 20}
        async with asyncio.timeout(30):
            seen = await client.call_tool("stack_get_intent_approval", look, progress_callback=hear)
    assert seen.structured_content["status"] == "approved"
    assert told == sorted(told)
    assert len(told) >= 5
