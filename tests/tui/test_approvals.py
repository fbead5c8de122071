"""Tests of the queue: what is shown, what arms, and which request each key sends."""

from datetime import timedelta
from typing import Any

import pytest

from stack_local.domain import errors
from stack_local.domain.approvals import Breadth
from stack_local.wire.decisions import ApproveDecision, RejectDecision
from stack_local.wire.intents import ApproveIntent, RejectIntent, SendBackIntent
from tests.tui.driving import LARGE, SMALL, Driven, opened
from tests.tui.world import NOW, World, call, decision, intent
from tui.screens.approvals import ApprovalsScreen
from tui.screens.approve_dialogue import ApproveDialogue
from tui.screens.bytes import BytesScreen
from tui.screens.edit import EditScreen

BIG = call(body='{"rows":"' + "a" * 200_000 + '","amount":10000}', digest="ef" * 32)
DECISIONS = (ApproveIntent, RejectIntent, SendBackIntent, ApproveDecision, RejectDecision)


def world_of(*intents: Any) -> World:
    world = World()
    world.intents = list(intents)
    return world


def decided(world: World) -> list[Any]:
    return [asked for asked in world.client.asked if isinstance(asked, DECISIONS)]


async def read_to_the_end(driven: Driven) -> None:
    for _ in range(8):
        await driven.press("space")


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("body", [call(), BIG], ids=["a small body", "a body of 200 kB"])
async def test_the_decisive_facts_and_the_keys_stand_there_without_scrolling(size: tuple[int, int], body: Any) -> None:
    waiting = intent(
        1, call=body, identical_call_at=NOW - timedelta(seconds=12), last_similar=call(body='{"amount":10}')
    )
    async with opened(world_of(waiting, *(intent(number) for number in range(2, 12))), size=size) as driven:
        await driven.press_armed("home")
        for words in (
            "POST to api.github.com", "/repos/acme/site/issues", "JSON body", "github · octocat", "release-bot",
            "23 h 59 min left", "would go out after your yes", "an identical call ran",
            "a approve", "r reject", "B block", "amount: 10 → 10000",
        ):  # fmt: skip
            assert words in driven.text, words


async def test_the_agents_words_stand_apart_below_the_facts_with_a_label() -> None:
    async with opened(world_of(intent(1, reason="refund of 1 EUR")), size=LARGE) as driven:
        lines = driven.lines
        label = next(at for at, line in enumerate(lines) if "from the agent, not checked" in line)
        facts = next(at for at, line in enumerate(lines) if "Dry run" in line)
        words = next(at for at, line in enumerate(lines) if "refund of 1 EUR" in line)
        assert facts < label < words
        assert not lines[words].startswith(("r", " r"))


async def test_approve_once_takes_two_keys_and_binds_id_and_digest() -> None:
    world = world_of(intent(1), intent(2, call=call(digest="cd" * 32)))
    async with opened(world) as driven:
        await driven.press("down")
        await read_to_the_end(driven)
        await driven.press_armed("a")
        assert not decided(world)
        await driven.press_armed("enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world) == [ApproveIntent(approval_id=intent(2).id, digest="cd" * 32, breadth=Breadth.ONCE)]
        await driven.until_shown("✓ approved")


async def test_approve_n_times_sends_the_number() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("a", "down", "enter")
        driven.fill("#number", "7")
        await driven.until_shown("up to 7 times")
        await driven.press("enter")
        await driven.until(lambda: bool(decided(world)))
        sent = decided(world)[0]
        assert (sent.breadth, sent.uses, sent.valid_seconds) == (Breadth.USES, 7, None)


@pytest.mark.parametrize("typed", ["0", "101", ""])
async def test_a_number_out_of_bounds_is_not_sent(typed: str) -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await driven.press_armed("a", "down", "enter")
        driven.fill("#number", typed)
        await driven.press("enter")
        await driven.until_shown("a number from 1 to 100")
        assert not decided(world)


async def test_approve_for_a_time_sends_seconds() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("a", "down", "down", "enter", "enter")
        await driven.until(lambda: bool(decided(world)))
        assert (decided(world)[0].breadth, decided(world)[0].valid_seconds) == (Breadth.TIME, 900)


async def test_approve_for_the_session_asks_again_with_the_focus_on_no() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("a", "down", "down", "down", "enter", "enter")
        assert not decided(world)
        await driven.press_armed("enter", "tab", "enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world)[0].breadth is Breadth.SESSION


async def test_a_body_not_seen_to_its_end_takes_another_key() -> None:
    world = world_of(intent(1, call=BIG))
    async with opened(world) as driven:
        await driven.press_armed("a")
        await driven.until_shown("You have not seen all of it")
        await driven.press_armed("enter")
        await driven.until_shown("Approve all the same?")
        await driven.press_armed("enter")
        assert not decided(world)
        await driven.press_armed("enter", "tab", "enter")
        await driven.until(lambda: bool(decided(world)))


async def test_seeing_every_byte_is_enough() -> None:
    world = world_of(intent(1, call=BIG))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("x")
        await driven.until(lambda: isinstance(driven.app.screen, BytesScreen))
        assert "00000000  50 4f 53 54" in driven.text
        await driven.press("end")
        await driven.until_shown('nt":10000}')
        await driven.press("escape")
        await driven.press_armed("a", "enter")
        await driven.until(lambda: bool(decided(world)))


async def test_a_row_that_just_appeared_takes_no_decision_key() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        for key in ("a", "e", "s", "r", "B"):
            await driven.press(key)
            assert isinstance(driven.app.screen, ApprovalsScreen), key
        await driven.until_shown("arming… this row has just appeared")


@pytest.mark.parametrize("key", ["a", "r"])
async def test_a_row_that_stood_still_takes_a_decision_key(key: str) -> None:
    async with opened(world_of(intent(1))) as driven:
        await driven.press_armed(key)
        assert not isinstance(driven.app.screen, ApprovalsScreen)


async def test_a_row_that_moves_under_the_cursor_is_not_decided() -> None:
    world = world_of(intent(5), intent(6))
    async with opened(world) as driven:
        driven.clock.advance(1)
        world.intents = [intent(1), intent(5), intent(6)]
        await driven.changed()
        await driven.press("a")
        assert isinstance(driven.app.screen, ApprovalsScreen)
        assert driven.app.screen._queue.selected_id == intent(5).id


async def test_a_row_that_takes_the_place_of_a_gone_one_is_not_decided() -> None:
    world = world_of(intent(1), intent(2))
    async with opened(world) as driven:
        driven.clock.advance(1)
        world.intents = [intent(2)]
        await driven.changed()
        await driven.press("a")
        assert isinstance(driven.app.screen, ApprovalsScreen)
        await driven.press_armed("a")
        assert isinstance(driven.app.screen, ApproveDialogue)


async def test_a_call_that_changes_under_the_cursor_is_armed_anew() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        driven.clock.advance(1)
        world.intents = [intent(1, call=call(path="/other", digest="ee" * 32))]
        await driven.changed()
        await driven.press("a")
        assert isinstance(driven.app.screen, ApprovalsScreen)


async def test_a_refresh_that_changes_nothing_keeps_it_armed() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        driven.clock.advance(1)
        await driven.changed()
        await driven.press("a")
        assert isinstance(driven.app.screen, ApproveDialogue)


async def test_an_open_dialogue_decides_what_it_was_opened_for() -> None:
    world = world_of(intent(1), intent(2))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("a")
        world.intents = [intent(2)]
        world.changed()
        await driven.press_armed("enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world)[0].approval_id == intent(1).id
        await driven.until_shown("✗ refused: it is decided already")


async def test_the_dialogue_itself_is_armed_against_a_held_key() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("a")
        await driven.press("enter", "enter")
        await driven.until_shown("arming…")
        assert not decided(world)


async def test_no_single_key_decides() -> None:
    world = world_of(intent(1))
    world.decisions = [decision()]
    async with opened(world) as driven:
        for key in ("a", "e", "s", "r", "B", "x", "enter", "space", "y", "delete", "tab"):
            await driven.press_armed(key)
            assert not decided(world), key
            if not isinstance(driven.app.screen, ApprovalsScreen):
                await driven.press("escape")


async def test_a_pasted_line_break_decides_nothing() -> None:
    from textual.events import Paste

    world = world_of(intent(1))
    async with opened(world) as driven:
        await driven.press_armed("a")
        driven.clock.advance(1)
        driven.app.post_message(Paste("\n\na\n"))
        await driven.pilot.pause()
        assert not decided(world)


async def test_sending_back_needs_a_note() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await driven.press_armed("s", "enter")
        await driven.until_shown("say what should be different")
        driven.fill("#note", "name the customer")
        await driven.press("enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world) == [SendBackIntent(approval_id=intent(1).id, notes="name the customer")]


async def test_rejecting_says_what_falls_and_sends_the_note() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await driven.press_armed("r")
        await driven.until_shown("The passport of release-bot is revoked")
        await driven.press("enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world) == [RejectIntent(approval_id=intent(1).id, notes=None, block_future=False)]


async def test_rejecting_and_blocking_needs_the_typed_word() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await driven.press_armed("B", "enter", "enter")
        await driven.until_shown("type block, or press Esc")
        assert not decided(world)
        driven.fill("#word", "block")
        await driven.press("enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world)[0].block_future is True


async def test_edits_show_their_difference_and_go_out_with_the_yes() -> None:
    world = world_of(intent(1))
    async with opened(world) as driven:
        await read_to_the_end(driven)
        await driven.press_armed("e")
        screen = driven.app.screen
        assert isinstance(screen, EditScreen)
        screen._body.text = screen._body.text.replace("10000", "10")
        await driven.until_shown("amount: 10000 → 10")
        await driven.press("ctrl+s")
        await driven.until_shown("With your edits:")
        await driven.press_armed("enter")
        await driven.until(lambda: bool(decided(world)))
        sent = decided(world)[0]
        assert sent.digest == "ab" * 32
        body = {"title": "The footer is broken", "amount": 10, "labels": ["bug", "site"]}
        assert sent.edits.model_dump(exclude_unset=True) == {"body": body}


async def test_edits_that_are_no_json_do_not_go_on() -> None:
    async with opened(world_of(intent(1))) as driven:
        await driven.press_armed("e")
        screen = driven.app.screen
        assert isinstance(screen, EditScreen)
        screen._body.text = "{oops"
        await driven.press("ctrl+s")
        await driven.until_shown("body is not JSON")
        assert driven.app.screen is screen


async def test_a_change_of_controls_waits_in_the_same_queue_and_is_allowed() -> None:
    world = world_of(intent(1))
    world.decisions = [decision(50)]
    async with opened(world) as driven:
        assert "call " in driven.text
        assert "control let release-bot use github" in driven.text
        await driven.press("down")
        await driven.until_shown("Change of controls: grant_agent_access")
        await driven.press_armed("a", "enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world) == [ApproveDecision(approval_id=decision(50).id)]


async def test_a_change_of_controls_is_rejected_without_revoking() -> None:
    world = world_of()
    world.decisions = [decision(50)]
    async with opened(world) as driven:
        await driven.press_armed("r")
        await driven.until_shown("Nothing is revoked")
        await driven.press("enter")
        await driven.until(lambda: bool(decided(world)))
        assert decided(world) == [RejectDecision(approval_id=decision(50).id)]


async def test_a_refused_decision_is_told_with_its_hint() -> None:
    world = world_of(intent(1))

    def refuse(_: RejectIntent) -> Any:
        raise errors.Forbidden("not now", hint="ask again")

    world.client.answer(RejectIntent, refuse)
    async with opened(world) as driven:
        await driven.press_armed("r", "enter")
        await driven.until_shown("✗ refused: not now — ask again")


async def test_a_hundred_waiting_calls_leave_the_keys_on_the_screen() -> None:
    world = world_of(*(intent(number) for number in range(1, 101)))
    async with opened(world) as driven:
        await driven.press("end")
        assert "a approve" in driven.text
        assert "POST to api.github.com" in driven.text
        assert driven.app.screen._queue.selected_id == intent(100).id  # type: ignore[attr-defined]
