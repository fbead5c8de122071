"""Tests of giving a connection another secret, and of going back."""

from typing import Any

from stack_local.domain import errors
from stack_local.wire.connecting import ConnectService
from stack_local.wire.credentials import CredentialList, ListCredentials, RotateCredential, UndoCredential
from tests.tui.driving import Driven, opened
from tests.tui.offers import TOKEN, Offers, attempt, connected_at_once, log_in_begun, metadata, with_login
from tests.tui.world import connection, identifier
from tui.screens.rotate import RotateScreen


def world_with(*, provider: str = "custom_github", **kept: Any) -> Offers:
    world = Offers(with_login())
    world.connections = [connection(1, provider=provider)]
    world.client.answer(ListCredentials, lambda _: CredentialList(items=[metadata(**kept)]))
    return world


async def rotating(driven: Driven) -> None:
    await driven.press("4")
    await driven.until_shown("api.github.com")
    await driven.press("t")
    await driven.until(lambda: isinstance(driven.app.screen, RotateScreen))


async def test_another_secret_is_typed_hidden_and_sent() -> None:
    world = world_with()
    async with opened(world) as driven:
        await rotating(driven)
        await driven.press(*TOKEN.replace("_", ""))
        await driven.until_shown("••••")
        assert TOKEN[4:] not in driven.text
        await driven.press("enter")
        await driven.until_shown("rotated; 1 waiting approval fell")
        sent = world.asked(RotateCredential)[0]
        assert sent.connection_id == identifier("scon", 1)
        assert sent.credential["value"].get_secret_value() == TOKEN.replace("_", "")


async def test_several_fields_go_by_their_names() -> None:
    world = world_with(fields=["username", "password"])
    async with opened(world) as driven:
        await rotating(driven)
        driven.fill("#secret-0", "octocat")
        driven.fill("#secret-1", TOKEN)
        await driven.press("ctrl+s")
        await driven.until(lambda: bool(world.asked(RotateCredential)))
        assert set(world.asked(RotateCredential)[0].credential) == {"username", "password"}


async def test_nothing_typed_is_refused_here() -> None:
    world = world_with()
    async with opened(world) as driven:
        await rotating(driven)
        await driven.press("ctrl+s")
        await driven.until_shown("type the new secret")
        assert not world.asked(RotateCredential)


async def test_the_secret_of_another_service_needs_a_second_yes() -> None:
    world = world_with()
    taken = world.client._answers[RotateCredential]

    def doubt(asked: RotateCredential) -> Any:
        if not asked.confirm_format:
            raise errors.InvalidRequest("it looks like a secret of Slack", hint="may confirm it with confirm_format")
        return taken(asked)

    world.client.answer(RotateCredential, doubt)
    async with opened(world) as driven:
        await rotating(driven)
        driven.fill("#secret-0", TOKEN)
        await driven.press("ctrl+s")
        await driven.until_shown("it looks like a secret of Slack")
        await driven.press("tab", "enter")
        await driven.until_shown("rotated;")
        assert [asked.confirm_format for asked in world.asked(RotateCredential)] == [False, True]


async def asked_to_log_in(driven: Driven) -> None:
    await driven.press("4")
    await driven.until_shown("api.github.com")
    await driven.press("t")
    await driven.until_shown("comes from a log-in at the service.")


async def test_what_came_of_a_log_in_is_renewed_by_another_log_in() -> None:
    world = world_with(provider="github", source="device_code")
    world.client.answer(ConnectService, log_in_begun)
    async with opened(world) as driven:
        await asked_to_log_in(driven)
        await driven.press("enter")
        assert not world.asked(ConnectService)
        await driven.press("t")
        await driven.until_shown("Log in again?")
        await driven.press("tab", "enter")
        await driven.until_shown("Open this address in your browser")
        (asked,) = world.asked(ConnectService)
        assert (asked.service_id, asked.connection_id, asked.flow) == ("github", identifier("scon", 1), "device_code")
        world.attempt = attempt(status="connected", connection_id=identifier("scon", 1))
        await driven.press("enter")
        await driven.until_shown("logged in again; the credential before is kept")


async def test_what_an_application_earns_by_itself_is_renewed_at_once() -> None:
    world = world_with(provider="github", source="client_credentials")
    world.client.answer(ConnectService, connected_at_once)
    async with opened(world) as driven:
        await asked_to_log_in(driven)
        await driven.press("tab", "enter")
        await driven.until_shown("logged in again")


async def test_going_back_asks_first_and_starts_on_no() -> None:
    world = world_with()
    async with opened(world) as driven:
        await driven.press("4")
        await driven.until_shown("api.github.com")
        await driven.press("z")
        await driven.until_shown("Back to the secret before?")
        await driven.press("enter")
        assert not world.asked(UndoCredential)
        await driven.press("z", "tab", "enter")
        await driven.until_shown("back to the secret before; 1 approval fell")


async def test_a_hostile_connection_is_rotated_harmlessly() -> None:
    text = "\x1b]52;c;x\x07[@click=app.exit()]x[/]\u202e"
    world = world_with(fields=[text])
    world.connections = [connection(1, name=text, hosts=["api.github.com", text], reconnect_reason=text)]
    async with opened(world) as driven:
        await rotating(driven)
        driven.check_clean()
        driven.check_picture()
