"""Tests of the list one picks a service from."""

import pytest

from tests.tui.driving import LARGE, SMALL, Driven, opened
from tests.tui.offers import Offers, jira, template
from tests.tui.payloads import PAYLOADS
from tui.screens.choose_service import ChooseServiceScreen
from tui.screens.connect import ConnectScreen
from tui.screens.connect_known import ConnectKnownScreen

CATALOGUE = [template(), jira(), template("way_to_send", name="Bearer token", is_service=False, hosts=[])]


async def choosing(driven: Driven) -> None:
    await driven.press("4", "c")
    await driven.until_shown("atlassian")


@pytest.mark.parametrize("size", [SMALL, (120, 36)], ids=["small", "large"])
async def test_every_service_stands_with_hosts_and_verdict(size: tuple[int, int]) -> None:
    async with opened(Offers(*CATALOGUE), size=size) as driven:
        await choosing(driven)
        rows = [line for line in driven.lines if "verified" in line]
        assert "api.github.com uploads.github.com" in rows[0]
        assert [row.split()[-2] for row in rows] == ["verified", "unverified"]
        assert "Bearer token" not in driven.text
        assert "▸ Custom…" in driven.text


async def test_typing_narrows_and_enter_takes_what_was_found() -> None:
    async with opened(Offers(*CATALOGUE)) as driven:
        await choosing(driven)
        await driven.press(*"ATLAS")
        await driven.until(lambda: "api.github.com" not in driven.text)
        assert "Custom…" in driven.text
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, ConnectKnownScreen))
        await driven.until_shown("Connect Jira · unverified")


async def test_custom_is_on_top_and_taken_by_enter() -> None:
    async with opened(Offers(*CATALOGUE)) as driven:
        await choosing(driven)
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, ConnectScreen))


async def test_the_arrows_move_while_the_typing_stays() -> None:
    async with opened(Offers(*CATALOGUE)) as driven:
        await choosing(driven)
        await driven.press("down", "down", "up", "enter")
        await driven.until_shown("Connect GitHub · verified")


async def test_leaving_connects_nothing() -> None:
    async with opened(Offers(*CATALOGUE)) as driven:
        await choosing(driven)
        await driven.press("escape")
        await driven.until(lambda: not isinstance(driven.app.screen, ChooseServiceScreen))


@pytest.mark.parametrize("name", ["osc 52 clipboard", "markup click", "bidi override", "200 line breaks"])
async def test_a_template_in_hostile_words_is_drawn_harmlessly(name: str) -> None:
    text = PAYLOADS[name]
    async with opened(Offers(template(name=text, hosts=[text]), jira()), size=LARGE) as driven:
        await choosing(driven)
        driven.check_clean()
        driven.check_picture()
