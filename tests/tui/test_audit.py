"""Tests of the live tail."""

from stack_local.domain.audit import Outcome
from stack_local.wire.audit import ListAudit
from tests.tui.driving import Driven, opened
from tests.tui.world import World, entry
from tui.screens.audit import WINDOW, AuditScreen


async def tail(driven: Driven) -> AuditScreen:
    await driven.press("2")
    await driven.until(lambda: bool(driven.world.asked(ListAudit)))
    await driven.pilot.pause()
    screen = driven.app.screen
    assert isinstance(screen, AuditScreen)
    return screen


async def test_new_entries_come_on_top_and_only_they_are_asked_for() -> None:
    world = World()
    world.entries = [entry(1), entry(2, action="passport.issue")]
    async with opened(world) as driven:
        screen = await tail(driven)
        world.entries.append(entry(3, action="intent.submit"))
        world.changed()
        await driven.until_shown("intent.submit")
        assert world.asked(ListAudit)[-1].after_sequence == 2
        assert screen._list.selected_id == "3"


async def test_a_cursor_that_was_moved_stays_on_its_entry() -> None:
    world = World()
    world.entries = [entry(1), entry(2)]
    async with opened(world) as driven:
        screen = await tail(driven)
        await driven.press("down")
        world.entries.append(entry(3))
        world.changed()
        await driven.until(lambda: screen._list.option_count == 3)
        assert screen._list.selected_id == "1"


async def test_the_filter_keeps_rows_that_hold_every_word() -> None:
    world = World()
    world.entries = [entry(1, action="passport.issue"), entry(2, outcome=Outcome.BLOCKED), entry(3)]
    async with opened(world) as driven:
        screen = await tail(driven)
        await driven.press("slash", *"proxy refused", "enter")
        await driven.until_shown("(1 of the last 3)")
        assert screen._list.selected_id == "2"
        assert "REFUSED" in driven.text


async def test_the_window_is_bounded() -> None:
    world = World()
    async with opened(world) as driven:
        screen = await tail(driven)
        for start in range(0, 700, 70):
            world.entries += [entry(start + number) for number in range(1, 71)]
            world.changed()
            await driven.until(lambda last=world.entries[-1]: bool(screen._entries) and screen._entries[0] == last)  # type: ignore[misc]
        assert len(screen._entries) == WINDOW
        assert screen._list.option_count == WINDOW


async def test_a_burst_beyond_one_page_leaves_no_false_neighbors() -> None:
    world = World()
    world.entries = [entry(1)]
    async with opened(world) as driven:
        screen = await tail(driven)
        world.entries += [entry(number) for number in range(2, 402)]
        world.changed()
        await driven.until(lambda: screen._entries[0].sequence == 401)
        assert [held.sequence for held in screen._entries] == list(range(401, 301, -1))


async def test_verifying_tells_the_verdict() -> None:
    world = World()
    world.entries = [entry(1), entry(2)]
    async with opened(world) as driven:
        await tail(driven)
        await driven.press("v")
        await driven.until_shown("the chain holds: 2 entries up to #2")
