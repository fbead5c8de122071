"""Handing out a credential: to an agent that a person set to `direct`, and by no way around."""

from typing import Any

import pytest

from stack_local.wire.agents import Agent, UpdateAgent
from stack_local.wire.passports import IssuePassport
from tests.conftest import TOKEN, Running, decoded
from tests.simulators.upstream import Upstream

INTENT = {"summary": "look"}


async def ask(running: Running, bearer: str, operation: str, **arguments: Any) -> Any:
    """`POST /v1/call/…` over TCP: status and answer."""
    async with running.http(bearer) as http:
        response = await http.post(f"/v1/call/{operation}", json=arguments)
        return response.status_code, decoded(response)


@pytest.fixture
async def direct(appliance: Running, upstream: Upstream) -> Agent:
    """An agent that a person set to direct, granted `custom_demo`."""
    connection = await appliance.connect(upstream)
    return await appliance.agent("direct", connection, credential_access="direct")


async def passport_of(appliance: Running, agent: Agent) -> str:
    issued = await appliance.person.call(IssuePassport(agent_id=agent.id, intent=INTENT))
    return issued.token.get_secret_value()


async def test_a_direct_agent_reads_its_credential(appliance: Running, direct: Agent) -> None:
    token = await passport_of(appliance, direct)
    status, answer = await ask(appliance, token, "get_credential", service="custom_demo")
    assert (status, answer["credential"]) == (200, TOKEN)


async def test_a_proxy_only_agent_reads_none(appliance: Running, direct: Agent) -> None:
    await appliance.person.call(UpdateAgent(agent_id=direct.id, credential_access="proxy_only"))
    token = await passport_of(appliance, direct)
    status, answer = await ask(appliance, token, "get_credential", service="custom_demo")
    assert (status, answer["error"]["details"]["rule"]) == (403, "credential_access")


async def test_an_admin_key_reads_no_credential(appliance: Running, direct: Agent) -> None:
    key, token = await appliance.key(preset="admin"), await passport_of(appliance, direct)
    status, _ = await ask(appliance, key, "get_credential", service="custom_demo", passport_token=token)
    assert status == 403


async def test_an_admin_key_reads_no_credential_by_a_passport_it_mints(appliance: Running, direct: Agent) -> None:
    key = await appliance.key(preset="admin")
    _, issued = await ask(appliance, key, "issue_passport", agent_id=direct.id, intent=INTENT)
    status, _ = await ask(appliance, issued["token"], "get_credential", service="custom_demo")
    assert status == 403


async def test_an_admin_key_sets_no_agent_to_direct(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    key = await appliance.key(preset="admin")
    status, _ = await ask(appliance, key, "update_agent", agent_id=agent.id, credential_access="direct")
    assert status == 403


async def test_a_proxy_only_agent_reads_no_credential_by_delegating_to_a_direct_one(
    appliance: Running, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    helper = await appliance.agent("helper", connection)
    direct = await appliance.agent("direct", connection, credential_access="direct")
    parent = await passport_of(appliance, helper)
    asked = {"parent_passport_token": parent, "child_agent_id": direct.id}
    status, child = await ask(appliance, parent, "delegate_passport", **asked)
    if status == 200:
        status, _ = await ask(appliance, child["token"], "get_credential", service="custom_demo")
    assert status in (403, 404)


async def test_nobody_but_the_operator_lists_credentials(appliance: Running, direct: Agent) -> None:
    answers = {}
    for preset in ("agent", "readonly", "admin"):
        answers[preset], _ = await ask(appliance, await appliance.key(preset=preset), "list_credentials")
    assert answers == {"agent": 403, "readonly": 403, "admin": 200}
