"""Every way by which a URL that somebody else wrote may make the appliance connect: each is one entry of SURFACES."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from stack_local.client import RemoteClient
from stack_local.domain.errors import StackError
from stack_local.domain.secrets import Secret
from stack_local.domain.services import LOCAL
from stack_local.domain.urls import HostPort
from stack_local.oauth.upstream import Client, TokenServer, refresh_request
from stack_local.oauth.upstream_answers import Later
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.consents import SetClientMetadataFetching
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService, VerifyConnection
from stack_local.wire.vault import MAX_RATE, SetRates
from tests.conftest import TOKEN, Running, decoded
from tests.egress.dangerous import BY_LAW, Row
from tests.simulators.connects import ours

Pair = tuple[str, int]
"""Address and port of a connection."""

ANSWERED = "answered"
"""What a surface says when somebody out there answered."""

CONNECT_FAILED = "CONNECT_FAILED"
"""What it says of a place that may be reached: the test stops it there."""

MCP_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}

ELSEWHERE = HostPort("bound.example.org", 443)
"""The one host of the connection that is used where nobody bound the row's."""

PAIRS_OF_AN_AGENT = 20
"""A passport names what its agent may use, and no passport is long enough for the table."""

AT_ONCE = 8
"""Rows under way at the same time."""


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
    """One way out."""

    ask: Ask
    may_reach: Callable[[Row], list[Pair]]
    """Address and port of what the law lets it connect to, for a row."""
    says: Callable[[Row], set[str]] | None = None
    """What it may say of a row; None where it only must not be ANSWERED."""
    serves: Callable[[Row], bool] = lambda row: True
    """Whether it is asked for the row at all."""

    def expected(self, row: Row) -> "set[str] | AnythingBut":
        """What it may say of a row."""
        return AnythingBut(ANSWERED) if self.says is None else self.says(row)


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Every word but one."""

    word: str

    def __contains__(self, said: object) -> bool:
        return said != self.word


def if_bound(row: Row) -> list[Pair]:
    """Of a surface whose connection is bound to the row's host: `egress` alone stands in its way."""
    return row.may_reach(is_bound=True)


def if_fetched(row: Row) -> list[Pair]:
    """Of a surface that goes where a stranger says: no exemption."""
    return row.may_reach(is_bound=False)


def nothing(row: Row) -> list[Pair]:
    """Of a surface whose connection is bound to another host."""
    return []


async def set_stage(person: RemoteClient, http: httpx.AsyncClient, rows: Iterable[Row]) -> Stage:
    """Connect every pair, as the person."""
    await person.call(SetRates(proxy_calls_per_minute=MAX_RATE))
    await person.call(SetClientMetadataFetching(enabled=True))
    pairs = list({ELSEWHERE, *(row.host_port for row in rows)})
    groups = [pairs[start : start + PAIRS_OF_AN_AGENT] for start in range(0, len(pairs), PAIRS_OF_AN_AGENT)]
    all_seats = await asyncio.gather(*(seated(person, f"traveler{n}", group) for n, group in enumerate(groups)))
    return Stage(http, person, {pair: seat for seats in all_seats for pair, seat in seats.items()})


async def seated(person: RemoteClient, name: str, pairs: list[HostPort]) -> dict[HostPort, Seat]:
    """An agent, and its connections."""
    agent = await person.call(RegisterAgent(name=name))
    key = (await person.call(CreateKey(agent_id=agent.id))).api_key.get_secret_value()
    seats = {}
    for number, pair in enumerate(pairs):
        connected = ConnectCustomService(
            name=f"{name}-{number}", credential=TOKEN, hosts=[pair.text], verify_path="/", confirm_hosts=True
        )
        made = await person.call(connected)
        await person.call(GrantAgentAccess(agent_id=agent.id, service_connection_id=made.id, scopes=["read"]))
        seats[pair] = Seat(made.id, key)
    return seats


async def said_of(surface: Surface, stage: Stage, rows: Iterable[Row]) -> list[tuple[Row, str]]:
    """What a surface says of each row; a few are asked at once, fewer than one agent may have under way."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def asked(row: Row) -> tuple[Row, str]:
        async with turns:
            return row, await surface.ask(stage, row)

    return list(await asyncio.gather(*(asked(row) for row in rows)))


def miscounted(tried: Iterable[Pair], lawful: Iterable[tuple[Row, list[Pair]]]) -> dict[Pair, tuple[int, int]]:
    """Pairs that were connected to more or less often than the law lets happen: how often, and how often it does.

    What a name was good for before it changed is reached at most; what a person named is reached exactly, so that the
    watching is known to work.
    """
    rows, seen = list(lawful), Counter(tried)
    certain = Counter(pair for row, pairs in rows if len(row.answers) < 2 for pair in pairs)
    passing = {pair for row, pairs in rows if len(row.answers) > 1 for pair in pairs}
    return {
        pair: (seen[pair], certain[pair])
        for pair in seen.keys() | certain.keys()
        if (seen[pair] < certain[pair] if pair in passing else seen[pair] != certain[pair])
    }


# Calls of an agent ----------------------------------------------------------------------------------------------------


async def _by_rest(stage: Stage, row: Row, *, is_bound: bool) -> str:
    seat = stage.seat(row, is_bound=is_bound)
    call = {"service": seat.connection_id, "url": row.url}
    with ours():
        response = await stage.http.post("/v1/proxy", json=call, headers=seat.bearer)
    return _said(decoded(response))


async def _by_mcp(stage: Stage, row: Row, *, is_bound: bool) -> str:
    seat = stage.seat(row, is_bound=is_bound)
    params = {"name": "stack_proxy_request", "arguments": {"service": seat.connection_id, "url": row.url}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    with ours():
        response = await stage.http.post("/mcp", json=asked, headers=seat.bearer | MCP_HEADERS)
    # What is refused before anything is sent is told at once, and the rest as an event.
    (answer,) = (line for line in response.text.splitlines() if line.startswith(("{", "data: {")))
    told = json.loads(answer.removeprefix("data: "))["result"]
    # One line for a model to read, then the envelope.
    return _said(json.loads(told["content"][0]["text"].partition("\n")[2])) if told.get("isError") else ANSWERED


async def _by_base_url(stage: Stage, row: Row) -> str:
    assert row.parsed is not None
    seat = stage.seat(row, is_bound=True)
    with ours():
        response = await stage.http.get(f"/p/{seat.connection_id}{row.parsed.target}", headers=seat.bearer)
    return ANSWERED if "x-stack-operation-id" in response.headers else _said(decoded(response))


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


async def _by_token_endpoint(stage: Stage, row: Row, *, is_own: bool) -> str:
    """The way of every token: codes, refreshes, devices, machines and revocations."""
    assert stage.running is not None
    core = stage.running.appliance.dispatcher._core
    assert core is not None
    try:
        server = TokenServer(row.url, own_hosts=(row.host_port.text,) if is_own else ())
        asked = refresh_request(server, Client("client"), Secret(TOKEN))
    except StackError as refused:
        return refused.code
    told = await core.tokens.ask(asked, private_allowed=server.private_allowed)
    return told.reason if isinstance(told, Later) else ANSWERED


def says_of_call(row: Row) -> set[str]:
    """What a call says to a URL that its connection is bound to: the parser's rule, or the one of all of `egress`."""
    if row.parsed is None:
        return {row.unbound or ANSWERED}
    last = {"dns_failed": "DNS_FAILED", BY_LAW: CONNECT_FAILED}.get(row.bound, "egress_denied")
    # The good answers come first, and are remembered for a moment.
    return {last} | ({CONNECT_FAILED} if len(row.answers) > 1 else set())


def _has_base(row: Row) -> bool:
    """Whether the URL is what the base of a connection with this one host makes of it."""
    if row.parsed is None:
        return False
    is_plain = row.parsed.host in LOCAL and row.parsed.port != 443
    return row.parsed.scheme == ("http" if is_plain else "https")


def if_not_bound(row: Row) -> set[str]:
    """What a call says to a URL that its connection is not bound to."""
    return {"host"}


def _is_read(row: Row) -> bool:
    """Whether our parser reads the URL: what it refuses comes to no binding."""
    return row.parsed is not None


SURFACES: dict[str, Surface] = {
    "REST, bound": Surface(partial(_by_rest, is_bound=True), if_bound, says_of_call),
    "REST, not bound": Surface(partial(_by_rest, is_bound=False), nothing, if_not_bound, _is_read),
    "MCP, bound": Surface(partial(_by_mcp, is_bound=True), if_bound, says_of_call),
    "MCP, not bound": Surface(partial(_by_mcp, is_bound=False), nothing, if_not_bound, _is_read),
    "base URL": Surface(_by_base_url, if_bound, says_of_call, _has_base),
    "verify": Surface(_by_verify, if_bound, serves=_has_base),
    "token endpoint of the person's own": Surface(partial(_by_token_endpoint, is_own=True), if_bound),
    "token endpoint": Surface(partial(_by_token_endpoint, is_own=False), if_fetched),
    "client document": Surface(_by_client_document, if_fetched),
}
"""A new way out is one entry and its function."""


def _said(answer: Any) -> str:
    """The rule of a refusal, or the code of a failure."""
    if "error" not in answer:
        return ANSWERED
    error = answer["error"]
    return str(error.get("details", {}).get("rule") or error["code"])
