"""Tests of the form of a known service: what it shows, what is sent, and what is asked twice."""

from typing import Any

import pytest
from textual.widgets import Input, Select

from stack_local.domain import errors
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.connecting import ConnectService, GetConnectAttempt
from stack_local.wire.services import CredentialTemplate
from tests.tui.driving import LARGE, SMALL, Driven, opened
from tests.tui.offers import AUTHORIZE, TOKEN, Offers, attempt, field, jira, log_in_begun, scope, template, with_login
from tests.tui.payloads import PAYLOADS
from tests.tui.world import agent, identifier
from tui.screens.connect_known import ConnectKnownScreen
from tui.widgets.text import Text
from tui.widgets.tick import Tick

MEDIUM = (120, 36)


async def filling(driven: Driven) -> None:
    """Open the form of the first service of the list."""
    await driven.press("4", "c")
    await driven.until(lambda: len(driven.app.screen.query("#choices")) > 0 and "verified" in driven.text)
    await driven.press("down", "enter")
    await driven.until(lambda: isinstance(driven.app.screen, ConnectKnownScreen))
    await driven.pilot.pause()


def choose(driven: Driven, selector: str, value: str) -> None:
    select: Select[Any] = driven.app.screen.query_one(selector, Select)
    select.value = value


async def sent_after(driven: Driven, *keys: str) -> ConnectService:
    await driven.press(*keys)
    await driven.until(lambda: bool(driven.world.asked(ConnectService)))
    last: ConnectService = driven.world.asked(ConnectService)[-1]
    return last


@pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["small", "large"])
async def test_the_form_shows_the_hosts_first_and_how_a_token_is_made(size: tuple[int, int]) -> None:
    async with opened(Offers(template()), size=size) as driven:
        await filling(driven)
        lines = [line.strip("│ ") for line in driven.lines]
        assert lines[1] == "Connect GitHub · verified"
        assert lines[2] == "To api.github.com, uploads.github.com and no other host"
        for words in (
            "[X] read: see your profile", "[ ] write: delete repositories", "scopes=read%3Auser", "Choose an expiry",
            "Access token", "Account", "Grant to", "^s review",
        ):  # fmt: skip
            assert words in driven.text


async def test_ticking_a_permission_changes_the_link_and_the_request() -> None:
    async with opened(Offers(template())) as driven:
        await filling(driven)
        driven.app.screen.query_one("#scope-1", Tick).focus()
        await driven.press("space")
        await driven.until_shown("scopes=read%3Auser%2Crepo")
        driven.fill("#token-0", TOKEN)
        sent = await sent_after(driven, "ctrl+s", "tab", "enter")
        assert sent.scopes == ["read", "write", "read:user", "repo"]


async def test_a_service_is_connected_and_granted_in_one_step() -> None:
    world = Offers(template())
    world.agents = [agent(1)]
    async with opened(world) as driven:
        await filling(driven)
        driven.fill("#token-0", TOKEN)
        driven.fill("#account", "octocat")
        choose(driven, "#agent", identifier("agt", 1))
        await driven.press("ctrl+s")
        await driven.until_shown("release-bot may use it at once: read and write.")
        sent = await sent_after(driven, "tab", "enter")
        assert isinstance(sent.credential, dict)
        assert sent.credential["value"].get_secret_value() == TOKEN
        assert (sent.service_id, sent.account, sent.confirm_format) == ("github", "octocat", False)
        await driven.until_shown("connected, and granted to release-bot")
        granted = world.asked(GrantAgentAccess)[0]
        assert (granted.agent_id, granted.service_connection_id) == (identifier("agt", 1), identifier("scon", 9))


async def test_the_focus_of_the_review_starts_on_no() -> None:
    world = Offers(template())
    async with opened(world) as driven:
        await filling(driven)
        driven.fill("#token-0", TOKEN)
        await driven.press("ctrl+s", "enter")
        assert not world.asked(ConnectService)


async def test_the_accounts_own_part_stands_in_the_host_as_it_is_typed() -> None:
    async with opened(Offers(jira())) as driven:
        await filling(driven)
        assert "To {site}.atlassian.net and no other host" in driven.text
        await driven.press(*"acme")
        await driven.until_shown("To acme.atlassian.net and no other host")
        driven.fill("#token-0", "me@acme.example")
        driven.fill("#token-1", TOKEN)
        sent = await sent_after(driven, "ctrl+s", "tab", "enter")
        assert sent.placeholders == {"site": "acme"}
        assert isinstance(sent.credential, dict)
        assert set(sent.credential) == {"username", "password"}


async def test_only_what_is_secret_stands_as_dots() -> None:
    async with opened(Offers(jira()), size=LARGE) as driven:
        await filling(driven)
        hidden = [driven.app.screen.query_one(f"#token-{at}", Input).password for at in (0, 1)]
        assert hidden == [False, True]
        driven.fill("#token-1", TOKEN)
        await driven.until_shown("•••")
        assert TOKEN not in driven.text


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("the field value looks like a secret of Slack", "a person may confirm it with confirm_format"),
        ("the host api.githob.com may be taken for api.github.com", "a person may confirm it with confirm_hosts"),
    ],
    ids=["the format of another service", "a host that resembles another"],
)
async def test_a_doubt_is_shown_in_its_words_and_needs_a_second_yes(message: str, hint: str) -> None:
    world = Offers(template())
    taken = world.client._answers[ConnectService]

    def doubt(asked: ConnectService) -> Any:
        if not asked.confirm_format:
            raise errors.InvalidRequest(message, field="credential.value", hint=hint)
        return taken(asked)

    world.client.answer(ConnectService, doubt)
    async with opened(world, size=LARGE) as driven:
        await filling(driven)
        driven.fill("#token-0", TOKEN)
        await driven.press("ctrl+s", "tab", "enter")
        await driven.until_shown("Is it right all the same?")
        assert message[:40] in driven.text
        await driven.press("enter")
        await driven.until_shown("✗ refused")
        assert len(world.asked(ConnectService)) == 1
        await driven.press("ctrl+s", "tab", "enter")
        await driven.until_shown("Is it right all the same?")
        await driven.press("tab", "enter")
        await driven.until_shown("connected; grant it")
        assert [sent.confirm_format for sent in world.asked(ConnectService)] == [False, False, True]


async def test_another_refusal_is_only_shown() -> None:
    world = Offers(template())

    def refuse(_: ConnectService) -> Any:
        raise errors.Conflict("the proposal no longer waits")

    world.client.answer(ConnectService, refuse)
    async with opened(world) as driven:
        await filling(driven)
        driven.fill("#token-0", TOKEN)
        await sent_after(driven, "ctrl+s", "tab", "enter")
        await driven.until_shown("✗ refused: the proposal no longer waits")


async def logging_in(driven: Driven) -> None:
    await filling(driven)
    if driven.world.agents:
        choose(driven, "#agent", identifier("agt", 1))
    choose(driven, "#way", "authorization_code")
    await driven.until_shown("Redirect address http://127.0.0.1:7822/connect/callback")
    driven.fill("#client_id", "Iv1")
    driven.fill("#client_secret", "secret of the app")
    await driven.press("ctrl+s", "tab", "enter")
    await driven.until_shown("Open this address in your browser")


@pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["small", "large"])
async def test_a_log_in_is_followed_until_it_is_connected_and_then_granted(size: tuple[int, int]) -> None:
    world = Offers(with_login())
    world.agents = [agent(1)]
    world.client.answer(ConnectService, log_in_begun)
    async with opened(world, size=size) as driven:
        await logging_in(driven)
        sent = world.asked(ConnectService)[0]
        assert (sent.flow, sent.client_id, sent.credential) == ("authorization_code", "Iv1", None)
        address = driven.app.screen.query_one("#where", Text)
        assert AUTHORIZE in address.plain
        # It wraps: every piece of it stands on the screen.
        assert driven.text.count("s" * 20) >= 1
        assert address.size.height >= 3
        world.attempt = attempt(status="connected", connection_id=identifier("scon", 9))
        await driven.press("enter")
        await driven.until_shown("connected, and granted to release-bot")
        assert {asked.attempt_id for asked in world.asked(GetConnectAttempt)} == {attempt().id}


async def test_leaving_a_log_in_says_that_nothing_is_connected_yet() -> None:
    world = Offers(with_login())
    world.client.answer(ConnectService, log_in_begun)
    async with opened(world) as driven:
        await logging_in(driven)
        await driven.press("escape")
        await driven.until_shown("nothing is connected yet")


def hostile(text: str) -> CredentialTemplate:
    return with_login(
        name=text, hosts=[text], placeholders=[field(text, text, hint=text, secret=False)],
        fields=[field(text, text, hint=text)], scopes=[scope(text, text)],
        token_url="https://x.example/{scopes}" + text,
        token_steps=text, application_url=text,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["escape", "osc 52 clipboard", "markup click", "markup broken", "bidi override",
                                  "200 line breaks", "lone surrogate"])  # fmt: skip
@pytest.mark.parametrize("way", ["token", "authorization_code"])
async def test_a_template_in_hostile_words_is_drawn_harmlessly(name: str, way: str) -> None:
    async with opened(Offers(hostile(PAYLOADS[name]))) as driven:
        await filling(driven)
        choose(driven, "#way", way)
        await driven.pilot.pause()
        driven.check_clean()
        driven.check_picture()
        driven.fill("#part-0", "a")
        driven.fill("#token-0", TOKEN)
        await driven.press("ctrl+s")
        await driven.pilot.pause()
        driven.check_clean()
