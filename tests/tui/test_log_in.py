"""Tests of a log-in at a service: what is shown, and how it ends."""

import pytest

from stack_local.wire.connecting import ConnectService, GetConnectAttempt
from tests.tui.driving import Driven, opened
from tests.tui.offers import Offers, attempt
from tests.tui.payloads import PAYLOADS
from tui.screens.log_in import LogInScreen


async def at_log_in(driven: Driven) -> None:
    driven.app.push_screen(LogInScreen(driven.world.client, attempt().id))
    await driven.until(lambda: bool(driven.world.asked(GetConnectAttempt)))
    await driven.pilot.pause()


async def test_a_code_is_shown_with_the_page_it_is_typed_at() -> None:
    world = Offers()
    world.attempt = attempt(user_code="K7QX-M2PD", verification_uri="https://github.com/login/device")
    async with opened(world) as driven:
        await at_log_in(driven)
        await driven.until_shown("Open https://github.com/login/device")
        await driven.until_shown("and type there K7QX-M2PD")
        assert not world.asked(ConnectService)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "failed", "reason": "access_denied"}, "It was refused: access_denied"),
        ({"status": "expired"}, "It is over"),
        ({"status": "redeeming"}, "You are back"),
    ],
    ids=["refused", "over", "on its way"],
)
async def test_how_it_stands_is_said_in_words(changes: dict[str, str], words: str) -> None:
    world = Offers()
    async with opened(world) as driven:
        await at_log_in(driven)
        await driven.until_shown("It waits for you. Until 12:10")
        world.attempt = attempt(**changes)
        await driven.press("enter")
        await driven.until_shown(words)
        assert ("Open this address" in driven.text) == (changes["status"] == "redeeming")


async def test_a_change_at_the_appliance_is_looked_at_at_once() -> None:
    world = Offers()
    async with opened(world) as driven:
        await at_log_in(driven)
        world.attempt = attempt(status="expired")
        await driven.changed()
        await driven.until_shown("It is over")


@pytest.mark.parametrize("name", ["osc 8 hyperlink", "markup link", "bidi override", "200 line breaks"])
async def test_what_the_service_wrote_is_drawn_harmlessly(name: str) -> None:
    text = PAYLOADS[name]
    world = Offers()
    world.attempt = attempt(reason=text, authorization_url=text, user_code=text, verification_uri=text)
    async with opened(world) as driven:
        await at_log_in(driven)
        driven.check_clean()
        driven.check_picture()
        world.attempt = attempt(status="failed", reason=text)
        await driven.press("enter")
        await driven.until_shown("It was refused")
        driven.check_clean()
