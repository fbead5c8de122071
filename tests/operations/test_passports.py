"""Passports as they are shown: what a row says."""

from stack_local.wire.passports import IssuePassport, ListActivePassports
from stack_local.wire.services import DisconnectService
from tests.conftest import Running
from tests.simulators.upstream import Upstream


async def test_a_live_passport_names_its_services_by_slug(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    (row,) = (await appliance.person.call(ListActivePassports())).items
    assert row.services == ["custom_demo"]


async def test_disconnecting_a_service_ends_the_passports_that_hold_it(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    await appliance.person.call(DisconnectService(connection_id=connection.id))
    assert (await appliance.person.call(ListActivePassports())).items == []
