"""Writes of unknown outcome: the status bar says so, and a person says what became of each."""

from datetime import timedelta

import pytest

from stack_local.wire.proxy import SettleWrite, UnsettledWrite
from tests.tui.driving import opened
from tests.tui.world import NOW, World, identifier


def write(number: int, **said: str | None) -> UnsettledWrite:
    known = {
        "operation_id": identifier("opn", number),
        "agent_id": identifier("agt", 1),
        "agent_name": "helper",
        "service": "Stripe (acme)",
        "subject": "POST api.stripe.com/v1/refunds",
        "summary": "Refund 12.00 EUR of charge ch_1",
        "created_at": NOW - timedelta(minutes=number),
        "provider_request_id": "req_1",
        "error_message": "the connection broke",
        "request_id": None,
    }
    return UnsettledWrite.model_validate(known | said)


async def test_the_status_bar_says_that_writes_are_in_doubt() -> None:
    world = World()
    world.in_doubt = [write(1), write(2)]
    async with opened(world) as driven:
        await driven.until_shown("2 in doubt")


@pytest.mark.parametrize(("keys", "happened"), [(["enter"], True), (["down", "enter"], False)])
async def test_a_person_says_what_became_of_a_write(keys: list[str], happened: bool) -> None:
    world = World()
    world.in_doubt = [write(1)]
    async with opened(world) as driven:
        await driven.press("2", "o")
        await driven.until_shown("Refund 12.00 EUR of charge ch_1")
        await driven.press("enter")
        await driven.until_shown("Look at the service first")
        assert "the service calls it req_1" in driven.text
        await driven.press(*keys)
        await driven.until(lambda: bool(world.asked(SettleWrite)))
        assert world.asked(SettleWrite)[0].happened is happened
        await driven.until_shown("noted: it")


async def test_leaving_the_question_says_nothing() -> None:
    world = World()
    world.in_doubt = [write(1, summary=None)]
    async with opened(world) as driven:
        await driven.press("2", "o")
        await driven.until_shown("POST api.stripe.com/v1/refunds")
        await driven.press("enter")
        await driven.until_shown("Look at the service first")
        await driven.press("escape")
        await driven.pilot.pause()
        assert world.asked(SettleWrite) == []


async def test_without_writes_in_doubt_the_screen_says_so() -> None:
    async with opened(World()) as driven:
        await driven.press("2", "o")
        await driven.until_shown("no write is in doubt")


async def test_what_an_upstream_or_an_agent_wrote_draws_nothing() -> None:
    world = World()
    world.in_doubt = [write(1, summary="[red]Refund\x1b[2J[/]", error_message="\x1b]0;owned\x07")]
    async with opened(world) as driven:
        await driven.press("2", "o")
        await driven.until_shown("[red]Refund")
        await driven.press("enter")
        await driven.until_shown("Look at the service first")
        assert "\x1b" not in driven.text
