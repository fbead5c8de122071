"""Nothing dangerous is ever connected to: not refused afterwards, but never tried (issue C, bar 3)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import product

import pytest
import pytest_asyncio

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import HostPort, parse_url
from stack_local.egress.client import Egress, OutboundRequest
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.wire.vault import CreateSession
from tests.conftest import PASSPHRASE, Running, begin, served
from tests.egress.dangerous import BY_LAW, DECOY, PUBLIC, Row, redirecting_answers, short_table, table
from tests.egress.surfaces import ANSWERED, SURFACES, Stage, miscounted, said_of, seated, set_stage
from tests.simulators.connects import watched
from tests.simulators.egress import opened, to
from tests.simulators.raw_upstream import raw_upstream
from tests.simulators.resolver import TableResolver

OWN_PORT = 7822
ROWS = tuple(row.at(OWN_PORT) for row in table())
NAMES = [row.name for row in ROWS]
LEAST_ROWS = 150
POINTED = ("REST, bound", "MCP, bound", "base URL", "verify", "token endpoint of the person's own")
SHARED = pytest.mark.asyncio(loop_scope="module")


def test_the_table_is_as_long_as_it_has_to_be_and_names_each_row_once() -> None:
    assert len(ROWS) > len(short_table()) >= LEAST_ROWS
    assert len(set(NAMES)) == len({row.url for row in ROWS}) == len(ROWS)


def lying(rows: tuple[Row, ...]) -> TableResolver:
    """A resolver that says of each name what its row says."""
    answers = {row.host_port.host: list(row.answers) for row in rows if row.answers}
    return TableResolver(answers | {DECOY: [(PUBLIC,)]})


@dataclass(frozen=True, slots=True)
class Exit:
    """One `Egress` for the whole table, and the resolver that lies to it."""

    egress: Egress
    resolver: TableResolver

    async def refusals(self, row: Row, allowed: frozenset[HostPort], *, is_streamed: bool) -> list[str]:
        """What refuses the row's URL each time it is asked, or why it failed."""
        self.resolver.lookups.clear()
        return [await self._refusal(row.url, allowed, is_streamed=is_streamed) for _ in row.answers or [()]]

    async def _refusal(self, url: str, allowed: frozenset[HostPort], *, is_streamed: bool) -> str:
        ask = self.egress.open if is_streamed else self.egress.send
        try:
            await ask(OutboundRequest("GET", parse_url(url), (), b"", "scon_1", allowed))
        except InvalidRequest as refused:
            return str(refused.details["rule"])
        except EgressRefused as refused:
            return refused.reason
        except EgressFailed as failed:
            return failed.code
        return ANSWERED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def way_out() -> AsyncIterator[Exit]:
    resolver = lying(ROWS)
    async with opened(resolver) as egress:
        yield Exit(egress, resolver)


@SHARED
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
async def test_what_is_refused_was_never_connected_to(way_out: Exit, row: Row) -> None:
    for is_bound, is_streamed in product((False, True), repeat=2):
        allowed = frozenset({row.host_port}) if is_bound else frozenset[HostPort]()
        with watched() as connects:
            said = await way_out.refusals(row, allowed, is_streamed=is_streamed)
        assert connects.tried == row.may_reach(is_bound=is_bound)
        assert said[-1] == (row.verdict(is_bound=is_bound) or "connect_failed")


async def test_no_answer_makes_us_connect_a_second_time() -> None:
    answers = redirecting_answers()
    async with raw_upstream(*([whole] for whole in answers.values())) as upstream, opened() as egress:
        pair = ("127.0.0.1", upstream.port)
        with watched(pair) as connects:
            for name in answers:
                await egress.send(to(upstream))
                assert set(connects.take()) <= {pair}, name
    assert len(upstream.requests) == len(answers)


# Through every surface of a whole appliance ---------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One appliance for the whole table, with a lying resolver."""
    folder = tmp_path_factory.mktemp("egress")
    resolver = TableResolver()
    async with served(folder / "home", folder / "state", resolver=resolver) as running:
        await begin(running)
        rows = own_rows(running)
        resolver.answers = lying(rows).answers
        async with running.http() as http:
            made = await set_stage(running.person, http, rows)
            yield replace(made, running=running)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(house: Stage) -> Stage:
    """The same, with a new session of the person: a test before may have turned the clock."""
    house.person.hold_session(None)
    session = await house.person.call(CreateSession(passphrase=PASSPHRASE))
    house.person.hold_session(Secret(session.session.get_secret_value()))
    return house


def own_rows(running: Running) -> tuple[Row, ...]:
    """The table for the appliance of these tests."""
    port = int(running.base_url.rpartition(":")[2])
    return tuple(row.at(port) for row in short_table())


@SHARED
@pytest.mark.parametrize("name", SURFACES)
async def test_no_surface_connects_to_what_is_refused(stage: Stage, name: str) -> None:
    assert stage.running is not None
    surface = SURFACES[name]
    rows = [row for row in own_rows(stage.running) if surface.serves(row)]
    with watched() as connects:
        said = await said_of(surface, stage, rows)
    assert miscounted(connects.tried, [(row, surface.may_reach(row)) for row in rows]) == {}
    assert {row.name: words for row, words in said if words not in surface.expected(row)} == {}


@SHARED
@pytest.mark.parametrize("name", POINTED)
async def test_no_surface_goes_where_an_answer_points(stage: Stage, name: str) -> None:
    answers = redirecting_answers()
    async with raw_upstream(*([whole] for whole in answers.values())) as upstream:
        pair = HostPort("127.0.0.1", upstream.port)
        there = replace(stage, seats=await seated(stage.person, f"pointed-{upstream.port}", [pair]))
        here = Row("here", f"http://{pair.text}/", BY_LAW, BY_LAW)
        with watched((pair.host, pair.port)) as connects:
            said = [await SURFACES[name].ask(there, here) for _ in answers]
    assert set(connects.tried) == {(pair.host, pair.port)}
    assert len(upstream.requests) == len(answers)
    assert said == [ANSWERED] * len(answers)
