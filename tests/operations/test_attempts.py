"""A log-in that waits: what it proves itself with is sealed, new each time, and shown to a person alone."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from stack_local.domain.errors import Unavailable
from stack_local.operations import attempts
from stack_local.operations.attempts import KEPT_DAYS, MINUTES, VALUE_BYTES, hash_state
from stack_local.store import connecting as store
from stack_local.store.connecting import AttemptRow
from stack_local.wire.connecting import GetConnectAttempt, ListConnectAttempts
from tests.simulators.shop import CLIENT, Counter


async def begun(at: Counter) -> tuple[AttemptRow, dict[str, list[str]]]:
    """A log-in as it is kept, and the parameters of its address."""
    started = await at.begin(scopes=["things:read"])
    assert started.authorization_url is not None
    row = await at.core.database.read(lambda tx: store.get(tx, started.attempt_id or ""))
    return row, parse_qs(urlsplit(started.authorization_url).query)


async def test_it_opens_with_all_it_takes_to_end_it(at: Counter) -> None:
    row, said = await begun(at)
    errand = attempts.opened(at.core, row)
    assert errand is not None
    assert (errand.client.client_id, [errand.state.reveal()]) == (CLIENT["client_id"], said["state"])
    assert errand.redirect_uri == said["redirect_uri"][0]
    assert row.state_hash == hash_state(errand.state.reveal())


async def test_nothing_of_it_can_be_read_from_the_row(at: Counter) -> None:
    row, said = await begun(at)
    assert row.sealed is not None
    secrets = [said["state"][0], CLIENT["client_secret"]]
    assert [secret for secret in secrets if secret in repr(row) or secret.encode() in row.sealed] == []
    with pytest.raises(Unavailable):
        attempts.opened(at.core, replace(row, id="att_" + "0" * 22))


async def test_each_has_a_state_and_a_verifier_of_its_own_that_nobody_guesses(at: Counter) -> None:
    said = [(await begun(at))[1] for _ in range(5)]
    for name in ("state", "code_challenge"):
        values = {one[name][0] for one in said}
        assert len(values) == 5
        assert {len(value) for value in values} == {-(-VALUE_BYTES * 4 // 3)}


async def test_its_address_is_gone_when_its_time_is(at: Counter) -> None:
    row, _ = await begun(at)
    at.running.system.advance(60 * MINUTES - 1)
    asked = GetConnectAttempt(attempt_id=row.id)
    assert (await at.running.person.call(asked)).authorization_url is not None
    at.running.system.advance(1)
    late = await at.running.person.call(asked)
    assert (late.status, late.authorization_url) == ("expired", None)
    assert (await at.running.person.call(ListConnectAttempts())).items == []


async def test_what_is_long_over_is_forgotten_when_the_next_begins(at: Counter) -> None:
    row, _ = await begun(at)
    await at.later(86_400 * KEPT_DAYS + 60 * MINUTES + 1)
    await begun(at)
    assert await at.core.database.read(lambda tx: store.find_by_state(tx, row.state_hash or "")) is None
