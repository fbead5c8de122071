"""Tests of what agents ask for: shown in full, completed by a person, or declined."""

import pytest

from stack_local.wire.connecting import ConnectService
from stack_local.wire.proposals import DeclineProposal
from tests.tui.driving import LARGE, SMALL, Driven, opened
from tests.tui.offers import TOKEN, Offers, jira, proposal, template
from tests.tui.payloads import PAYLOADS
from tests.tui.test_hostile_text import DIALOGUE_PAYLOADS
from tests.tui.world import agent, identifier
from tui.screens.connect_known import ConnectKnownScreen


async def looking(driven: Driven) -> None:
    await driven.press("4", "p")
    await driven.until_shown("asked by")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
async def test_a_proposal_says_what_for_and_by_whom(size: tuple[int, int]) -> None:
    world = Offers()
    world.proposals = [proposal()]
    async with opened(world, size=size) as driven:
        await looking(driven)
        for words in (
            "github as site repository", "key release-bot", "permissions repo, admin:org",
            "because to open the follow-up issues",
        ):  # fmt: skip
            assert words in driven.text


async def test_a_person_completes_it_and_types_the_secret() -> None:
    world = Offers()
    world.agents = [agent(1)]
    world.proposals = [proposal()]
    async with opened(world, size=LARGE) as driven:
        await looking(driven)
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, ConnectKnownScreen))
        await driven.until_shown("[X] write: read and write all your repositories  repo  (asked for)")
        assert "[ ] not known here: admin:org" in driven.text
        driven.fill("#token-0", TOKEN)
        await driven.press("ctrl+s")
        await driven.until_shown("release-bot may use it at once")
        await driven.press("tab", "enter")
        await driven.until(lambda: bool(world.asked(ConnectService)))
        sent = world.asked(ConnectService)[0]
        assert (sent.proposal_id, sent.name) == (identifier("apr", 1), "site repository")
        assert sent.scopes == ["read", "write", "read:user", "repo"]


async def test_declining_takes_it_off_the_list() -> None:
    world = Offers()
    world.proposals = [proposal(1), proposal(2, provider="jira", name="tickets")]
    async with opened(world) as driven:
        await looking(driven)
        await driven.press("d")
        await driven.until(lambda: "site repository" not in driven.text.replace("declined: site repository", ""))
        assert "tickets" in driven.text
        assert [asked.proposal_id for asked in world.asked(DeclineProposal)] == [identifier("apr", 1)]


async def test_an_empty_list_says_so() -> None:
    async with opened(Offers()) as driven:
        await driven.press("4", "p")
        await driven.until_shown("No agent asks for a service.")


async def test_a_service_that_is_not_in_the_catalogue_is_not_opened() -> None:
    world = Offers(jira())
    world.proposals = [proposal()]
    async with opened(world) as driven:
        await looking(driven)
        await driven.press("enter")
        await driven.until_shown("not in the catalogue")


@pytest.mark.parametrize("name", DIALOGUE_PAYLOADS)
async def test_everything_an_agent_wrote_is_drawn_harmlessly(name: str) -> None:
    text = PAYLOADS[name]
    world = Offers(template())
    world.proposals = [proposal(provider="github", name=text, scopes=[text], reason=text, asked_by=text)]
    async with opened(world) as driven:
        await looking(driven)
        driven.check_clean()
        driven.check_picture()
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, ConnectKnownScreen))
        await driven.pilot.pause()
        driven.check_clean()
        driven.check_picture()
