"""One socket to one checked address: opening it with TLS, and reading and writing it in bounded steps."""

import asyncio
import contextlib
import ipaddress
import re
import select
import socket
import ssl
from collections.abc import Callable

from stack_local.domain.urls import HostPort
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import WRITE_AHEAD_BYTES, Limits
from stack_local.egress.messages import Peer

_OPENED = re.compile(rb"HTTP/1\.[01] 2[0-9]{2}[ \r]")
"""How the answer of a proxy begins that has gone on."""


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time. Bytes that arrive between exchanges end it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._received = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._is_in_use = True
        self._writable: asyncio.Future[None] | None = None
        self._listener: Callable[[], None] | None = None
        self._has_ended = False
        self._was_broken = False
        self.idle_since = 0.0
        """Loop time of the last release; owned by the pool."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._descriptor = transport.get_extra_info("socket").fileno()
        transport.set_write_buffer_limits(WRITE_AHEAD_BYTES)

    def data_received(self, data: bytes) -> None:
        if not self._is_in_use:
            self.abort()
            return
        self._received += data
        if len(self._received) > self._limits.read_ahead_bytes and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def eof_received(self) -> None:
        # The loop closes the transport now; what has arrived stays readable.
        self._has_ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._has_ended = True
        self._was_broken = error is not None
        self._transport = None
        self.resume_writing()
        self._wake()

    def write(self, data: bytes) -> None:
        """Hand over bytes to send; from here on they may have left.

        Raises:
            EgressFailed: `connection_reset`, it ended before; nothing was sent.
        """
        if self._transport is None or not self.is_open:
            raise EgressFailed("the connection ended before the request", code="connection_reset", sent=False)
        self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the socket has taken most of what was written."""
        if self._writable is not None:
            await self._writable

    @property
    def is_open(self) -> bool:
        """Whether something can still be sent."""
        return self._transport is not None and not self._has_ended and not self._transport.is_closing()

    @property
    def received(self) -> bytes:
        """What waits for its reader."""
        return bytes(self._received)

    def tell(self, listener: Callable[[], None] | None) -> None:
        """Call this whenever the other side says something or ends; None to call nothing."""
        self._listener = listener

    async def read(self) -> bytes:
        """Whatever has arrived, at least one byte; empty after an orderly end.

        Raises:
            EgressFailed: `connection_reset`.
        """
        if not self._received and not self._has_ended:
            await self._wait()
        if self._received:
            return self._take()
        if self._was_broken:
            raise EgressFailed("the connection broke", code="connection_reset", sent=True)
        return b""

    def mark_idle(self, now: float) -> None:
        """Between two exchanges: whatever happens on the connection now ends it."""
        self._is_in_use = False
        self.idle_since = now

    def take_up(self) -> bool:
        """Begin the next exchange; False when the other side has ended or said something meanwhile."""
        if not self.is_open or _has_input(self._descriptor):
            return False
        self._is_in_use = True
        return True

    def is_quiet(self) -> bool:
        """Whether nothing is left over in either direction, so that another exchange may follow."""
        return (
            self._transport is not None
            and not self._has_ended
            and not self._received
            and not self._transport.get_write_buffer_size()
        )

    def abort(self) -> None:
        """Close at once; nothing that waits is sent."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._listener is not None:
            self._listener()

    def _take(self) -> bytes:
        data = bytes(self._received)
        self._received.clear()
        if len(data) > self._limits.read_ahead_bytes and self._transport is not None:
            self._transport.resume_reading()
        return data


async def open_connection(peer: Peer, tls_context: ssl.SSLContext, limits: Limits) -> Connection:
    """Connect to the checked address, and to nothing else.

    Raises:
        EgressFailed: `connect_failed`, `tls_failed` or `timed_out`; nothing was sent.
    """
    raw_socket = await _connect(peer, limits)
    tls = tls_context if peer.scheme == "https" else None
    try:
        async with asyncio.timeout(limits.tls_seconds):
            return await _attach(raw_socket, peer, tls, limits)
    except TimeoutError:
        raise EgressFailed("the TLS handshake took too long", code="timed_out", sent=False) from None
    except OSError as error:  # ssl.SSLError is one
        raise EgressFailed("the TLS handshake failed", code="tls_failed", sent=False) from error


async def _connect(peer: Peer, limits: Limits) -> socket.socket:
    family = socket.AF_INET6 if ":" in peer.address else socket.AF_INET
    raw_socket = socket.socket(family, socket.SOCK_STREAM)
    try:
        raw_socket.setblocking(False)
        raw_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(limits.connect_seconds):
            await asyncio.get_running_loop().sock_connect(raw_socket, (peer.address, _port(peer)))
        _check_peer_name(raw_socket, peer)
        if peer.proxy_port is not None:
            await _tunnel(raw_socket, peer, limits)
    except BaseException as error:
        raw_socket.close()
        if isinstance(error, TimeoutError):
            raise EgressFailed("connecting took too long", code="timed_out", sent=False) from None
        if isinstance(error, OSError):
            raise EgressFailed("the connection was not made", code="connect_failed", sent=False) from error
        raise
    return raw_socket


def _check_peer_name(raw_socket: socket.socket, peer: Peer) -> None:
    """The kernel says whom we reached; an address that was rewritten on the way must not get a credential."""
    address, port = raw_socket.getpeername()[:2]
    if ipaddress.ip_address(address) != ipaddress.ip_address(peer.address) or port != _port(peer):
        raise EgressFailed("another address answered", code="connect_failed", sent=False)


def _port(peer: Peer) -> int:
    return peer.port if peer.proxy_port is None else peer.proxy_port


async def _tunnel(raw_socket: socket.socket, peer: Peer, limits: Limits) -> None:
    """Ask the proxy to go on to the host (RFC 9110, section 9.3.6)."""
    loop, target = asyncio.get_running_loop(), HostPort(peer.host, peer.port).text.encode("ascii")
    answer = b""
    async with asyncio.timeout(limits.connect_seconds):
        await loop.sock_sendall(raw_socket, b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
        while b"\r\n\r\n" not in answer and len(answer) < limits.response_head_bytes:
            data = await loop.sock_recv(raw_socket, limits.response_head_bytes)
            if not data:
                break
            answer += data
    # Whoever is behind it speaks first only once it is spoken to: nothing may follow the head.
    if not _OPENED.match(answer) or not answer.endswith(b"\r\n\r\n"):
        raise EgressFailed("the company's proxy does not let it through", code="connect_failed", sent=False)


async def _attach(raw_socket: socket.socket, peer: Peer, tls: ssl.SSLContext | None, limits: Limits) -> Connection:
    """Hand the socket to the loop, which closes it when the handshake fails or is canceled."""
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(limits), sock=raw_socket, ssl=tls, server_hostname=peer.host if tls else None
    )
    return connection


def _has_input(descriptor: int) -> bool:
    """Whether the kernel holds bytes or an end that the loop has not seen yet."""
    poll = select.poll()
    with contextlib.suppress(OSError):
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))
    return True
