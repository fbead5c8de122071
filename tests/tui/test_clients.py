"""Tests of letting OAuth clients in, and of taking it back."""

from typing import Any

import pytest

from stack_local.wire.consents import ConsentRequest, EnterDeviceCode, RefuseConsent, RevokeConsent
from tests.tui.driving import opened
from tests.tui.payloads import PAYLOADS
from tests.tui.test_hostile_text import DIALOGUE_PAYLOADS
from tests.tui.world import World, agent, connection, consent, consent_request, identifier


def world(**changes: Any) -> World:
    made = World()
    made.requests = [consent_request(1, **changes)]
    made.connections = [connection(1)]
    made.agents = [agent(1)]
    return made


async def test_a_log_in_is_announced_on_every_screen_and_named_on_its_own() -> None:
    async with opened(world()) as driven:
        await driven.until_shown("6 Clients (1)")
        await driven.press("6")
        await driven.until_shown("tag K7QX")
        assert "localhost:51234" in driven.text
        assert "it may see which services are connected" in driven.text


async def test_a_client_is_refused_by_one_key() -> None:
    async with opened(world()) as driven:
        await driven.press("6")
        await driven.until_shown("WAITS")
        await driven.press("r")
        await driven.until(lambda: bool(driven.world.asked(RefuseConsent)))
        await driven.until_shown("No client was let in")


async def test_a_log_in_past_its_time_goes_from_the_screen() -> None:
    async with opened(world()) as driven:
        await driven.press("6")
        await driven.until_shown("WAITS")
        driven.clock.advance(601)
        await driven.until_shown("No client was let in")


async def test_revoking_says_first_what_falls() -> None:
    made = world()
    made.requests, made.consents = [], [consent(1)]
    async with opened(made) as driven:
        await driven.press("6")
        await driven.until_shown("Codex")
        await driven.press("R")
        await driven.until_shown("and so do the passports")
        await driven.press("right", "enter")
        await driven.until(lambda: bool(driven.world.asked(RevokeConsent)))
        assert driven.world.asked(RevokeConsent)[0].consent_id == identifier("cns", 1)


async def test_a_code_that_a_command_shows_is_typed_here() -> None:
    async with opened(world()) as driven:
        await driven.press("6")
        await driven.until_shown("WAITS")
        await driven.press("c", *"bcdf-2345", "enter")
        await driven.until(lambda: bool(driven.world.asked(EnterDeviceCode)))
        assert driven.world.asked(EnterDeviceCode)[0].user_code == "bcdf-2345"


async def test_what_clients_call_themselves_draws_nothing() -> None:
    made = World()
    made.requests = [hostile_request(number, text) for number, text in enumerate(PAYLOADS.values(), 1)]
    made.consents = [
        consent(number, client_name=text, agent_name=text, redirect_uri=text)
        for number, text in enumerate(PAYLOADS.values(), 1)
    ]
    async with opened(made) as driven:
        await driven.press("6")
        await driven.until_shown("WAITS")
        for _ in range(2 * len(PAYLOADS)):
            driven.check_clean()
            await driven.press("down")


@pytest.mark.parametrize("payload", DIALOGUE_PAYLOADS)
async def test_what_a_client_calls_itself_draws_nothing_in_the_dialogue(payload: str) -> None:
    made = world()
    made.requests = [hostile_request(1, PAYLOADS[payload])]
    async with opened(made) as driven:
        await driven.press("6")
        await driven.until_shown("WAITS")
        await driven.press("a")
        await driven.until_shown("Decide nothing")
        driven.check_clean()


def hostile_request(number: int, text: str) -> ConsentRequest:
    return consent_request(number, client_name=text, redirect_host=text, redirect_uri=text, scopes=[text])
