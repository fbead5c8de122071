"""One-time codes and device codes: what is typed where, how often, and until when."""

from typing import Any

import pytest

from stack_local.domain.audit import Outcome
from stack_local.domain.consents import REQUEST_MINUTES, WRONG_CODES
from stack_local.domain.errors import Conflict, InvalidRequest, NotFound
from stack_local.wire.consents import (
    CreateConsentCode,
    EnterDeviceCode,
    GiveConsent,
    RefuseConsent,
    RevokeConsent,
)
from tests.conftest import Running, decoded
from tests.oauth.flow import Login, accepts, answer_of, consents_of
from tests.operations.test_consents import asked, records, untouched, waiting

# One-time codes ------------------------------------------------------------------------------------------------------


async def coded(login: Login) -> str:
    request_id = await asked(login)
    made = await login.running.person.call(CreateConsentCode(request_id=request_id))
    return made.code.get_secret_value()


async def test_a_one_time_code_stands_in_for_the_terminal(appliance: Running, login: Login) -> None:
    code = await coded(login)
    assert (await login.look()).status_code == 200  # nothing yet
    pressed = await login.press("code", code=f" {code[:4].lower()}-{code[4:]} ")
    assert pressed.status_code == 303
    tokens = decoded(await login.token(code=answer_of(await login.look())["code"]))
    assert await accepts(appliance, tokens["access_token"])
    (record,) = await records(appliance, "consent.create_code")
    assert record.outcome is Outcome.SUCCESS
    assert code not in record.model_dump_json()


async def test_five_wrong_codes_end_the_log_in(appliance: Running, login: Login) -> None:
    code = await coded(login)
    statuses = [(await login.press("code", code="BCDFGHJK")).status_code for _ in range(WRONG_CODES)]
    assert statuses == [200] * (WRONG_CODES - 1) + [403]
    assert (await login.press("code", code=code)).status_code == 403
    assert answer_of(await login.look())["error"] == "access_denied"
    (record,) = await records(appliance, "consent.refuse")
    assert record.detail == {"by": "wrong codes"}
    await appliance.appliance.authorization_server().sweep()
    assert await consents_of(appliance, login.client_id) == []


async def test_wrong_codes_end_a_log_in_for_which_none_was_made(appliance: Running, login: Login) -> None:
    """What the page says is so: it no longer waits at the terminal."""
    await asked(login)
    for _ in range(WRONG_CODES):
        await login.press("code", code="BCDFGHJK")
    assert await waiting(appliance) == []
    with pytest.raises(Conflict):
        await login.give()
    assert answer_of(await login.look())["error"] == "access_denied"


WRONG = {"nothing": "", "blanks": "   ", "vowels": "AEIOU", "a part": "{half}", "more": "{code}2", "the tag": "{tag}"}


@pytest.mark.parametrize("typed", WRONG.values(), ids=WRONG)
async def test_a_code_is_typed_whole(appliance: Running, login: Login, typed: str) -> None:
    request_id = await asked(login)
    (row,) = await waiting(appliance)
    made = await appliance.person.call(CreateConsentCode(request_id=request_id))
    code = made.code.get_secret_value()
    known = {"{half}": code[:4], "{code}": code, "{tag}": row.tag}
    for name, meaning in known.items():
        typed = typed.replace(name, meaning)
    response = await login.press("code", code=typed)
    assert (response.status_code, "That is not the code" in response.text) == (200, True)
    assert (await login.look()).status_code == 200


async def test_a_code_is_for_its_own_request(appliance: Running, login: Login) -> None:
    code = await coded(login)
    async with appliance.http() as http:
        other = Login(appliance, http)
        await coded(other)
        assert (await other.press("code", code=code)).status_code == 200
        assert (await other.look()).status_code == 200
        assert (await other.press("code", code=code)).status_code == 200
    assert (await login.press("code", code=code)).status_code == 303


async def test_a_code_past_its_time_lets_nobody_in(appliance: Running, login: Login) -> None:
    code = await coded(login)
    appliance.system.advance(seconds=REQUEST_MINUTES * 60)
    assert (await login.press("code", code=code)).status_code == 404
    await appliance.appliance.authorization_server().sweep()
    assert await consents_of(appliance, login.client_id) == []


async def test_a_consent_whose_code_was_never_typed_can_be_revoked(appliance: Running, login: Login) -> None:
    code = await coded(login)
    (consent,) = await consents_of(appliance, login.client_id)
    await appliance.person.call(RevokeConsent(consent_id=consent.id))
    await login.press("code", code=code)
    response = await login.look()
    got = answer_of(response).get("code") if response.status_code == 303 else None
    assert got is None or (await login.token(code=got)).status_code == 400


async def test_one_code_is_made_for_a_request(appliance: Running, login: Login) -> None:
    await coded(login)
    with pytest.raises(Conflict):
        await appliance.person.call(CreateConsentCode(request_id=login.request_id))
    with pytest.raises(Conflict):
        await login.give()
    assert len(await consents_of(appliance, login.client_id)) == 1


# The device grant ----------------------------------------------------------------------------------------------------


async def begun(login: Login) -> dict[str, Any]:
    response = await login.http.post("/oauth/device_authorization", data={"client_id": "stack-cli"})
    said: dict[str, Any] = decoded(response)
    return said


async def test_a_command_waits_once_its_code_is_typed(appliance: Running, login: Login) -> None:
    said = await begun(login)
    assert await waiting(appliance) == []
    shown = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    assert (shown.client_name, shown.redirect_uri, shown.resource) == ("stack-local command", "", appliance.base_url)
    assert [row.id for row in await waiting(appliance)] == [shown.id]
    given = await appliance.person.call(GiveConsent(request_id=shown.id))
    assert given.agent_name == "stack-local-command"
    (record,) = await records(appliance, "consent.enter_code")
    assert record.subject == shown.id


@pytest.mark.parametrize("typed", ["BCDFGHJK", "        ", "AEIOUAEIOU", "{half}{half}", "{code}22"])
async def test_a_code_that_no_command_shows_is_refused(appliance: Running, login: Login, typed: str) -> None:
    said = await begun(login)
    code = said["user_code"]
    meant = typed.replace("{half}", code[:4]).replace("{code}", code)
    with pytest.raises(NotFound):
        await appliance.person.call(EnterDeviceCode(user_code=meant))
    assert await waiting(appliance) == []


async def test_a_commands_code_is_over_after_ten_minutes(appliance: Running, login: Login) -> None:
    said = await begun(login)
    appliance.system.advance(seconds=REQUEST_MINUTES * 60)
    with pytest.raises(NotFound):
        await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))


async def test_a_code_for_a_page_is_no_code_of_a_command(appliance: Running, login: Login) -> None:
    code = await coded(login)
    with pytest.raises(NotFound):
        await appliance.person.call(EnterDeviceCode(user_code=code))


async def test_a_command_has_no_page_to_type_a_code_into(appliance: Running, login: Login) -> None:
    said = await begun(login)
    shown = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    with pytest.raises(InvalidRequest):
        await appliance.person.call(CreateConsentCode(request_id=shown.id))
    assert await untouched(appliance)


async def test_a_commands_code_typed_twice_asks_once(appliance: Running, login: Login) -> None:
    said = await begun(login)
    first = await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    await appliance.person.call(RefuseConsent(request_id=first.id))
    await appliance.person.call(EnterDeviceCode(user_code=said["user_code"]))
    assert await waiting(appliance) == []
