"""The fixtures of a client on its way in, and of a person at a shop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oauth.conftest import guest, hotel, login
from tests.simulators.shop import Counter, open_shop

__all__ = ["guest", "hotel", "login"]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Counter]:
    """The counter of a shop that an unlocked appliance knows."""
    async with open_shop(tmp_path) as counter:
        yield counter
