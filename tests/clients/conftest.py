"""A stage for each test; and no skip that is not on the list."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.skips import SKIPS
from tests.clients.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """An appliance that can be restarted."""
    async with staged(tmp_path) as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip for any reason but those of the list is a failure."""
    report = yield
    said: Any = report.longrepr
    if report.skipped and not any(said[2].endswith(reason) for reason in SKIPS.values()):
        report.outcome = "failed"
    return report
