"""Tests of revoking: what falls is named, and the right request goes out."""

from typing import Any

import pytest

from stack_local.wire.passports import (
    ListActivePassports,
    RevokeAgentPassports,
    RevokeAllPassports,
    RevokePassport,
    RevokeSession,
)
from tests.tui.driving import Driven, opened
from tests.tui.world import World, child_passport, identifier, passport


async def tree_of(driven: Driven) -> None:
    await driven.press("3")
    await driven.until(lambda: bool(driven.world.asked(ListActivePassports)))
    await driven.until_shown("held by docs-bot")


def world() -> World:
    made = World()
    made.passports = [passport(1), child_passport(2, 1)]
    return made


@pytest.mark.parametrize(
    ("downs", "request_type", "identity"),
    [
        (0, RevokeAgentPassports, {"agent_id": identifier("agt", 1)}),
        (1, RevokeSession, {"session_id": identifier("ses", 1)}),
        (2, RevokePassport, {"jti": identifier("ppt", 1)}),
        (3, RevokePassport, {"jti": identifier("ppt", 2)}),
    ],
    ids=["agent", "session", "passport", "delegated passport"],
)
async def test_revoking_names_what_falls_and_asks_once(downs: int, request_type: Any, identity: dict[str, str]) -> None:
    made = world()
    async with opened(made) as driven:
        await tree_of(driven)
        await driven.press(*["down"] * downs, "R")
        await driven.until_shown("ppt_…0002 held by docs-bot")
        await driven.press("enter")
        assert not made.asked(request_type)
        await driven.press("R", "tab", "enter")
        await driven.until(lambda: bool(made.asked(request_type)))
        assert made.asked(request_type)[0].model_dump(include=set(identity)) == identity
        await driven.until_shown("✓ revoked")


async def test_revoking_everything_needs_the_typed_word() -> None:
    made = world()
    async with opened(made) as driven:
        await tree_of(driven)
        await driven.press("E", "enter", "tab", "enter", "escape")
        assert not made.asked(RevokeAllPassports)
        await driven.press("E", *"everything", "enter", "enter")
        await driven.until(lambda: bool(made.asked(RevokeAllPassports)))
        assert made.asked(RevokeAllPassports)[0].confirm is True


async def test_an_open_question_revokes_what_it_named() -> None:
    made = world()
    async with opened(made) as driven:
        await tree_of(driven)
        await driven.press("down", "down", "R")
        made.passports = [passport(7)]
        made.changed()
        await driven.press("tab", "enter")
        await driven.until(lambda: bool(made.asked(RevokePassport)))
        assert made.asked(RevokePassport)[0].jti == identifier("ppt", 1)
