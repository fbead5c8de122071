"""API keys: shown once, kept as a hash, ended by time and by a person, and narrow from the start."""

from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest, NotFound
from stack_local.operations.keys import APPROVER_SECONDS, hash_key
from stack_local.wire.keys import CreateKey, ListKeys, RevokeKey
from tests.conftest import Running, decoded
from tests.simulators.upstream import Upstream

NO_AGENT, NO_SERVICE = "agt_" + "0" * 22, "scon_" + "0" * 22
BOTH = {"decides_agents": [NO_AGENT], "decides_services": [NO_SERVICE]}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an approver without an agent": ({"preset": "approver", "decides_services": [NO_SERVICE]}, "decides_agents"),
    "an approver without a service": ({"preset": "approver", "decides_agents": [NO_AGENT]}, "decides_services"),
    "an approver for over a day": (
        {"preset": "approver", **BOTH, "expires_in_seconds": APPROVER_SECONDS + 1},
        "expires_in_seconds",
    ),
    "an agent that decides": ({"preset": "agent", **BOTH}, "decides_agents"),
    "an admin that decides": ({"preset": "admin", "decides_agents": [NO_AGENT]}, "decides_agents"),
}


async def status(running: Running, key: str) -> int:
    async with running.http(key) as http:
        return (await http.post("/v1/call/list_services", json={})).status_code


async def test_a_key_is_shown_once_and_kept_as_a_hash(appliance: Running) -> None:
    created = await appliance.person.call(CreateKey(label="laptop"))
    value = created.api_key.get_secret_value()
    listed = await appliance.person.call(ListKeys())
    (row,) = listed.items
    assert value not in listed.model_dump_json()
    assert hash_key(value) not in listed.model_dump_json()
    assert (row.label, value.startswith(row.shown), len(row.shown) < len(value) // 2) == ("laptop", True, True)


async def test_two_keys_are_two_values(appliance: Running) -> None:
    first, second = await appliance.key(), await appliance.key()
    assert first != second
    assert len((await appliance.person.call(ListKeys())).items) == 2


async def test_a_revoked_key_ends_and_its_neighbor_goes_on(appliance: Running) -> None:
    doomed = await appliance.person.call(CreateKey())
    other = await appliance.key()
    revoked = await appliance.person.call(RevokeKey(key_id=doomed.key.id))
    assert await status(appliance, doomed.api_key.get_secret_value()) == 401
    assert await status(appliance, other) == 200
    appliance.system.advance(60)
    again = await appliance.person.call(RevokeKey(key_id=doomed.key.id))
    assert revoked.revoked_at is not None
    assert again.revoked_at == revoked.revoked_at


async def test_a_key_that_is_not_there_is_not_revoked(appliance: Running) -> None:
    with pytest.raises(NotFound):
        await appliance.person.call(RevokeKey(key_id="key_" + "0" * 22))


async def test_a_key_ends_with_the_second_it_names(appliance: Running) -> None:
    created = await appliance.person.call(CreateKey(expires_in_seconds=60))
    key = created.api_key.get_secret_value()
    assert created.key.expires_at is not None
    assert (created.key.expires_at - created.key.created_at).total_seconds() == 60
    appliance.system.advance(59)
    assert await status(appliance, key) == 200
    appliance.system.advance(1)
    assert await status(appliance, key) == 401


@pytest.mark.parametrize("case", REFUSED)
async def test_a_key_of_the_wrong_shape_is_refused_by_field(appliance: Running, case: str) -> None:
    fields, named = REFUSED[case]
    with pytest.raises(InvalidRequest) as refused:
        await appliance.key(**fields)
    assert refused.value.details["field"] == named
    assert (await appliance.person.call(ListKeys())).items == []


@pytest.mark.parametrize("preset", ["readonly", "admin"])
async def test_only_an_agent_key_stands_for_an_agent(appliance: Running, preset: str) -> None:
    agent = await appliance.agent("helper")
    with pytest.raises(InvalidRequest) as refused:
        await appliance.key(preset=preset, agent_id=agent.id)
    assert refused.value.details["field"] == "agent_id"


async def test_a_key_for_an_agent_that_is_not_there_is_refused(appliance: Running) -> None:
    with pytest.raises(NotFound):
        await appliance.key(agent_id=NO_AGENT)


async def test_an_approver_that_names_no_time_lives_a_day(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    asked = CreateKey(preset="approver", decides_agents=[agent.id], decides_services=[connection.id])
    key = (await appliance.person.call(asked)).key
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).total_seconds() == APPROVER_SECONDS


async def test_only_an_admin_key_comes_with_a_warning(appliance: Running) -> None:
    admin = await appliance.person.call(CreateKey(preset="admin"))
    plain = await appliance.person.call(CreateKey())
    assert (admin.warning is None, plain.warning) == (False, None)


async def test_an_admin_key_mints_no_key(appliance: Running) -> None:
    async with appliance.http(await appliance.key(preset="admin")) as http:
        refused = await http.post("/v1/keys", json={})
    assert (refused.status_code, decoded(refused)["error"]["code"]) in ((403, "FORBIDDEN"), (404, "NOT_FOUND"))
    assert len((await appliance.person.call(ListKeys())).items) == 1
