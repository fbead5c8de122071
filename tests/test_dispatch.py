"""What the door holds by itself: a locked vault approves nothing, and still lets a person reject and revoke.

What a person chose for the whole appliance is changed with its record, or not at all; and whoever hung up changes that
no more.
"""

import asyncio
from typing import Any

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from stack_local.client import RemoteClient
from stack_local.dispatch import Caller
from stack_local.domain.audit import Outcome
from stack_local.domain.errors import Locked, Unauthorized, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.egress.way import WAY_OUT, Chosen
from stack_local.operations.bearers import actor_of_session
from stack_local.operations.rates import RATES
from stack_local.store import meta
from stack_local.store.audit import Scribe
from stack_local.wire.catalogue import Request
from stack_local.wire.intents import ApproveIntent, GetIntentApproval, IntentApproval, RejectIntent
from stack_local.wire.passports import ListActivePassports, RevokeAgentPassports
from stack_local.wire.vault import CreateSession, LockVault, SetCompanyProxy, SetRates
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


CHOICES = [SetRates(intents_per_hour=7), SetCompanyProxy(proxy="proxy.corp:3128")]


@pytest.mark.parametrize("choice", CHOICES, ids=["rates", "way out"])
async def test_what_a_person_chooses_is_not_changed_without_its_record(
    appliance: Running, monkeypatch: pytest.MonkeyPatch, choice: Request[Any]
) -> None:
    write, allowed = Scribe.write, appliance.appliance.rates.allowed()

    def refuses(scribe: Scribe, tx: Any, **fields: Any) -> None:
        if fields["action"].startswith("vault.set_") and fields["outcome"] is Outcome.SUCCESS:
            raise sqlcipher.OperationalError("database or disk is full")
        write(scribe, tx, **fields)

    monkeypatch.setattr(Scribe, "write", refuses)
    with pytest.raises(Unavailable):
        await appliance.person.call(choice)
    core = appliance.appliance._core
    assert core is not None
    kept = await core.database.read(lambda tx: (meta.find(tx, RATES), meta.find(tx, WAY_OUT)))
    assert kept == (None, None)
    assert (appliance.appliance.rates.allowed(), appliance.appliance._way.chosen) == (allowed, Chosen())


async def test_a_choice_holds_though_whoever_made_it_hung_up(appliance: Running) -> None:
    person = Caller(actor_of_session("ses_person"), "admin")
    choosing = asyncio.ensure_future(appliance.appliance.dispatcher.call(person, CHOICES[0]))
    await asyncio.sleep(0)  # it is on its way to the disk
    choosing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await choosing
    core = appliance.appliance._core
    assert core is not None
    await core.database.write(lambda tx: None)
    assert appliance.appliance.rates.allowed()["intents_per_hour"] == 7
