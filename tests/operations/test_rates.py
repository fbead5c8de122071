"""Rates: each principal has buckets of its own, and a refusal says when the next one passes."""

import pytest

from stack_local.domain.errors import TooMany
from stack_local.operations.rates import REMEMBERED, Rates
from stack_local.settings import Settings
from stack_local.wire.passports import IssuePassport
from stack_local.wire.vault import SetRates, UnlockVault
from tests.conftest import PASSPHRASE, Running, begin, decoded, served
from tests.simulators.clock import TestSystem
from tests.simulators.upstream import Upstream


def test_a_bucket_empties_says_when_and_fills_again() -> None:
    system = TestSystem()
    rates = Rates(system, Settings(proxy_calls_per_minute=2))
    rates.take("proxy", "a")
    rates.take("proxy", "a")
    with pytest.raises(TooMany) as refused:
        rates.take("proxy", "a")
    assert refused.value.details["retry_after_seconds"] == 30
    system.advance(seconds=30)
    rates.take("proxy", "a")
    with pytest.raises(TooMany):
        rates.take("proxy", "a")


def test_a_neighbour_and_another_kind_have_their_own() -> None:
    rates = Rates(TestSystem(), Settings(proxy_calls_per_minute=1, intents_per_hour=1))
    for rate, principal in (("proxy", "a"), ("proxy", "b"), ("intents", "a")):
        rates.take(rate, principal)
    with pytest.raises(TooMany):
        rates.take("intents", "a")


def test_a_long_rest_gives_no_more_than_a_full_bucket() -> None:
    system = TestSystem()
    rates = Rates(system, Settings(proxy_calls_per_minute=1))
    system.advance(seconds=3600)
    rates.take("proxy", "a")
    with pytest.raises(TooMany):
        rates.take("proxy", "a")


def test_the_number_of_buckets_is_bounded() -> None:
    rates = Rates(TestSystem(), Settings())
    for number in range(REMEMBERED + 10):
        rates.take("proxy", str(number))
    assert len(rates._buckets) == REMEMBERED


async def test_a_new_passport_is_no_new_bucket_and_the_refusal_is_recorded(tmp_path, upstream: Upstream) -> None:
    async with served(tmp_path / "home", tmp_path / "state", proxy_calls_per_minute=2) as running:
        await begin(running)
        connection = await running.connect(upstream)
        agent = await running.agent("busy", connection)
        call = {"service": "custom_demo", "url": f"{upstream.base_url}/things"}
        statuses = [(await _call(running, agent.id, call)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        other = await running.agent("calm", connection)
        assert (await _call(running, other.id, call)).status_code == 200


async def _call(running: Running, agent_id: str, call: dict[str, str]):
    issued = await running.person.call(IssuePassport(agent_id=agent_id, intent={"summary": "look"}))
    async with running.http(issued.token.get_secret_value()) as http:
        response = await http.post("/v1/proxy", json=call)
    if response.status_code == 429:
        assert response.headers["retry-after"] == "30"
        assert decoded(response)["error"]["code"] == "TOO_MANY_REQUESTS"
    return response


async def test_what_a_person_allows_holds_at_once_and_after_a_restart(tmp_path) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        await running.person.call(SetRates(intents_per_hour=7))
        assert running.appliance.rates.allowed() == {"intents_per_hour": 7, "proxy_calls_per_minute": 600}
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await running.person.call(UnlockVault(passphrase=PASSPHRASE))
        assert running.appliance.rates.allowed() == {"intents_per_hour": 7, "proxy_calls_per_minute": 600}
