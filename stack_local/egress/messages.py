"""What goes out and what comes back, as values."""

import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NamedTuple

from stack_local.domain.urls import HostPort, Url


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request as the proxy hands it over: framing, Host and codings are ours to add."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...]
    body: bytes
    pool_key: str
    """Whose connections it may share; one connection of one service in the vault."""
    private_allowed: frozenset[HostPort]
    """Pairs that may be private addresses and plain http."""
    upload: "Upload | None" = None
    """The body where it is sent piece by piece; `body` is empty then."""
    tls: ssl.SSLContext | None = None
    """Where the public authorities and no certificate of ours are not what the service needs; one for a pool key."""

    def __repr__(self) -> str:
        # The headers and the query may hold the injected credential.
        return f"OutboundRequest({self.method} {self.url.origin}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is passed on as it arrives, and never held."""

    pieces: AsyncGenerator[bytes, None]
    """Closed by whoever sends it, also where it is not read to its end."""
    length: int | None
    """Bytes where they are known before; else it goes out in chunks."""


@dataclass(frozen=True, slots=True)
class InboundResponse:
    """A whole response. The body is decoded; hop-by-hop, framing and coding headers are gone."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names, values as latin-1, in the order they came."""
    body: bytes

    def __repr__(self) -> str:
        return f"InboundResponse({self.status}, {len(self.headers)} headers, {len(self.body)} bytes)"


class Peer(NamedTuple):
    """One end we talk to, and for whom: connections are shared only between equal peers."""

    pool_key: str
    scheme: str
    host: str
    port: int
    address: str
    """The checked address; the name in `host` is only for TLS and the Host header."""
    proxy_port: int | None = None
    """At that address a proxy listens on this port, and is asked to go on to `host` and `port`."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request ready for the wire: checked and complete."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    upload: Upload | None = None

    def __repr__(self) -> str:
        return f"WireRequest({self.method}, {len(self.body)} bytes)"
