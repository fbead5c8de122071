"""A served appliance, a person, and a client on its way in."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Running
from tests.oauth.flow import Login


@pytest.fixture
async def login(appliance: Running) -> AsyncIterator[Login]:
    """A client that has not registered yet."""
    async with appliance.http() as http:
        yield Login(appliance, http)
