"""The appliance itself: what its status counts, what its public keys verify, and who may open it and for how long."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stack_local.domain.errors import Conflict, InvalidRequest, StackError, TooMany, Unauthorized
from stack_local.domain.secrets import Secret
from stack_local.vault.backoff import FREE_ATTEMPTS
from stack_local.wire.agents import ListAgents
from stack_local.wire.intents import IntentClaim, IntentTarget, SubmitIntent
from stack_local.wire.passports import DeclaredIntent, IssuePassport
from stack_local.wire.vault import (
    ChangePassphrase,
    CreateSession,
    CreateVault,
    EndSession,
    GetHealth,
    GetJwks,
    GetStatus,
    LockVault,
    RenewRecoveryCode,
    UnlockVault,
)
from tests.conftest import PASSPHRASE, Running
from tests.simulators.upstream import Upstream

WRONG = "incorrect horse battery staple"


def segment(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def exhaust(running: Running) -> None:
    """Type the wrong passphrase as often as is free."""
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(StackError) as refused:
            await running.person.call(CreateSession(passphrase=WRONG))
        assert not isinstance(refused.value, TooMany)


async def test_the_status_counts_what_waits_and_what_lives(appliance: Running, upstream: Upstream) -> None:
    before = await appliance.person.call(GetStatus())
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=DeclaredIntent(summary="look")))
    target = IntentTarget(service="custom_demo", method="POST", url=f"{upstream.base_url}/things")
    await appliance.person.call(SubmitIntent(intent=IntentClaim(target=target), passport_token=issued.token))
    after = await appliance.person.call(GetStatus())
    assert (before.pending, before.live_passports, after.pending, after.live_passports) == (0, 0, 1, 1)
    assert after.chain_sequence > before.chain_sequence
    assert after.changes > before.changes
    assert (after.chain_head != before.chain_head, after.operator_id) == (True, agent.operator_id)


async def test_the_public_keys_verify_a_passport_offline(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=DeclaredIntent(summary="look")))
    head, body, signature = issued.token.get_secret_value().split(".")
    (jwk,) = (await appliance.person.call(GetJwks())).keys
    assert (json.loads(segment(head))["kid"], json.loads(segment(body))["sub"]) == (jwk["kid"], agent.id)
    assert "d" not in jwk
    public = Ed25519PublicKey.from_public_bytes(segment(str(jwk["x"])))
    public.verify(segment(signature), f"{head}.{body}".encode())
    with pytest.raises(InvalidSignature):
        public.verify(segment(signature), f"{head}.{body}x".encode())


async def test_a_vault_is_made_once(appliance: Running) -> None:
    with pytest.raises(Conflict) as refused:
        await appliance.person.call(CreateVault(passphrase=WRONG))
    assert refused.value.code == "VAULT_EXISTS"
    assert (await appliance.person.call(CreateSession(passphrase=PASSPHRASE))).expires_at > appliance.system.now()


async def test_ending_a_session_ends_the_one_that_asks_alone(appliance: Running) -> None:
    first = await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    second = await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    appliance.person.hold_session(Secret(first.session.get_secret_value()))
    assert (await appliance.person.call(EndSession())).state == "unlocked"
    with pytest.raises(Unauthorized):
        await appliance.person.call(ListAgents())
    appliance.person.hold_session(Secret(second.session.get_secret_value()))
    assert (await appliance.person.call(ListAgents())).items == []


async def test_locking_ends_every_session_until_the_passphrase_is_given(appliance: Running) -> None:
    assert (await appliance.person.call(LockVault())).state == "locked"
    with pytest.raises(Unauthorized):
        await appliance.person.call(ListAgents())
    appliance.person.hold_session(None)
    assert (await appliance.person.call(GetHealth())).state == "locked"
    session = await appliance.person.call(UnlockVault(passphrase=PASSPHRASE))
    appliance.person.hold_session(Secret(session.session.get_secret_value()))
    assert (await appliance.person.call(ListAgents())).items == []
    assert (await appliance.person.call(GetHealth())).state == "unlocked"


@pytest.mark.parametrize("given", [{}, {"passphrase": PASSPHRASE, "recovery_code": PASSPHRASE}], ids=["none", "both"])
async def test_unlocking_takes_one_of_two(appliance: Running, given: dict[str, str]) -> None:
    await appliance.person.call(LockVault())
    appliance.person.hold_session(None)
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(UnlockVault.model_validate(given))
    assert refused.value.details["field"] == "passphrase"
    assert (await appliance.person.call(GetHealth())).state == "locked"


async def test_wrong_passphrases_make_even_the_right_one_wait(appliance: Running) -> None:
    await exhaust(appliance)
    with pytest.raises(TooMany) as early:
        await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    wait = early.value.details["retry_after_seconds"]
    assert isinstance(wait, int)
    appliance.system.advance(wait)
    assert (await appliance.person.call(CreateSession(passphrase=PASSPHRASE))).expires_at > appliance.system.now()


async def test_the_right_passphrase_forgives_the_wrong_ones(appliance: Running) -> None:
    for _ in range(FREE_ATTEMPTS - 1):
        with pytest.raises(StackError):
            await appliance.person.call(CreateSession(passphrase=WRONG))
    await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    await exhaust(appliance)


async def test_a_changed_passphrase_is_the_only_one(appliance: Running) -> None:
    await appliance.person.call(ChangePassphrase(current_passphrase=PASSPHRASE, new_passphrase=WRONG))
    with pytest.raises(StackError) as refused:
        await appliance.person.call(CreateSession(passphrase=PASSPHRASE))
    assert not isinstance(refused.value, TooMany)
    assert (await appliance.person.call(CreateSession(passphrase=WRONG))).expires_at > appliance.system.now()


async def test_a_renewed_recovery_code_replaces_the_earlier_one(appliance: Running) -> None:
    first = await appliance.person.call(RenewRecoveryCode(current_passphrase=PASSPHRASE))
    second = await appliance.person.call(RenewRecoveryCode(current_passphrase=PASSPHRASE))
    await appliance.person.call(LockVault())
    appliance.person.hold_session(None)
    with pytest.raises(StackError):
        await appliance.person.call(UnlockVault(recovery_code=first.recovery_code))
    assert (await appliance.person.call(GetHealth())).state == "locked"
    await appliance.person.call(UnlockVault(recovery_code=second.recovery_code))
    assert (await appliance.person.call(GetHealth())).state == "unlocked"
