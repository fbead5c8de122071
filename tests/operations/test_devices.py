"""The device grant (RFC 8628): the service is looked at no faster than it says, until the code was typed."""

import pytest

from stack_local.operations.devices import MOST_MINUTES
from stack_local.wire.connecting import ConnectAttempt, GetConnectAttempt
from stack_local.wire.services import ListConnections
from stack_local.wire.vault import LockVault
from tests.simulators.shop import CLIENT, Counter


async def begun(at: Counter, *answers: str) -> str:
    """The id of a device log-in, whose looks are answered by these errors first."""
    at.server.device_answers = list(answers)
    attempt_id = (await at.begin(flow="device_code", scopes=["things:read"])).attempt_id
    assert attempt_id is not None
    return attempt_id


async def attempt(at: Counter, attempt_id: str) -> ConnectAttempt:
    return await at.running.person.call(GetConnectAttempt(attempt_id=attempt_id))


async def test_a_code_is_shown_and_its_connection_comes_once_it_was_typed(at: Counter) -> None:
    attempt_id = await begun(at, "authorization_pending")
    assert (await attempt(at, attempt_id)).user_code is None
    await at.stepped()
    shown = await attempt(at, attempt_id)
    assert (shown.status, shown.user_code) == ("waiting", "WDJB-MJHT")
    assert (shown.verification_uri, shown.authorization_url) == ("https://auth.example.com/activate", None)
    await at.stepped(seconds=5)
    assert (await attempt(at, attempt_id)).status == "waiting"
    await at.stepped(seconds=5)
    ended = await attempt(at, attempt_id)
    (connection,) = (await at.running.person.call(ListConnections())).items
    assert (ended.status, ended.connection_id) == ("connected", connection.id)
    kept = await at.kept(connection.id)
    assert kept.renewal is not None
    assert kept.renewal.client.client_id == CLIENT["client_id"]


async def test_the_service_is_not_asked_before_its_interval_is_over(at: Counter) -> None:
    await begun(at, *["authorization_pending"] * 9)
    await at.stepped()
    for seconds, looks in ((4.9, 0), (0.1, 1), (4.9, 1), (0.1, 2)):
        await at.stepped(seconds=seconds)
        assert len(at.server.forms) == looks


async def test_a_service_that_says_slow_down_is_asked_five_seconds_later_each_time_from_then_on(at: Counter) -> None:
    await begun(at, "slow_down", "slow_down", *["authorization_pending"] * 9)
    await at.stepped()
    for seconds, looks in ((5, 1), (9, 1), (1, 2), (14, 2), (1, 3), (14, 3), (1, 4)):
        await at.stepped(seconds=seconds)
        assert len(at.server.forms) == looks


ENDS = ["access_denied", "expired_token", "invalid_grant"]


@pytest.mark.parametrize("error", ENDS)
async def test_a_service_that_refuses_is_asked_no_more(at: Counter, error: str) -> None:
    attempt_id = await begun(at, error)
    for seconds in (0, 5, 60):
        await at.stepped(seconds=seconds)
    ended = await attempt(at, attempt_id)
    assert (ended.status, ended.reason, len(at.server.forms)) == ("failed", f"the service refused: {error}", 1)


async def test_a_service_that_does_not_answer_is_asked_more_slowly_and_then_connects(at: Counter) -> None:
    attempt_id = await begun(at)
    await at.stepped()
    at.server.misbehavior = "500"
    for seconds, looks in ((5, 1), (9, 1), (1, 2), (19, 2), (1, 3)):
        await at.stepped(seconds=seconds)
        assert len(at.server.forms) == looks
    at.server.misbehavior = None
    await at.stepped(seconds=40)
    assert (await attempt(at, attempt_id)).status == "connected"


async def test_a_log_in_that_nobody_typed_is_over_in_time_and_is_asked_no_more(at: Counter) -> None:
    attempt_id = await begun(at, *["authorization_pending"] * 9)
    await at.stepped()
    await at.later(60 * MOST_MINUTES)
    await at.stepped()
    assert ((await attempt(at, attempt_id)).status, at.server.forms) == ("expired", [])


async def test_a_locked_vault_asks_nobody(at: Counter) -> None:
    await begun(at)
    await at.running.person.call(LockVault())
    await at.stepped(seconds=5)
    assert at.server.requests == []
