"""Tests of the dialogue in which a client is let in."""

from stack_local.domain.consents import Posture
from stack_local.wire.consents import GiveConsent
from tests.tui.driving import Driven, opened
from tests.tui.test_clients import world
from tests.tui.world import identifier


async def opened_dialogue(driven: Driven) -> None:
    await driven.press("6")
    await driven.until_shown("WAITS")
    await driven.press("a")
    await driven.until_shown("Let Claude Code in?")


async def test_the_dialogue_says_who_asks_where_the_answer_goes_and_starts_on_nothing() -> None:
    async with opened(world()) as driven:
        await opened_dialogue(driven)
        assert "Any program of this machine may listen there" in driven.text
        assert "▸ Decide nothing" in driven.text
        await driven.press_armed("enter")
        assert not driven.world.asked(GiveConsent)


async def test_a_client_is_let_in_as_a_new_agent_with_what_was_chosen() -> None:
    async with opened(world()) as driven:
        await opened_dialogue(driven)
        await driven.press("up", "space", "space")
        await driven.until_shown("reads, and asks you before it writes")
        await driven.press("end")
        await driven.press_armed("enter")
        await driven.until(lambda: bool(driven.world.asked(GiveConsent)))
        asked = driven.world.asked(GiveConsent)[0]
        assert (asked.request_id, asked.agent_id) == (identifier("azr", 1), None)
        assert asked.postures == {identifier("scon", 1): Posture.ASK}
        await driven.until_shown("let in; the client goes on by itself")


async def test_a_key_pressed_as_the_dialogue_opens_lets_nobody_in() -> None:
    async with opened(world()) as driven:
        await opened_dialogue(driven)
        await driven.press("end", "enter")
        await driven.until_shown("arming")
        assert not driven.world.asked(GiveConsent)


async def test_a_client_may_stand_for_an_agent_that_is_there() -> None:
    async with opened(world()) as driven:
        await opened_dialogue(driven)
        await driven.press("g")
        await driven.until_shown("As which agent?")
        await driven.press("down", "enter")
        await driven.press("end")
        await driven.press_armed("enter")
        await driven.until(lambda: bool(driven.world.asked(GiveConsent)))
        assert driven.world.asked(GiveConsent)[0].agent_id == identifier("agt", 1)


async def test_a_client_that_names_itself_by_an_address_is_shown_with_it() -> None:
    async with opened(world(client_id="https://client.test/oauth.json")) as driven:
        await opened_dialogue(driven)
        assert "https://client.test/oauth.json" in driven.text
