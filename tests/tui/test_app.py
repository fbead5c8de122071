"""Tests of the way in, of what holds on every screen, and of the way out."""

import pytest

from stack_local.domain import errors
from stack_local.domain.secrets import Secret
from stack_local.wire.intents import ListIntents
from stack_local.wire.vault import CreateSession, CreateVault, GetStatus, LockVault, UnlockVault
from tests.tui.driving import LARGE, SMALL, opened, started, unlock
from tests.tui.world import PASSPHRASE, RECOVERY_CODE, SESSION, World, decision, intent
from tui.screens.approvals import ApprovalsScreen
from tui.screens.setup import SetupScreen
from tui.screens.unlock import UnlockScreen


@pytest.mark.parametrize("state", ["sealed", "locked"])
async def test_a_closed_vault_is_unlocked_with_the_passphrase(state: str) -> None:
    world = World(state=state)
    async with started(world) as driven:
        assert isinstance(driven.app.screen, UnlockScreen)
        await unlock(driven)
        await driven.until(lambda: isinstance(driven.app.screen, ApprovalsScreen))
        assert world.asked(UnlockVault)[0].passphrase.get_secret_value() == PASSPHRASE
        assert world.client.session == Secret(SESSION)


async def test_an_open_vault_asks_for_a_session_of_its_own() -> None:
    world = World(state="unlocked")
    async with started(world) as driven:
        await unlock(driven)
        assert len(world.asked(CreateSession)) == 1
        assert not world.asked(UnlockVault)


async def test_a_wrong_passphrase_is_refused_and_cleared() -> None:
    world = World(state="locked")
    async with started(world) as driven:
        driven.fill("#secret", "wrong and long enough")
        await driven.press("enter")
        await driven.until_shown("that does not open the vault — try again in 2 s")
        assert world.client.session is None
        assert "wrong and long" not in driven.text


async def test_the_recovery_code_opens_too() -> None:
    world = World(state="sealed")
    async with started(world) as driven:
        await driven.press("ctrl+r")
        driven.fill("#secret", RECOVERY_CODE)
        await driven.press("enter")
        await driven.until(lambda: world.client.session is not None)
        assert world.asked(UnlockVault)[0].recovery_code.get_secret_value() == RECOVERY_CODE


async def test_a_typed_passphrase_never_stands_on_the_screen() -> None:
    async with started(World(state="locked")) as driven:
        await driven.press(*"hunter")
        assert "hunter" not in driven.text
        assert "••••••" in driven.text


async def test_set_up_makes_a_vault_and_lets_nobody_past_the_recovery_code() -> None:
    world = World(state="empty")
    async with started(world) as driven:
        assert isinstance(driven.app.screen, SetupScreen)
        driven.fill("#first", PASSPHRASE)
        driven.fill("#second", PASSPHRASE)
        await driven.press("enter", "enter")
        await driven.until_shown("7K2M - 9QXT")
        assert world.asked(CreateVault)[0].passphrase.get_secret_value() == PASSPHRASE
        driven.fill("#typed", "XXXX")
        await driven.press("enter")
        await driven.until_shown("that is not group")
        asked = driven.app.screen._asked  # type: ignore[attr-defined]
        assert f"Type group {asked + 1} of 9" in driven.text
        driven.fill("#typed", RECOVERY_CODE.split("-")[asked].lower())
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, ApprovalsScreen))
        assert "7K2M" not in driven.text
        assert world.client.session == Secret(SESSION)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [("short", "short", "at least 12"), (PASSPHRASE, PASSPHRASE + "x", "not the same")],
    ids=["too short", "two that differ"],
)
async def test_set_up_refuses_a_bad_passphrase(first: str, second: str, words: str) -> None:
    world = World(state="empty")
    async with started(world) as driven:
        driven.fill("#first", first)
        driven.fill("#second", second)
        await driven.press("enter", "enter")
        await driven.until_shown(words)
        assert not world.asked(CreateVault)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_main_screen_shows_its_place_and_the_status(size: tuple[int, int]) -> None:
    world = World()
    async with opened(world, size=size) as driven:
        for key, title in enumerate(("1 Approvals", "2 Audit", "3 Passports", "4 Services", "5 Agents"), start=1):
            await driven.press(str(key))
            await driven.until_shown(f"[{title}]")
            await driven.until_shown("127.0.0.1:7822 · unlocked · 0 pending · #0 9f8e7d6c · approvals advisory")


async def test_empty_screens_say_what_to_do() -> None:
    async with opened(World()) as driven:
        assert "Agents ask with stack_submit_intent" in driven.text
        for key, words in {"3": "No passport is good", "4": "Press c to connect", "5": "Press n to register"}.items():
            await driven.press(key)
            await driven.until_shown(words)


async def test_an_ended_session_asks_for_the_passphrase_and_keeps_the_place() -> None:
    world = World()
    world.intents = [intent(1), intent(2)]
    async with opened(world) as driven:
        await driven.press("down")
        world.refuse_session()
        world.changed()
        await driven.until(lambda: isinstance(driven.app.screen, UnlockScreen))
        assert "api.github.com" not in driven.text
        await unlock(driven)
        await driven.until(lambda: isinstance(driven.app.screen, ApprovalsScreen))
        assert driven.app.screen._queue.selected_id == intent(2).id


async def test_keys_do_nothing_behind_the_unlock_screen() -> None:
    world = World()
    world.intents = [intent(1)]
    async with opened(world) as driven:
        world.refuse_session()
        world.changed()
        await driven.until(lambda: isinstance(driven.app.screen, UnlockScreen))
        await driven.press_armed("tab", "a", "enter", "r", "enter", "3")
        assert isinstance(driven.app.screen, UnlockScreen)
        assert {type(asked).__name__ for asked in world.client.asked} <= {
            "GetStatus", "GetHealth", "CreateSession", "ListIntents", "ListPendingDecisions"
        }  # fmt: skip


async def test_locking_returns_to_the_unlock_screen() -> None:
    world = World()
    async with opened(world) as driven:
        await driven.press("ctrl+l")
        await driven.until(lambda: isinstance(driven.app.screen, UnlockScreen))
        assert len(world.asked(LockVault)) == 1
        assert world.client.session is None


async def test_a_vault_locked_elsewhere_covers_the_screen() -> None:
    world = World()
    world.intents = [intent(1)]
    async with opened(world) as driven:
        world.state = "locked"
        world.changed()
        await driven.until(lambda: isinstance(driven.app.screen, UnlockScreen))


async def test_a_lost_connection_is_said_and_survived() -> None:
    world = World()
    async with opened(world) as driven:
        status = world.client._answers[GetStatus]

        def nobody(_: GetStatus) -> object:
            raise errors.Unavailable("no appliance answers")

        world.client.answer(GetStatus, nobody)  # type: ignore[arg-type]  # it only raises
        world.changed()
        await driven.until_shown("connection lost, retrying in")
        world.client.answer(GetStatus, status)
        await driven.until_shown("unlocked · 0 pending")


async def test_an_answer_nobody_foresaw_leaves_the_screen_standing() -> None:
    world = World()
    world.intents = [intent(1)]
    async with opened(world) as driven:

        def broken(_: ListIntents) -> object:
            raise ZeroDivisionError

        world.client.answer(ListIntents, broken)  # type: ignore[arg-type]  # it only raises
        world.changed()
        await driven.until_shown("does not understand")
        assert "POST to api.github.com" in driven.text


async def test_quitting_asks_while_decisions_wait() -> None:
    world = World()
    world.intents = [intent(1)]
    async with opened(world) as driven:
        await driven.press("ctrl+c")
        await driven.until_shown("1 decision waits")
        await driven.press("escape")
        assert driven.app.is_running
        await driven.press("ctrl+q")
        await driven.press("tab", "enter")
        await driven.until(lambda: not driven.app.is_running)


async def test_quitting_asks_where_the_server_would_end_too() -> None:
    async with opened(World(), ends_appliance=True) as driven:
        await driven.press("ctrl+q")
        await driven.until_shown("agents are refused")
        await driven.press("escape")
        assert driven.app.is_running
        await driven.press("ctrl+q")
        await driven.until_shown("agents are refused")
        await driven.press("ctrl+q")
        await driven.until(lambda: not driven.app.is_running)


async def test_quitting_before_anybody_unlocked_just_quits() -> None:
    async with started(World(state="locked"), ends_appliance=True) as driven:
        await driven.press("ctrl+q")
        await driven.until(lambda: not driven.app.is_running)


async def test_quitting_with_nothing_waiting_just_quits() -> None:
    async with opened(World()) as driven:
        await driven.press("ctrl+q")
        await driven.until(lambda: not driven.app.is_running)


async def test_a_new_decision_rings_and_notifies_once_a_minute() -> None:
    told: list[tuple[str, str]] = []
    world = World()
    async with opened(world, desktop_notify=lambda title, body: told.append((title, body))) as driven:
        world.intents = [intent(1)]
        world.changed()
        await driven.until(lambda: len(told) == 1)
        world.decisions = [decision()]
        world.changed()
        await driven.until_shown("2 pending")
        driven.clock.advance(60)
        world.intents = [intent(1), intent(2)]
        world.changed()
        await driven.until(lambda: len(told) == 2)
    assert told == [
        ("stack_local", "1 decision waits, newest for custom_github"),
        ("stack_local", "3 decisions wait, newest for custom_github"),
    ]


async def test_the_help_lists_every_key_and_the_palette_runs_one() -> None:
    async with opened(World()) as driven:
        await driven.press("question_mark")
        await driven.until_shown("Approve the call shown")
        await driven.press("escape", "ctrl+p")
        await driven.press(*"audit log")
        await driven.pilot.pause(0.3)
        await driven.press("enter")
        await driven.until_shown("[2 Audit]")


async def test_only_the_visible_screen_asks_again() -> None:
    world = World()
    async with opened(world) as driven:
        await driven.press("5")
        await driven.until_shown("[5 Agents]")
        before = len(world.asked(ListIntents))
        await driven.changed()
        assert len(world.asked(ListIntents)) == before


async def test_a_paste_brings_no_control_characters_into_a_field() -> None:
    from textual.events import Paste

    async with started(World(state="locked")) as driven:
        driven.app.post_message(Paste("pass\x1b[31m\u202eword"))
        await driven.pilot.pause()
        assert driven.app.screen._secret.value == "pass[31mword"  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (300, 100)])
async def test_odd_sizes_do_not_break_a_screen(size: tuple[int, int]) -> None:
    world = World()
    world.intents = [intent(1)]
    async with opened(world) as driven:
        await driven.pilot.resize_terminal(*size)
        for key in "12345":
            await driven.press(key)
        await driven.pilot.resize_terminal(*SMALL)
        await driven.press("1")
        await driven.until_shown("POST to api.github.com")
