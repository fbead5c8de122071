"""Tests that nothing an agent, a service or a file wrote can draw on the screen or act from it."""

from typing import Any

import pytest

from stack_local.wire.intents import CallParameters
from tests.tui.driving import LARGE, SMALL, Driven, opened
from tests.tui.payloads import PAYLOADS
from tests.tui.world import (
    World,
    agent,
    call,
    connection,
    decision,
    entry,
    grant,
    identifier,
    intent,
    passport,
    simulation,
)
from tui.screens.agents import GRANTS_SHOWN
from tui.widgets.row_list import RowList

TEXTS = list(PAYLOADS.values())
DIALOGUE_PAYLOADS = (
    "osc 52 clipboard",
    "markup click",
    "markup broken",
    "a name of 200000 characters",
    "200 line breaks",
    "bidi override",
    "lone surrogate",
    "combining flood",
    "box imitating the frame",
    "wide glyphs",
)
QUIET = {"GetStatus", "GetHealth", "CreateSession", "ListIntents", "ListPendingDecisions"}
LISTS = {"ListAudit", "ListActivePassports", "ListConnections", "ListServices", "ListAgents", "GetAgentPermissions"}


def test_there_are_at_least_forty_payloads() -> None:
    assert len(PAYLOADS) >= 40


def hostile_intent(number: int, text: str) -> Any:
    """An approval in which every field that comes from outside holds the payload."""
    written = call(
        service=text, label=text, method=text[:40], url=text, host=text, path=text, query=text,
        headers={text: text}, content_type=text, body=text, body_sha256=text, digest=f"{number:064x}",
    )  # fmt: skip
    before = call(query="a", headers={}, body="{}", label="x", content_type="application/json")
    told = simulation(allowed=False, denial_reasons=[text], predicted_detector_fires=[text], diagnostics={text: text})
    words = {"agent_name": text, "session_id": text, "reason": text, "notes": text}
    return intent(number, call=written, last_similar=before, simulation=told, **words)


def hostile_world() -> World:
    world = World()
    numbered = list(enumerate(TEXTS, start=1))
    world.intents = [hostile_intent(number, text) for number, text in numbered]
    world.decisions = [
        decision(100 + number, operation=text, summary=text, asked_by=text, arguments={text: [text, {text: text}]})
        for number, text in numbered
    ]
    world.passports = [
        passport(
            number,
            agent_id=identifier("agt", number),
            agent_name=text,
            session_id=text or "s",
            services=[text],
            intent_summary=text,
        )
        for number, text in numbered
    ]
    world.connections = [
        connection(
            number,
            provider=text,
            name=text,
            description=text,
            account=text,
            hosts=[text],
            connected_by=text,
            scopes=[text],
        )
        for number, text in numbered
    ]
    world.agents = [
        agent(number, name=text, description=text, passport_blocked=True, passport_blocked_reason=text, icon_url=text)
        for number, text in numbered
    ]
    world.grants = [grant(service_name=text, scopes=[text]) for text in TEXTS[:GRANTS_SHOWN]]
    world.entries = [
        entry(
            number, actor=text, decided_by=text, action=text, subject=text, error_code=text, error_message=text,
            detail={text: text}, trace_id=text, passport_jti=text, agent_id=text, entry_hash=text, prev_entry_hash=text,
        )
        for number, text in numbered
    ]  # fmt: skip
    return world


async def walk(driven: Driven, steps: int) -> None:
    """Down through every row, looking at each."""
    driven.check_picture()
    rows = driven.app.screen.query_one(RowList)
    for _ in range(min(steps, rows.option_count)):
        driven.check_clean()
        await down(driven, rows)
    await driven.pilot.pause()
    driven.check_clean()
    driven.check_picture()


async def down(driven: Driven, rows: RowList) -> None:
    """To the next row, and through all that follows from it."""
    rows.action_cursor_down()
    for _ in range(2):
        await driven.pilot.pause(0)


def check_quiet(driven: Driven) -> None:
    """Nothing was asked but lists, and the app lives."""
    assert driven.app.is_running
    assert {type(asked).__name__ for asked in driven.world.client.asked} <= QUIET | LISTS


@pytest.mark.parametrize(("size", "steps"), [(SMALL, 2 * len(TEXTS)), (LARGE, 20)], ids=["small", "large"])
async def test_the_queue_draws_every_payload_harmlessly(size: tuple[int, int], steps: int) -> None:
    async with opened(hostile_world(), size=size) as driven:
        await walk(driven, steps)
        check_quiet(driven)


@pytest.mark.parametrize("key", ["2", "3", "4", "5"])
async def test_every_other_screen_draws_every_payload_harmlessly(key: str) -> None:
    async with opened(hostile_world()) as driven:
        await driven.press(key)
        await driven.until(lambda: len(driven.world.client.asked) > 5)
        await driven.pilot.pause()
        await walk(driven, 2 * len(TEXTS))
        check_quiet(driven)


@pytest.mark.parametrize("name", DIALOGUE_PAYLOADS)
async def test_every_dialogue_draws_a_payload_harmlessly(name: str) -> None:
    world = World()
    world.intents = [hostile_intent(1, PAYLOADS[name])]
    async with opened(world) as driven:
        for key in ("a", "e", "s", "r", "B", "x"):
            await driven.press_armed(key)
            driven.check_clean()
            driven.check_picture()
            await driven.press("escape")
        check_quiet(driven)


@pytest.mark.parametrize("key", ["R", "g", "D", "h", "w", "k", "p", "u"])
async def test_every_question_draws_payloads_harmlessly(key: str) -> None:
    text = "\x1b]52;c;x\x07[@click=app.exit()]x[/]\u202e"
    world = World()
    world.passports = [passport(1, agent_name=text, session_id=text)]
    world.agents = [agent(1, name=text, passport_blocked=True)]
    world.connections = [connection(1, name=text, account=text)]
    async with opened(world) as driven:
        await driven.press({"R": "3", "D": "4", "h": "4"}.get(key, "5"))
        await driven.until_shown("<U+001B>")
        await driven.press(key)
        await driven.pilot.pause()
        driven.check_clean()
        driven.check_picture()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_clicking_on_markup_does_nothing(size: tuple[int, int]) -> None:
    world = World()
    world.intents = [hostile_intent(1, PAYLOADS["markup click"])]
    async with opened(world, size=size) as driven:
        for y in range(2, size[1] - 3, 2):
            await driven.pilot.click(offset=(14, y))
        check_quiet(driven)


async def test_a_hostile_queue_keeps_keys_and_status_in_place() -> None:
    async with opened(hostile_world()) as driven:
        for _ in range(len(TEXTS)):
            assert driven.lines[-2].startswith(" a approve  e edit  s send back  r reject  B block")
            assert "approvals advisory" in driven.lines[-1]
            await down(driven, driven.app.screen.query_one(RowList))


async def test_a_frame_drawn_by_an_agent_stays_inside_its_box() -> None:
    world = World()
    world.intents = [intent(1, reason=PAYLOADS["box imitating the frame"])]
    async with opened(world, size=LARGE) as driven:
        inside = [line for line in driven.lines if "APPROVED" in line]
        assert inside
        assert all(line.lstrip().startswith("█") and "<U+2502>" in line for line in inside)


async def test_a_refusal_in_hostile_words_is_drawn_harmlessly() -> None:
    from stack_local.domain import errors
    from stack_local.wire.intents import RejectIntent

    world = World()
    world.intents = [intent(1)]

    def refuse(_: RejectIntent) -> Any:
        raise errors.Forbidden(PAYLOADS["csi clear screen"], hint=PAYLOADS["markup click"])

    world.client.answer(RejectIntent, refuse)
    async with opened(world) as driven:
        await driven.press_armed("r", "enter")
        await driven.until_shown("✗ refused: <U+001B>")
        driven.check_clean()


async def test_a_hostile_alarm_and_address_stay_on_one_line() -> None:
    world = World()
    world.status = {"alarm": PAYLOADS["200 line breaks"], "base_url": "http://" + PAYLOADS["csi cursor up"]}
    async with opened(world) as driven:
        await driven.until_shown("! ALARM: x⏎x")
        driven.check_clean()


def test_no_field_of_parameters_is_forgotten() -> None:
    assert set(CallParameters.model_fields) == {"query", "headers", "body"}
