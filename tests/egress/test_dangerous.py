"""Nothing dangerous is ever connected to: not refused afterwards, but never tried (issue C, bar 3)."""

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import HostPort, parse_url
from stack_local.egress.client import OutboundRequest
from stack_local.egress.errors import EgressFailed, EgressRefused
from tests.egress.dangerous import BY_LAW, DECOY, Row, redirecting_answers, table
from tests.simulators.connects import watched
from tests.simulators.egress import opened, to
from tests.simulators.raw_upstream import raw_upstream
from tests.simulators.resolver import TableResolver

OWN_PORT = 7822
ROWS = tuple(row.at(OWN_PORT) for row in table())
NAMES = [row.name for row in ROWS]
LEAST_ROWS = 150


def test_the_table_is_as_long_as_it_has_to_be_and_names_each_row_once() -> None:
    assert len(ROWS) >= LEAST_ROWS
    assert len(set(NAMES)) == len({row.url for row in ROWS}) == len(ROWS)


def lying(rows: tuple[Row, ...]) -> TableResolver:
    """A resolver that says of each name what its row says."""
    answers = {row.host_port.host: list(row.answers) for row in rows if row.answers}
    return TableResolver(answers | {DECOY: [("93.184.216.34",)]})


@pytest.mark.parametrize("is_bound", [False, True], ids=["unbound", "bound"])
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
async def test_what_is_refused_was_never_connected_to(row: Row, is_bound: bool) -> None:
    allowed = frozenset({row.host_port}) if is_bound else frozenset[HostPort]()
    said: list[str] = []
    async with opened(lying((row,))) as egress:
        with watched() as connects:
            for _ in row.answers or [()]:
                try:
                    url = parse_url(row.url)
                    await egress.send(OutboundRequest("GET", url, (), b"", "scon_1", allowed))
                except InvalidRequest as refused:
                    said.append(str(refused.details["rule"]))
                except EgressRefused as refused:
                    said.append(refused.reason)
                except EgressFailed as failed:
                    said.append(failed.code)
    verdict = row.verdict(is_bound=is_bound)
    assert connects.tried == row.may_reach(is_bound=is_bound)
    assert said[-1] == ("connect_failed" if verdict is BY_LAW else verdict)


async def test_no_answer_makes_us_connect_a_second_time() -> None:
    answers = redirecting_answers()
    async with raw_upstream(*([whole] for whole in answers.values())) as upstream, opened() as egress:
        pair = ("127.0.0.1", upstream.port)
        with watched(pair) as connects:
            for name in answers:
                await egress.send(to(upstream))
                assert set(connects.take()) <= {pair}, name
    assert len(upstream.requests) == len(answers)
