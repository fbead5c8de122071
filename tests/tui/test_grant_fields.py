"""Tests of the end of a dialogue that connects: what may be granted, and to whom."""

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Select

from stack_local.domain.secrets import Secret
from tests.simulators.client import FakeClient
from tests.tui.world import SESSION, World, agent, identifier
from tui.widgets.grant_fields import NOBODY, GrantFields
from tui.widgets.tick import Tick


class OnlyGrant(App[None]):
    def __init__(self, client: FakeClient, asker: str | None) -> None:
        super().__init__()
        self.fields = GrantFields(client, asker=asker)

    def compose(self) -> ComposeResult:
        yield self.fields


@pytest.mark.parametrize(
    ("asker", "offered"),
    [(None, NOBODY), (identifier("agt", 2), identifier("agt", 2)), (identifier("agt", 9), NOBODY)],
    ids=["nobody asked", "an agent asked", "who asked is gone"],
)
async def test_whoever_asked_is_offered_first(asker: str | None, offered: str) -> None:
    world = World()
    world.agents = [agent(1), agent(2)]
    world.client.hold_session(Secret(SESSION))
    app = OnlyGrant(world.client, asker)
    async with app.run_test() as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        select: Select[Any] = app.query_one("#agent", Select)
        assert select.value == offered
        assert (app.fields.agent.id if app.fields.agent else NOBODY) == offered


async def test_what_is_ticked_is_what_may_be_granted() -> None:
    app = OnlyGrant(World().client, None)
    async with app.run_test():
        assert (app.fields.scopes, app.fields.asks_everything) == (["read", "write"], False)
        app.query_one("#writes", Tick).value = False
        app.query_one("#asks", Tick).value = True
        assert (app.fields.scopes, app.fields.asks_everything) == (["read"], True)
