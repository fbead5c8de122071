"""Renewing: ahead of the end, once for however many ask, kept before it is used; dead only when the service says so."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import Forbidden, InvalidRequest, Locked, StackError, Unavailable, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Place
from stack_local.oauth.renewal import Renewal
from stack_local.oauth.renewals import MAX_RETRY_SECONDS, RETRY_SECONDS
from stack_local.oauth.upstream import Client
from stack_local.store import services
from tests.oauth.private_keys import pem
from tests.oauth.renewing import BY_REFRESH, CLIENT, CONNECTION_ID, FIRST, FIRST_REFRESH, SERVER, desk
from tests.simulators.authorization_server import MISBEHAVIORS

MANY = 100

WHEN: dict[str, tuple[float | None, float, bool]] = {
    "long before the end": (3600, 0, False),
    "a moment before it is due": (3600, 3600 - 60 - 360 - 1, False),
    "a minute and a tenth of its life before the end": (3600, 3600 - 60 - 360, True),
    "after the end": (3600, 4000, True),
    "a long life is renewed ten minutes and a minute ahead": (30 * 86_400, 30 * 86_400 - 661, False),
    "and no earlier": (30 * 86_400, 30 * 86_400 - 660, True),
    "a short life is used for half of it": (60, 29, False),
    "and then renewed": (60, 30, True),
    "without an end": (None, 10**9, False),
}


@pytest.mark.parametrize(("seconds", "later", "is_renewed"), WHEN.values(), ids=WHEN)
async def test_a_token_is_renewed_when_it_is_due(
    tmp_path: Path, seconds: float | None, later: float, is_renewed: bool
) -> None:
    async with desk(tmp_path, seconds=seconds) as at:
        at.system.advance(later)
        assert (await at.token() == FIRST) is not is_renewed
        assert len(at.server.forms) == is_renewed


async def test_a_hundred_calls_at_once_renew_once_and_all_have_the_new_token(tmp_path: Path) -> None:
    async with desk(tmp_path, seconds=10) as at:
        at.system.advance(10)
        tokens = await asyncio.gather(*(at.token() for _ in range(MANY)))
        assert (set(tokens), len(at.server.forms)) == ({at.server.access_tokens[0]}, 1)
        assert await at.records() == [("credential.renew", "success", None)]


async def test_calls_that_come_while_one_renews_wait_for_it(tmp_path: Path) -> None:
    async with desk(tmp_path, seconds=10, misbehavior="waits") as at:
        at.system.advance(10)
        first = asyncio.ensure_future(at.token())
        await asyncio.wait_for(at.server.arrived.wait(), 5)
        others = [asyncio.ensure_future(at.token()) for _ in range(10)]
        at.server.gate.set()
        assert len({await first, *await asyncio.gather(*others)}) == 1
        assert len(at.server.forms) == 1


async def test_a_refresh_keeps_the_version_so_that_approvals_stay_good(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        before = await at.connection()
        at.system.advance(3600)
        assert await at.token() != FIRST
        assert await at.connection() == before


async def test_a_rotated_refresh_token_is_the_one_of_the_next_time(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for _ in range(3):
            at.system.advance(3600)
            await at.token()
        sent = [form["refresh_token"] for form in at.server.forms]
        assert sent == [FIRST_REFRESH, *at.server.refresh_tokens[:2]]


async def test_a_refresh_token_that_is_not_rotated_stays(tmp_path: Path) -> None:
    async with desk(tmp_path, rotates=False) as at:
        for _ in range(2):
            at.system.advance(3600)
            await at.token()
        assert [form["refresh_token"] for form in at.server.forms] == [FIRST_REFRESH] * 2


async def test_what_is_granted_less_is_shown_and_no_end(tmp_path: Path) -> None:
    async with desk(tmp_path, scope_given="a") as at:
        at.system.advance(3600)
        await at.token()
        view = await at.database.inner.read(lambda tx: services.get(tx, CONNECTION_ID))
        assert (view.service_scopes, view.reconnect_reason) == (["a"], None)


# Kept before it is used ----------------------------------------------------------------------------------------------


async def test_the_new_tokens_are_durable_before_anybody_has_them(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        at.database.refuses = True
        with pytest.raises(Unavailable):
            await at.token()
        assert (len(at.server.forms), at.database.commits) == (1, 0)
        assert (await at.kept_renewal()).refresh_token == Secret(FIRST_REFRESH), "nothing of it is kept"


async def test_an_answer_that_the_disk_refused_is_kept_at_the_next_try_and_not_asked_anew(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        at.database.refuses = True
        for _ in range(2):
            with pytest.raises(Unavailable):
                await at.token()
        at.database.refuses = False
        assert await at.token() == at.server.access_tokens[0]
        assert len(at.server.forms) == 1, (
            "the refresh token was rotated: asked with the old one, the service would end all"
        )
        assert (await at.kept_renewal()).refresh_token == Secret(at.server.refresh_tokens[0])


async def test_a_process_that_starts_anew_goes_on_with_what_was_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        first = await at.token()
        at.restart()
        assert await at.token() == first
        at.system.advance(3600)
        assert await at.token() == at.server.access_tokens[1]
        assert at.server.forms[1]["refresh_token"] == at.server.refresh_tokens[0]


async def test_a_vault_that_is_locked_meanwhile_keeps_the_answer_and_gives_it_to_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path, misbehavior="waits") as at:
        at.system.advance(3600)
        asked = asyncio.ensure_future(at.token())
        await asyncio.wait_for(at.server.arrived.wait(), 5)
        at.vault.lock()
        at.server.gate.set()
        with pytest.raises(Locked):
            await asked
        at.vault.unlock(at.keys)
        assert await at.token() == at.server.access_tokens[0]
        assert len(at.server.forms) == 1


async def test_a_locked_vault_asks_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        at.vault.lock()
        with pytest.raises(Locked):
            await at.token()
        assert at.server.forms == []


async def test_a_credential_that_a_person_put_in_its_place_is_not_written_over(tmp_path: Path) -> None:
    async with desk(tmp_path, misbehavior="waits") as at:
        at.system.advance(3600)
        asked = asyncio.ensure_future(at.token())
        await asyncio.wait_for(at.server.arrived.wait(), 5)
        place = (await at.row()).place
        another = replace(BY_REFRESH, refresh_token=Secret("refresh-of-another"))
        await at.database.inner.write(lambda tx: at.seal(tx, place, another, seconds=3600, token="of-another-1"))
        at.server.gate.set()
        assert await asked == "of-another-1"
        assert (await at.kept_renewal()).refresh_token == Secret("refresh-of-another")


async def test_hosts_that_are_bound_meanwhile_lose_no_rotated_token(tmp_path: Path) -> None:
    async with desk(tmp_path, misbehavior="waits") as at:
        at.system.advance(3600)
        asked = asyncio.ensure_future(at.token())
        await asyncio.wait_for(at.server.arrived.wait(), 5)
        place = Place(CONNECTION_ID, "demo", ("other.example.com:443",), 1)

        def bind(tx: Any) -> None:
            services.bind_hosts(tx, CONNECTION_ID, list(place.hosts))
            at.seal(tx, place, BY_REFRESH, seconds=0, token=FIRST)

        await at.database.inner.write(bind)
        at.server.gate.set()
        assert await asked == at.server.access_tokens[0]
        assert (await at.row()).place.hosts == place.hosts


# A service that cannot, for now --------------------------------------------------------------------------------------


@pytest.mark.parametrize("misbehavior", MISBEHAVIORS)
async def test_a_service_that_misbehaves_ends_nothing(tmp_path: Path, misbehavior: str) -> None:
    async with desk(tmp_path, misbehavior=misbehavior, patience=2) as at:
        at.system.advance(3600)
        with pytest.raises(UpstreamFailed) as failed:
            await at.token()
        assert (failed.value.details["rule"], await at.reason()) == ("renewal", None)
        assert FIRST_REFRESH not in repr(vars(failed.value))
        at.server.misbehavior = None
        at.server.alive.add(FIRST_REFRESH)
        at.system.advance(RETRY_SECONDS + 60)
        assert await at.token() in at.server.access_tokens


@pytest.mark.parametrize("misbehavior", ["500", "a page"])
async def test_a_token_that_is_good_for_a_while_is_used_meanwhile(tmp_path: Path, misbehavior: str) -> None:
    async with desk(tmp_path, misbehavior=misbehavior) as at:
        at.system.advance(3590)
        assert (await at.token(), len(at.server.forms)) == (FIRST, 1)
        at.system.advance(9)
        assert (await at.token(), len(at.server.forms)) == (FIRST, 1)


PAUSES = {"500": RETRY_SECONDS, "429": 60}


@pytest.mark.parametrize("misbehavior", PAUSES)
async def test_a_service_that_failed_is_left_alone_for_a_while(tmp_path: Path, misbehavior: str) -> None:
    async with desk(tmp_path, misbehavior=misbehavior) as at:
        at.system.advance(3600)
        for wait, asked in ((0, 1), (PAUSES[misbehavior] - 1, 1), (1, 2)):
            at.system.advance(wait)
            with pytest.raises(UpstreamFailed):
                await at.token()
            assert len(at.server.forms) == asked
        failed = ("credential.renew", "failure", "RENEWAL_FAILED")
        assert await at.records() == [failed] * 2, "one for each time it was asked"


async def test_a_service_cannot_send_us_away_for_longer_than_minutes(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        at.server.misbehavior = "429"
        with pytest.raises(UpstreamFailed):
            await at.token()
        at.server.misbehavior = None
        at.system.advance(MAX_RETRY_SECONDS)
        assert await at.token() == at.server.access_tokens[0]


async def test_each_caller_has_an_error_of_its_own(tmp_path: Path) -> None:
    async with desk(tmp_path, misbehavior="500") as at:
        at.system.advance(3600)
        failures = await asyncio.gather(*(at.token() for _ in range(3)), return_exceptions=True)
        assert all(isinstance(failure, UpstreamFailed) for failure in failures)
        assert len({id(failure) for failure in failures}) == 3


# Death ---------------------------------------------------------------------------------------------------------------


async def test_a_credential_that_the_service_took_back_is_dead_until_a_person_connects_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.server.die()
        at.system.advance(3600)
        with pytest.raises(Forbidden) as dead:
            await at.token()
        assert dead.value.details["rule"] == "reconnect"
        assert await at.reason() == "the service refused: invalid_grant"
        assert await at.records() == [("credential.renew", "failure", "RECONNECT")]


async def test_a_token_without_anything_to_renew_it_is_dead_at_its_end_and_not_before(tmp_path: Path) -> None:
    async with desk(tmp_path, renewal=None) as at:
        at.system.advance(3599)
        assert await at.token() == FIRST
        at.system.advance(1)
        with pytest.raises(Forbidden):
            await at.token()
        assert (at.server.forms, await at.reason() is None) == ([], False)


async def test_a_service_that_takes_the_token_again_brings_it_back_to_life(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.server.die()
        at.system.advance(3600)
        with pytest.raises(Forbidden):
            await at.token()
        at.server.alive.add(FIRST_REFRESH)
        assert await at.token() == at.server.access_tokens[0]
        assert await at.reason() is None


async def test_a_death_does_not_touch_what_a_person_put_in_its_place(tmp_path: Path) -> None:
    async with desk(tmp_path, misbehavior="waits") as at:
        at.server.die()
        at.system.advance(3600)
        asked = asyncio.ensure_future(at.token())
        await asyncio.wait_for(at.server.arrived.wait(), 5)
        place = (await at.row()).place
        await at.database.inner.write(lambda tx: at.seal(tx, place, None, seconds=None, token="typed-token-1"))
        at.server.gate.set()
        with pytest.raises(Forbidden):
            await asked
        assert (await at.reason(), (await at.row()).source) == (None, "typed")


# The other kinds -----------------------------------------------------------------------------------------------------


async def test_the_applications_own_token_is_had_at_the_first_call(tmp_path: Path) -> None:
    renewal = Renewal("client_credentials", SERVER, CLIENT, ("a", "b"))
    async with desk(tmp_path, renewal=renewal, seconds=0, token="") as at:
        assert await at.token() == at.server.access_tokens[0]
        assert (at.server.forms[0]["grant_type"], at.server.forms[0]["scope"]) == ("client_credentials", "a b")
        at.system.advance(3600)
        assert await at.token() == at.server.access_tokens[1]


NO_KEYS: dict[str, tuple[str, dict[str, str]]] = {
    "a GitHub App": ("github_app", {"app_id": "1", "installation_id": "2", "private_key": "no key"}),
    "a service account": ("google_service_account", {"service_account": "{}"}),
}


@pytest.mark.parametrize(("kind", "fields"), NO_KEYS.values(), ids=NO_KEYS)
async def test_a_key_that_cannot_sign_is_dead_and_asks_nobody(
    tmp_path: Path, kind: Any, fields: dict[str, str]
) -> None:
    secrets = tuple((name, Secret(value)) for name, value in fields.items())
    renewal = Renewal(kind, SERVER, Client(""), ("a",), fields=secrets)
    async with desk(tmp_path, renewal=renewal, seconds=0, token="") as at:
        with pytest.raises(Forbidden):
            await at.token()
        assert at.server.requests == []
        assert "no key" not in str(await at.reason())


async def test_an_app_whose_key_is_no_longer_listed_is_dead(tmp_path: Path) -> None:
    fields = {"app_id": "12345", "installation_id": "678", "private_key": pem()}
    secrets = tuple((name, Secret(value)) for name, value in fields.items())
    renewal = Renewal("github_app", SERVER, Client(""), fields=secrets)
    async with desk(tmp_path, renewal=renewal, seconds=0, token="") as at:
        with pytest.raises(Forbidden):
            await at.token()
        assert at.server.requests[0].path.endswith("/app/installations/678/access_tokens")
        assert await at.reason() == "the service refused the key: 404"


# What must not come back ---------------------------------------------------------------------------------------------


async def test_everything_the_service_knows_is_looked_for_in_its_answers(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        await at.token()
        scrubber = (await at.credentials.open(await at.connection())).scrubber
        secrets = {
            "the token": at.server.access_tokens[0],
            "the token before": FIRST,
            "the refresh token": at.server.refresh_tokens[0],
            "the client's secret": "client-secret-1a2b3c4d",
        }
        seen = {name for name, secret in secrets.items() if not scrubber.clean(f'"{secret}"'.encode())[1]}
        assert seen == set()


async def test_errors_of_a_renewal_are_of_our_own_tree(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.wire.server.port = 1
        at.system.advance(3600)
        with pytest.raises(StackError) as failed:
            await at.token()
        assert not isinstance(failed.value, InvalidRequest)


async def test_who_comes_late_with_the_token_before_renews_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        stale = (await at.row()).sealed
        for _ in range(2):
            await at.renewals.renew(CONNECTION_ID, stale=stale)
        assert len(at.server.forms) == 1
