"""Every way by which a URL that somebody else wrote may make the appliance connect: each is one entry of SURFACES."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from stack_local.client import RemoteClient
from stack_local.domain.errors import StackError
from stack_local.domain.services import LOCAL
from stack_local.domain.urls import HostPort
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.consents import SetClientMetadataFetching
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService, VerifyConnection
from stack_local.wire.vault import MAX_RATE, SetRates
from tests.conftest import TOKEN, Running, decoded
from tests.egress.dangerous import BY_LAW, Row
from tests.simulators.connects import ours

ANSWERED = "answered"
"""What a surface says when somebody out there answered."""

MCP_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}

ELSEWHERE = HostPort("bound.example.org", 443)
"""The one host of the connection that is used where nobody bound the row's."""

PAIRS_OF_AN_AGENT = 20
"""A passport names what its agent may use, and no passport is long enough for the table."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A connection that is bound to one pair and to nothing else, and the key of an agent that may use it."""

    connection_id: str
    key: str

    @property
    def bearer(self) -> dict[str, str]:
        """What the agent sends along."""
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A seat for each pair of the table."""

    http: httpx.AsyncClient
    person: RemoteClient
    seats: dict[HostPort, Seat]
    running: Running | None = None
    """The appliance, where it lives in this process."""

    def seat(self, row: Row, *, is_bound: bool) -> Seat:
        """Who calls the row's URL, and over which connection."""
        return self.seats[row.host_port if is_bound else ELSEWHERE]


Ask = Callable[[Stage, Row], Awaitable[str]]
"""Make the product go to the row's URL, by this surface: what it says, a rule or a code, or ANSWERED."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One way out. `serves` leaves out rows that it cannot be asked for at all."""

    ask: Ask
    is_bound: bool
    """Whether the connection in use is bound to the row's host; if so, `egress` alone stands in the way."""
    serves: Callable[[Row], bool] = lambda row: True
    says: Callable[[Row], str] | None = None
    """What it says of a row, exactly; None where it only must not be ANSWERED."""


async def set_stage(person: RemoteClient, http: httpx.AsyncClient, rows: Iterable[Row]) -> Stage:
    """Connect every pair, as the person."""
    await person.call(SetRates(proxy_calls_per_minute=MAX_RATE))
    await person.call(SetClientMetadataFetching(enabled=True))
    pairs = list({ELSEWHERE, *(row.host_port for row in rows)})
    groups = [pairs[start : start + PAIRS_OF_AN_AGENT] for start in range(0, len(pairs), PAIRS_OF_AN_AGENT)]
    seated = await asyncio.gather(*(_seated(person, f"traveler{n}", group) for n, group in enumerate(groups)))
    return Stage(http, person, {pair: seat for seats in seated for pair, seat in seats.items()})


async def _seated(person: RemoteClient, name: str, pairs: list[HostPort]) -> dict[HostPort, Seat]:
    """An agent, and its connections."""
    agent = await person.call(RegisterAgent(name=name))
    key = (await person.call(CreateKey(agent_id=agent.id))).api_key.get_secret_value()
    seats = {}
    for number, pair in enumerate(pairs):
        connected = ConnectCustomService(name=f"{name}-{number}", credential=TOKEN, hosts=[pair.text], verify_path="/")
        made = await person.call(connected)
        await person.call(GrantAgentAccess(agent_id=agent.id, service_connection_id=made.id, scopes=["read"]))
        seats[pair] = Seat(made.id, key)
    return seats


# Calls of an agent ----------------------------------------------------------------------------------------------------


async def _by_rest(stage: Stage, row: Row, *, is_bound: bool) -> str:
    seat = stage.seat(row, is_bound=is_bound)
    call = {"service": seat.connection_id, "url": row.url}
    with ours():
        response = await stage.http.post("/v1/proxy", content=_json(call), headers=seat.bearer)
    return _said(decoded(response))


async def _by_mcp(stage: Stage, row: Row, *, is_bound: bool) -> str:
    seat = stage.seat(row, is_bound=is_bound)
    params = {"name": "stack_proxy_request", "arguments": {"service": seat.connection_id, "url": row.url}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    with ours():
        response = await stage.http.post("/mcp", content=_json(asked), headers=seat.bearer | MCP_HEADERS)
    told = decoded(response)["result"]
    return _said(json.loads(told["content"][0]["text"])) if told.get("isError") else ANSWERED


async def _by_base_url(stage: Stage, row: Row) -> str:
    assert row.parsed is not None
    seat = stage.seat(row, is_bound=True)
    with ours():
        response = await stage.http.get(f"/p/{seat.connection_id}{row.parsed.target}", headers=seat.bearer)
    return ANSWERED if response.is_success else _said(decoded(response))


async def _by_verify(stage: Stage, row: Row) -> str:
    found = await stage.person.call(VerifyConnection(connection_id=stage.seat(row, is_bound=True).connection_id))
    return "failed" if found.upstream_status is None else ANSWERED


# What the appliance fetches for itself --------------------------------------------------------------------------------


async def _by_client_document(stage: Stage, row: Row) -> str:
    assert stage.running is not None
    stage.running.system.advance(seconds=61)  # ten in a minute are fetched, and no more
    try:
        await stage.running.appliance.authorization_server().documents.learn(row.url)
    except StackError as refused:
        return refused.code
    return ANSWERED


def says_of_call(row: Row, *, is_bound: bool) -> str:
    """The rule or code by which a call is refused: the parser's, the binding's, or the one of all of `egress`."""
    if row.parsed is None:
        return row.unbound
    if not is_bound:
        return "host"
    if row.bound is BY_LAW or len(row.answers) > 1:
        return "CONNECT_FAILED"  # what may be reached is stopped by the test
    return "DNS_FAILED" if row.bound == "dns_failed" else "egress_denied"


def _has_base(row: Row) -> bool:
    """Whether the URL is what the base of a connection with this one host makes of it."""
    if row.parsed is None:
        return False
    is_plain = row.parsed.host in LOCAL and row.parsed.port != 443
    return row.parsed.scheme == ("http" if is_plain else "https")


SURFACES: dict[str, Surface] = {
    "REST, bound": Surface(
        lambda stage, row: _by_rest(stage, row, is_bound=True), True, says=lambda row: says_of_call(row, is_bound=True)
    ),
    "REST, not bound": Surface(
        lambda stage, row: _by_rest(stage, row, is_bound=False),
        False,
        says=lambda row: says_of_call(row, is_bound=False),
    ),
    "MCP, bound": Surface(
        lambda stage, row: _by_mcp(stage, row, is_bound=True), True, says=lambda row: says_of_call(row, is_bound=True)
    ),
    "MCP, not bound": Surface(
        lambda stage, row: _by_mcp(stage, row, is_bound=False),
        False,
        says=lambda row: says_of_call(row, is_bound=False),
    ),
    "base URL": Surface(_by_base_url, True, serves=_has_base, says=lambda row: says_of_call(row, is_bound=True)),
    "verify": Surface(_by_verify, True, serves=_has_base),
    "client document": Surface(_by_client_document, False),
}
"""A new way out is one entry and its function."""


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _said(answer: Any) -> str:
    """The rule of a refusal, or the code of a failure."""
    if "error" not in answer:
        return ANSWERED
    error = answer["error"]
    return str(error.get("details", {}).get("rule") or error["code"])
