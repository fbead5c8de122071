"""The port through which the proxy sends: pin, connect, write, read, decode, all under one deadline."""

import asyncio
import re

from stack_local import __version__
from stack_local.domain.urls import HostPort, Url, is_ip_literal
from stack_local.egress.addresses import refusal
from stack_local.egress.connections import Pool
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.egress.exchange import METHODS
from stack_local.egress.limits import Limits
from stack_local.egress.messages import InboundResponse, OutboundRequest, Peer, Upload, WireRequest
from stack_local.egress.resolve import Resolver, check_outside, may_be_private, pin
from stack_local.egress.streams import StreamedResponse
from stack_local.egress.way import Way

__all__ = [
    "Egress",
    "InboundResponse",
    "OutboundRequest",
    "StreamedResponse",
    "Upload",
    "check_plain",
    "check_scheme",
    "complete",
]

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
"""Methods that say their length even when the body is empty."""

OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that frame the message or belong to this hop: nobody hands them in."""

USER_AGENT = f"stack_local/{__version__}"
"""Sent when the request names none."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_TARGET = re.compile(r"/[\x21-\x7e]*", re.ASCII)
_HOST = re.compile(r"[0-9a-z.:-]+", re.ASCII)
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")


class Egress:
    """Sends requests. It lives on one event loop; `app.py` opens and closes it."""

    def __init__(
        self,
        *,
        resolver: Resolver,
        own_ports: frozenset[int],
        way: Way | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`own_ports` are those we listen on."""
        self._resolver = resolver
        self._own_ports = own_ports
        self._limits = limits or Limits()
        self._way = way or Way()
        self._pool = Pool(limits=self._limits)

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """The answer to the request. No redirect is followed, no cookie kept, nothing tried twice.

        Raises:
            EgressRefused: we do not connect there.
            EgressFailed: `code` says why, `sent` whether the request may have left.
        """
        deadline = asyncio.get_running_loop().time() + self._limits.total_seconds
        wire_request = complete(request)
        peer = await self._peer(request, deadline)
        return await self._pool.send(peer, wire_request, deadline=deadline, tls=request.tls or self._way.tls)

    async def open(self, request: OutboundRequest) -> StreamedResponse:
        """The head of the answer; its body is read piece by piece. Whoever opens it reads it to its end or closes it.

        Raises:
            EgressRefused, EgressFailed: as `send`.
        """
        deadline = asyncio.get_running_loop().time() + self._limits.stream_head_seconds
        wire_request = complete(request)
        peer = await self._peer(request, deadline)
        return await self._pool.open(peer, wire_request, tls=request.tls or self._way.tls)

    async def aclose(self) -> None:
        """Close the idle connections."""
        await self._pool.aclose()

    async def _peer(self, request: OutboundRequest, deadline: float) -> Peer:
        """Where the request goes, once everything about it was checked; nothing is connected to before."""
        url, proxy = request.url, self._way.chosen.proxy
        check_scheme(url, request.private_allowed)
        if proxy is not None and not may_be_private(url.host_port, request.private_allowed):
            return await self._beyond(proxy, request, deadline)
        address = await self._pin(url.host_port, request.private_allowed, deadline)
        if proxy is not None and refusal(address) is None:
            return await self._beyond(proxy, request, deadline)
        check_plain(url, address)
        return Peer(request.pool_key, url.scheme, url.host, url.port, address)

    async def _beyond(self, proxy: HostPort, request: OutboundRequest, deadline: float) -> Peer:
        """A host outside: the proxy looks its name up, and the certificate says that it is the one."""
        url = request.url
        if url.scheme != "https":
            raise EgressRefused("we do not send over plain http", reason="plain http")
        check_outside(url.host, url.port, own_ports=self._own_ports)
        address = await self._pin(proxy, frozenset({proxy}), deadline)
        return Peer(request.pool_key, url.scheme, url.host, url.port, address, proxy.port)

    async def _pin(self, host_port: HostPort, private_allowed: frozenset[HostPort], deadline: float) -> str:
        pinning = pin(
            self._resolver,
            host_port.host,
            host_port.port,
            private_allowed=private_allowed,
            own_ports=self._own_ports,
        )
        if is_ip_literal(host_port.host):
            return await pinning  # nothing is looked up
        try:
            async with asyncio.timeout_at(deadline):
                return await pinning
        except TimeoutError:
            raise EgressFailed("the name was not resolved in time", code="timed_out", sent=False) from None


def complete(request: OutboundRequest) -> WireRequest:
    """Check the request and add what is ours: Host, length, coding and, if none is given, a user agent.

    Raises:
        EgressFailed: `request_invalid`, nothing was sent.
    """
    if request.method not in METHODS:
        raise _request_invalid("the method is not served")
    _check_url(request.url)
    headers = [("Host", request.url.authority)]
    names = set()
    for name, value in request.headers:
        _check_header(name, value)
        names.add(name.lower())
        headers.append((name, value))
    if names & OUR_HEADERS:
        raise _request_invalid("the request brings a header that is ours to set")
    if "user-agent" not in names:
        headers.append(("User-Agent", USER_AGENT))
    headers.append(("Accept-Encoding", "gzip"))
    if request.upload is not None and request.upload.length is None:
        headers.append(("Transfer-Encoding", "chunked"))
    elif request.body or request.upload is not None or request.method in BODY_METHODS:
        length = len(request.body) if request.upload is None else request.upload.length
        headers.append(("Content-Length", str(length)))
    encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    return WireRequest(request.method, request.url.target.encode("ascii"), encoded, request.body, request.upload)


def _check_url(url: Url) -> None:
    """A `Url` made without the parser must not be able to end a line either."""
    if not _TARGET.fullmatch(url.target) or not _HOST.fullmatch(url.host):
        raise _request_invalid("the url was not read by our parser")


def _check_header(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise _request_invalid("a header name is not a token")
    if not _VALUE.fullmatch(value):
        raise _request_invalid("a header value holds a control, an outer blank or a character outside latin-1")


def check_scheme(url: Url, private_allowed: frozenset[HostPort]) -> None:
    """Plain http is for exempted pairs only.

    Raises:
        EgressRefused: it is not one.
    """
    if url.scheme != "https" and url.host_port not in private_allowed:
        raise EgressRefused("we do not send over plain http", reason="plain http")


def check_plain(url: Url, address: str) -> None:
    """Plain http stays inside, whatever a person bound: on the way to a public address anybody reads the credential.

    Raises:
        EgressRefused: it would go outside.
    """
    if url.scheme != "https" and refusal(address) is None:
        raise EgressRefused("we do not send over plain http", reason="plain http")


def _request_invalid(message: str) -> EgressFailed:
    return EgressFailed(message, code="request_invalid", sent=False)
