"""A real, encrypted vault database for the tests of what is kept in it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack_local.store.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty vault database."""
    database = Database(tmp_path / "vault.db", "42" * 32, after_commit=lambda tx: None)
    yield database
    await asyncio.to_thread(database.close)
