"""A served appliance, a person, and a client on its way in."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import Running, begin, served
from tests.oauth.flow import Login


@pytest.fixture
async def login(appliance: Running) -> AsyncIterator[Login]:
    """A client that has not registered yet."""
    async with appliance.http() as http:
        yield Login(appliance, http)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hotel(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A served, unlocked appliance for all tests of a file that turn no clock and count nothing."""
    home = tmp_path_factory.mktemp("hotel")
    async with served(home / "home", home / "state") as running:
        await begin(running)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def guest(hotel: Running) -> AsyncIterator[Login]:
    """A client of the shared appliance that has not registered yet."""
    async with hotel.http() as http:
        yield Login(hotel, http)
