"""What the door holds by itself: a locked vault approves nothing, and still lets a person reject and revoke."""

import pytest

from stack_local.client import RemoteClient
from stack_local.domain.errors import Locked, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.wire.intents import ApproveIntent, GetIntentApproval, IntentApproval, RejectIntent
from stack_local.wire.passports import ListActivePassports, RevokeAgentPassports
from stack_local.wire.vault import CreateSession, LockVault
from tests.conftest import PASSPHRASE, Running, decoded
from tests.simulators.upstream import Upstream


async def _pending(appliance: Running, upstream: Upstream) -> IntentApproval:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    key = await appliance.key(agent_id=agent.id)
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {"name": "x"}}
    async with appliance.http(key) as http:
        refused = await http.post("/v1/proxy", json=call)
    approval_id = decoded(refused)["error"]["details"]["approval_id"]
    return await appliance.person.call(GetIntentApproval(approval_id=approval_id))


async def _lock_and_return(person: RemoteClient) -> None:
    await person.call(LockVault())
    with pytest.raises(Unauthorized):
        await person.call(ListActivePassports())
    person.hold_session(None)
    session = await person.call(CreateSession(passphrase=PASSPHRASE))
    person.hold_session(Secret(session.session.get_secret_value()))


async def test_nothing_is_approved_while_the_vault_is_locked(appliance: Running, upstream: Upstream) -> None:
    pending = await _pending(appliance, upstream)
    await _lock_and_return(appliance.person)
    assert pending.call is not None
    with pytest.raises(Locked):
        await appliance.person.call(ApproveIntent(approval_id=pending.id, digest=pending.call.digest))
    again = await appliance.person.call(GetIntentApproval(approval_id=pending.id))
    assert again.status == "pending"


async def test_a_locked_vault_still_rejects_and_revokes(appliance: Running, upstream: Upstream) -> None:
    pending = await _pending(appliance, upstream)
    await _lock_and_return(appliance.person)
    rejected = await appliance.person.call(RejectIntent(approval_id=pending.id))
    assert rejected.status == "rejected"
    revoked = await appliance.person.call(RevokeAgentPassports(agent_id=pending.agent_id))
    assert revoked.revoked_count == 0
    assert (await appliance.person.call(ListActivePassports())).items == []
