"""Tests of the table of keys."""

from collections import Counter

import pytest

from tui.app import StackTui
from tui.keymap import KEYS, Place, keys_of
from tui.screens.agents import AgentsScreen
from tui.screens.approvals import ApprovalsScreen
from tui.screens.audit import AuditScreen
from tui.screens.clients import ClientsScreen
from tui.screens.passports import PassportsScreen
from tui.screens.services import ServicesScreen

SCREENS: dict[Place, type] = {
    "approvals": ApprovalsScreen,
    "audit": AuditScreen,
    "passports": PassportsScreen,
    "services": ServicesScreen,
    "agents": AgentsScreen,
    "clients": ClientsScreen,
}


@pytest.mark.parametrize("place", SCREENS)
def test_no_key_does_two_things_in_one_place(place: Place) -> None:
    counts = Counter(key.key for key in keys_of([place, "main", "everywhere"]))
    assert not [key for key, count in counts.items() if count > 1]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.place} {key.key}")
def test_every_key_names_an_action_that_exists(key: object) -> None:
    name = key.action.removeprefix("app.").partition("(")[0]  # type: ignore[attr-defined]
    owner = StackTui if key.action.startswith("app.") else SCREENS[key.place]  # type: ignore[attr-defined]
    assert callable(getattr(owner, f"action_{name}"))


def test_the_hints_of_the_queue_fit_eighty_columns() -> None:
    hints = "  ".join(f"{key.shown} {key.hint}" for key in keys_of(["approvals", "main"]) if key.hint)
    assert len(hints) <= 78
