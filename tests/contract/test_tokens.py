"""What a list of tools costs an agent, in tokens: each kind of bearer has a budget."""

import pytest

from tests.bench.tokens import LISTS

BUDGETS = {
    "a passport": 4_000,
    "a passport at /mcp/core": 3_000,
    "an agent key at /mcp/core": 3_000,
    "an admin": 20_000,
}
"""At most so many (issue B)."""


@pytest.mark.parametrize("name", BUDGETS)
def test_a_list_of_tools_stays_within_its_budget(name: str) -> None:
    assert 500 < LISTS[name]().tokens <= BUDGETS[name]


def test_every_list_that_has_a_budget_is_measured() -> None:
    assert set(BUDGETS) <= set(LISTS)
