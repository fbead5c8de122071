"""Tests of connecting a service: what is sent, and that the secret is never drawn."""

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Select

from stack_local.domain import errors
from stack_local.domain.services import InjectionStyle
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.services import ConnectCustomService
from tests.tui.driving import LARGE, Driven, opened
from tests.tui.world import World, agent, identifier
from tui.screens.connect import ConnectScreen

SECRET = "ghp_Zx9secretQ7"


async def fill_in(driven: Driven, **fields: str) -> None:
    await driven.press("4", "c", "enter")
    await driven.until(lambda: isinstance(driven.app.screen, ConnectScreen))
    await driven.pilot.pause()
    for name, value in (
        {"hosts": "api.github.com", "name": "github", "account": "octocat", "secret": SECRET} | fields
    ).items():
        driven.fill(f"#{name}", value)


def choose(driven: Driven, selector: str, value: str) -> None:
    select: Select[Any] = driven.app.screen.query_one(selector, Select)
    select.value = value


async def test_a_service_is_connected_and_granted_in_one_step() -> None:
    world = World()
    world.agents = [agent(1)]
    async with opened(world) as driven:
        await fill_in(driven, verify_path="/user")
        choose(driven, "#agent", identifier("agt", 1))
        await driven.press("ctrl+s")
        await driven.until_shown("Authorization: Bearer …")
        assert "release-bot may use it at once: read and write." in driven.text
        await driven.press("tab", "enter")
        await driven.until(lambda: bool(world.asked(GrantAgentAccess)))
        sent = world.asked(ConnectCustomService)[0]
        assert sent.credential.get_secret_value() == SECRET
        assert (sent.hosts, sent.name, sent.account, sent.verify_path) == (
            ["api.github.com"],
            "github",
            "octocat",
            "/user",
        )
        granted = world.asked(GrantAgentAccess)[0]
        assert (granted.agent_id, granted.service_connection_id) == (identifier("agt", 1), identifier("scon", 9))
        await driven.until_shown("connected, and granted to release-bot")


async def test_the_secret_is_never_drawn() -> None:
    world = World()
    seen: list[str] = []
    async with opened(world, size=LARGE) as driven:
        await fill_in(driven, secret="")
        driven.app.screen.query_one("#secret").focus()
        for letter in SECRET:
            await driven.press(letter)
            seen.append(driven.text)
        await driven.press("ctrl+s")
        seen.append(driven.text)
        await driven.press("tab", "enter")
        await driven.until(lambda: bool(world.asked(ConnectCustomService)))
        await driven.until_shown("connected; grant it")
        seen.append(driven.text)
    assert not [text for text in seen if SECRET[:6] in text or SECRET[-6:] in text]
    assert any("•••••" in text for text in seen)


async def test_the_focus_of_the_review_starts_on_no() -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven)
        await driven.press("ctrl+s", "enter")
        assert not world.asked(ConnectCustomService)


async def test_user_and_password_go_as_two_fields() -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, user="octocat")
        choose(driven, "#style", InjectionStyle.BASIC.value)
        await driven.press("ctrl+s", "tab", "enter")
        await driven.until(lambda: bool(world.asked(ConnectCustomService)))
        sent = world.asked(ConnectCustomService)[0]
        assert {name: value.get_secret_value() for name, value in sent.credential.items()} == {
            "username": "octocat", "password": SECRET
        }  # fmt: skip


async def test_a_header_of_its_own_is_named() -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, placed="X-Api-Key")
        choose(driven, "#style", InjectionStyle.HEADER.value)
        await driven.press("ctrl+s", "tab", "enter")
        await driven.until(lambda: bool(world.asked(ConnectCustomService)))
        assert world.asked(ConnectCustomService)[0].injection.name == "X-Api-Key"


async def test_a_header_in_words_of_its_own_shows_where_the_secret_stands() -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, placed="Authorization", template="Token token={value}")
        choose(driven, "#style", InjectionStyle.TEMPLATE.value)
        await driven.press("ctrl+s")
        await driven.until_shown("Authorization: Token token=…")
        await driven.press("tab", "enter")
        await driven.until(lambda: bool(world.asked(ConnectCustomService)))
        sent = world.asked(ConnectCustomService)[0].injection
        assert (sent.name, sent.template) == ("Authorization", "Token token={value}")


async def test_a_template_without_the_secret_is_refused() -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, placed="Authorization", template="Token")
        choose(driven, "#style", InjectionStyle.TEMPLATE.value)
        await driven.press("ctrl+s")
        await driven.until_shown("say where the secret stands")
        assert not world.asked(ConnectCustomService)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hosts": ""}, "name at least one host"),
        ({"hosts": "api.github.com/path"}, "refused"),
        ({"hosts": "*.github.com"}, "refused"),
        ({"name": "git hub"}, "name breaks its rule"),
        ({"secret": ""}, "type the secret"),
        ({"verify_path": "user"}, "verify path breaks its rule"),
    ],
    ids=["no host", "a path in the host", "a wildcard", "a name with a blank", "no secret", "a relative test path"],
)
async def test_what_does_not_fit_is_said_before_anything_is_sent(fields: dict[str, str], words: str) -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, **fields)
        await driven.press("ctrl+s")
        await driven.until_shown(words)
        assert not world.asked(ConnectCustomService)
        assert SECRET not in driven.text


async def test_a_grant_that_fails_says_that_the_connection_stands() -> None:
    world = World()
    world.agents = [agent(1)]

    def refuse(_: GrantAgentAccess) -> Any:
        raise errors.Conflict("the agent is blocked")

    world.client.answer(GrantAgentAccess, refuse)
    async with opened(world) as driven:
        await fill_in(driven)
        choose(driven, "#agent", identifier("agt", 1))
        await driven.press("ctrl+s", "tab", "enter")
        await driven.until_shown("connected, but not granted: the agent is blocked")


async def test_leaving_sends_nothing() -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven)
        await driven.press("escape")
        await driven.until_shown("[4 Services]")
        assert not world.asked(ConnectCustomService)


async def test_a_private_authority_comes_from_a_file_and_with_a_caution(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, hosts="10.0.0.5:8443", ca_file=str(file))
        await driven.press("ctrl+s")
        await driven.until_shown("! Who holds your CA's key can read the secret on its way.")
        assert "! On a port of its own a host may be used without TLS." in driven.text
        await driven.press("tab", "enter")
        await driven.until(lambda: bool(world.asked(ConnectCustomService)))
        assert world.asked(ConnectCustomService)[0].ca == file.read_text()


@pytest.mark.parametrize("path", ["/nowhere/missing.pem", "~nobody-of-this-name/ca.pem", "/"])
async def test_a_file_that_cannot_be_read_connects_nothing(path: str) -> None:
    world = World()
    async with opened(world) as driven:
        await fill_in(driven, ca_file=path)
        await driven.press("ctrl+s")
        await driven.until_shown("refused: that file cannot be read")
        assert not world.asked(ConnectCustomService)
