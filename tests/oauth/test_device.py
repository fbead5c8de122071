"""The device grant (RFC 8628), for our own command: begun, polled, refused, late, twice and by others."""

from typing import Any

import pytest

from stack_local.wire.consents import EnterDeviceCode, GiveConsent, RefuseConsent, RevokeConsent
from tests.conftest import Running, decoded
from tests.oauth.flow import SHARED, Login, accepts, error_of
from tests.oauth.test_grants import DEVICE, Changed


async def begun(login: Login, **changed: str) -> dict[str, Any]:
    """RFC 8628, section 3.1."""
    response = await login.http.post("/oauth/device_authorization", data={"client_id": "stack-cli", **changed})
    assert response.status_code == 200, response.text
    said: dict[str, Any] = decoded(response)
    return said


async def polled(login: Login, device_code: str, /, **changed: str | None) -> Any:
    form: Changed = {"client_id": "stack-cli", "grant_type": DEVICE, "device_code": device_code}
    return await login.token(**{**form, "redirect_uri": None, "code_verifier": None, **changed})


async def test_a_command_logs_in_by_a_code_that_is_typed_into_the_terminal(appliance: Running, login: Login) -> None:
    said = await begun(login)
    assert said["verification_uri"] == f"{appliance.base_url}/oauth/device"
    assert (said["expires_in"], len(said["user_code"])) == (600, 9)
    assert error_of(await polled(login, said["device_code"])) == (400, "authorization_pending")
    waiting = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"].lower()))
    assert error_of(await polled(login, said["device_code"])) == (400, "authorization_pending")
    await appliance.person.call(GiveConsent(request_id=waiting.id))
    tokens = decoded(await polled(login, said["device_code"]))
    assert await accepts(appliance, tokens["access_token"])
    assert error_of(await polled(login, said["device_code"])) == (400, "invalid_grant")


async def test_a_refused_device_code_gives_nothing(appliance: Running, login: Login) -> None:
    """RFC 8628, section 3.5."""
    said = await begun(login)
    waiting = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    await appliance.person.call(RefuseConsent(request_id=waiting.id))
    assert error_of(await polled(login, said["device_code"])) == (400, "access_denied")


@pytest.mark.parametrize("is_given", [True, False], ids=["given", "waiting"])
async def test_a_device_code_past_its_time_gives_nothing(appliance: Running, login: Login, is_given: bool) -> None:
    said = await begun(login)
    waiting = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    if is_given:
        await appliance.person.call(GiveConsent(request_id=waiting.id))
    appliance.system.advance(seconds=600)
    assert error_of(await polled(login, said["device_code"])) == (400, "expired_token")


async def test_a_device_code_whose_consent_was_revoked_gives_nothing(appliance: Running, login: Login) -> None:
    said = await begun(login)
    waiting = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    consent = await appliance.person.call(GiveConsent(request_id=waiting.id))
    await appliance.person.call(RevokeConsent(consent_id=consent.id))
    assert error_of(await polled(login, said["device_code"])) == (400, "invalid_grant")


DEVICE_REFUSED: dict[str, tuple[Changed, tuple[int, str]]] = {
    "no client": ({"client_id": None, "scope": "proxy:write"}, (400, "invalid_client")),
    "an unknown client": ({"client_id": "cli_0000000000000000000000"}, (400, "invalid_client")),
    "a registered client": ({"client_id": "{client}"}, (400, "unauthorized_client")),
    "a person's scope": ({"scope": "clients:decide"}, (400, "invalid_scope")),
    "another server's resource": ({"resource": "https://other.test"}, (400, "invalid_target")),
    "a scope with a quote": ({"scope": '"'}, (400, "invalid_request")),
}


@SHARED
@pytest.mark.parametrize(("changed", "error"), DEVICE_REFUSED.values(), ids=DEVICE_REFUSED)
async def test_a_device_log_in_that_breaks_a_rule_is_refused(
    guest: Login, changed: Changed, error: tuple[int, str]
) -> None:
    await guest.register()
    form = {"client_id": "stack-cli", **changed}
    kept = {name: value.replace("{client}", guest.client_id) for name, value in form.items() if value is not None}
    assert error_of(await guest.http.post("/oauth/device_authorization", data=kept)) == error


POLLED_WRONGLY: dict[str, tuple[Changed, tuple[int, str]]] = {
    "no device code": ({"device_code": None}, (400, "invalid_request")),
    "a device code of nobody": ({"device_code": "a" * 43}, (400, "invalid_grant")),
    "the user code in its place": ({"device_code": "{user}"}, (400, "invalid_grant")),
    "another client": ({"client_id": "{client}"}, (400, "unauthorized_client")),
    "more than was allowed": ({"resource": "{base}/mcp"}, (400, "invalid_target")),
    "another server's resource": ({"resource": "https://other.test"}, (400, "invalid_target")),
}


@SHARED
@pytest.mark.parametrize(("changed", "error"), POLLED_WRONGLY.values(), ids=POLLED_WRONGLY)
async def test_a_poll_that_breaks_a_rule_gives_nothing(
    guest: Login, hotel: Running, changed: Changed, error: tuple[int, str]
) -> None:
    await guest.register()
    said = await begun(guest)
    waiting = await hotel.person.call(EnterDeviceCode(user_code=said["user_code"]))
    await hotel.person.call(GiveConsent(request_id=waiting.id))
    known = {"{client}": guest.client_id, "{user}": said["user_code"], "{base}": hotel.base_url}
    meant = {
        name: value and known.get(value, value.replace("{base}", hotel.base_url)) for name, value in changed.items()
    }
    assert error_of(await polled(guest, said["device_code"], **meant)) == error


@SHARED
async def test_the_secret_of_a_page_is_no_device_code(guest: Login) -> None:
    """Both are kept in one column."""
    await guest.register()
    await guest.open()
    await guest.press("ask")
    await guest.give()
    assert error_of(await polled(guest, guest.cookie)) == (400, "invalid_grant")
