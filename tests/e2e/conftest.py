"""Fixtures of the end-to-end tests."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Running
from tests.e2e.scene import Scene
from tests.simulators.upstream import Upstream


@pytest.fixture
async def scene(appliance: Running, upstream: Upstream) -> AsyncIterator[Scene]:
    """An agent that may read and write at one service, and that nobody has asked anything yet."""
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        yield Scene(appliance, upstream, connection, agent, http)
