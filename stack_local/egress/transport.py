"""The pool as an httpx transport, for libraries that bring their own httpx client."""

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import HostPort, Url, parse_url
from stack_local.egress.client import OUR_HEADERS, check_plain, check_scheme, complete
from stack_local.egress.connections import Pool
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.egress.limits import Limits
from stack_local.egress.messages import OutboundRequest, Peer

EXTENSION = "stack"
"""The key of the `Pin` in `request.extensions`."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a request goes, decided before httpx sees it."""

    host_port: HostPort
    """The pair that was checked; a request to another one is refused."""
    address: str
    """The checked address, from `resolve.pin`."""
    pool_key: str
    """Whose connections it may share."""
    is_plain_allowed: bool = False
    """Whether plain http may be spoken: only with an exempted pair."""


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends to the pinned address and to nothing else; a request without a pin is refused.

    Errors are ours (`EgressFailed`), not httpx's: they say whether the request may have left.
    """

    def __init__(self, pool: Pool, tls: ssl.SSLContext, *, limits: Limits | None = None) -> None:
        self._pool = pool
        self._tls = tls
        self._limits = limits or Limits()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange. The pool stays open when httpx closes the transport: it belongs to `Egress`."""
        pin, url = _read_pin(request), _read_url(request)
        if pin.host_port != url.host_port:
            raise EgressRefused("we do not connect to this host", reason="not the pinned host")
        deadline = asyncio.get_running_loop().time() + self._limits.total_seconds
        outbound = _outbound(request, url, await request.aread(), pin)
        check_scheme(url, outbound.private_allowed)
        check_plain(url, pin.address)
        peer = Peer(pin.pool_key, url.scheme, url.host, url.port, pin.address)
        response = await self._pool.send(peer, complete(outbound), deadline=deadline, tls=self._tls)
        return httpx.Response(response.status, headers=list(response.headers), content=response.body)


def _read_pin(request: httpx.Request) -> Pin:
    pin = request.extensions.get(EXTENSION)
    if not isinstance(pin, Pin):
        raise EgressRefused("we do not connect to this host", reason="not pinned")
    return pin


def _read_url(request: httpx.Request) -> Url:
    try:
        return parse_url(str(request.url))
    except InvalidRequest as error:
        raise EgressFailed(error.message, code="request_invalid", sent=False) from error


def _outbound(request: httpx.Request, url: Url, body: bytes, pin: Pin) -> OutboundRequest:
    """The request without what httpx adds for its own connection."""
    sent_headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    headers = tuple((name, value) for name, value in sent_headers if name.lower() not in OUR_HEADERS)
    private_allowed = frozenset({pin.host_port}) if pin.is_plain_allowed else frozenset[HostPort]()
    return OutboundRequest(request.method, url, headers, body, pin.pool_key, private_allowed)
