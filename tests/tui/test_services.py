"""Tests of the list of connections: the verdict on each template, and what asks for a new log-in."""

import pytest

from stack_local.domain import errors
from stack_local.wire.services import BindConnectionHosts
from tests.tui.driving import LARGE, SMALL, opened
from tests.tui.offers import Offers
from tests.tui.world import connection
from tui.keymap import keys_of


@pytest.mark.parametrize("size", [SMALL, (120, 36), LARGE], ids=["80x24", "120x36", "120x40"])
async def test_each_connection_says_whether_it_is_verified_and_why_it_must_reconnect(size: tuple[int, int]) -> None:
    world = Offers()
    world.connections = [
        connection(1, provider="github", name="site", reconnect_reason="the refresh token was refused"),
        connection(2, name="own"),
    ]
    async with opened(world, size=size) as driven:
        await driven.press("4")
        await driven.until_shown("RECONNECT: the refresh token was refused")
        rows = {line.split()[0 if line.startswith("  ") else 1]: line for line in driven.lines if "octocat" in line}
        assert " verified " in rows["site"]
        assert " unverified " in rows["own"]


async def test_hosts_that_resemble_others_need_a_second_yes() -> None:
    world = Offers()
    world.connections = [connection(1)]

    def doubt(asked: BindConnectionHosts) -> object:
        if not asked.confirm_hosts:
            raise errors.InvalidRequest("the host may be taken for another", hint="may confirm it with confirm_hosts")
        return connection(1, hosts=asked.hosts)

    world.client.answer(BindConnectionHosts, doubt)  # type: ignore[arg-type]
    async with opened(world) as driven:
        await driven.press("4")
        await driven.until_shown("api.github.com")
        await driven.press("h", *"api.githob.com", "enter")
        await driven.until_shown("Is it right all the same?")
        await driven.press("tab", "enter")
        await driven.until_shown("bound to 1 host")
        assert [asked.confirm_hosts for asked in world.asked(BindConnectionHosts)] == [False, True]


def test_the_hints_of_the_services_fit_eighty_columns() -> None:
    hints = "  ".join(f"{key.shown} {key.hint}" for key in keys_of(["services", "main"]) if key.hint)
    assert len(hints) <= 78
