"""How tests send through `Egress` to an upstream on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stack_local.domain.urls import HostPort, parse_url
from stack_local.egress.client import Egress, OutboundRequest
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits
from stack_local.egress.way import Chosen, Way
from tests.simulators.raw_upstream import RawUpstream
from tests.simulators.resolver import TableResolver

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
"""A whole answer."""

HEAD = b"HTTP/1.1 200 OK\r\n"
"""The first line of one."""

SHORT = Limits(total_seconds=0.05)
"""For upstreams that hang."""


@asynccontextmanager
async def opened(
    resolver: TableResolver | None = None, *, limits: Limits | None = None, ca: str | None = None
) -> AsyncIterator[Egress]:
    """An `Egress` while the block runs."""
    own_ports = frozenset({7822})
    egress = Egress(resolver=resolver or TableResolver(), own_ports=own_ports, limits=limits, way=Way(Chosen(ca=ca)))
    try:
        yield egress
    finally:
        await egress.aclose()


def outbound(
    url: str,
    *,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    pool_key: str = "scon_1",
    is_exempt: bool = True,
) -> OutboundRequest:
    """A request that is exempt for its own pair unless told otherwise."""
    parsed = parse_url(url)
    allowed = frozenset({parsed.host_port}) if is_exempt else frozenset[HostPort]()
    return OutboundRequest(method, parsed, headers, body, pool_key, allowed)


def to(upstream: RawUpstream, path: str = "/") -> OutboundRequest:
    """A plain request to the upstream."""
    return outbound(f"http://127.0.0.1:{upstream.port}{path}")


async def failure_of(egress: Egress, request: OutboundRequest) -> tuple[str, bool]:
    """The code of the failure, and whether the request may have left."""
    with pytest.raises(EgressFailed) as failed:
        await egress.send(request)
    return failed.value.code, failed.value.sent
