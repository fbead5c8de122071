"""Every size, count and wait that another server can influence, with its unit."""

from dataclasses import dataclass

DNS_SECONDS = 3.0
"""For one lookup of a name."""

DNS_THREADS = 8
"""Lookups under way at once; a lookup that timed out keeps its thread until the system gives up."""

DNS_REMEMBERED_SECONDS = 2.0
"""A name that resolved is not looked up again for so long; what it gave is checked each time all the same."""

DNS_REMEMBERED_NAMES = 1024
"""Names kept at once."""

DNS_ANSWERS = 64
"""Addresses of one name; every one of them is checked."""

CONNECT_SECONDS = 5.0
"""Until the TCP connection stands."""

TLS_SECONDS = 5.0
"""For the TLS handshake."""

TOTAL_SECONDS = 30.0
"""From the first step to the last byte of the answer."""

STREAM_HEAD_SECONDS = 300.0
"""Until the head of a streamed answer: a model thinks before it speaks."""

STREAM_IDLE_SECONDS = 300.0
"""Between two pieces of a streamed body, in either direction."""

STREAM_BODY_BYTES = 1 << 40
"""A streamed body; it is never held, so this only ends what does not end."""

WRITE_AHEAD_BYTES = 256 * 1024
"""Sent bytes that wait for the socket before the next piece of an upload is taken."""

RESPONSE_HEAD_BYTES = 64 * 1024
"""One response head, one chunk header or the trailers."""

RESPONSE_HEADERS = 200
"""Header lines of one response."""

RESPONSE_BODY_BYTES = 10_000_000
"""A response body, decoded."""

RESPONSE_WIRE_BYTES = 12_000_000
"""A response as it arrives, chunk framing included."""

INFORMATIONAL_RESPONSES = 8
"""1xx heads before the final one."""

INFLATE_RATIO = 100
"""Decoded bytes for each coded byte, once INFLATE_FREE_BYTES are passed."""

INFLATE_FREE_BYTES = 64 * 1024
"""Decoded bytes before the ratio counts."""

READ_AHEAD_BYTES = 256 * 1024
"""Received bytes that wait for their reader before we stop reading from the socket."""

IDLE_CONNECTIONS = 16
"""Idle connections of one pool."""

IDLE_CONNECTIONS_TOTAL = 256
"""Idle connections of all pools."""

IDLE_SECONDS = 30.0
"""An idle connection is closed after this."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force; tests hand in smaller ones."""

    dns_seconds: float = DNS_SECONDS
    connect_seconds: float = CONNECT_SECONDS
    tls_seconds: float = TLS_SECONDS
    total_seconds: float = TOTAL_SECONDS
    response_head_bytes: int = RESPONSE_HEAD_BYTES
    response_headers: int = RESPONSE_HEADERS
    response_body_bytes: int = RESPONSE_BODY_BYTES
    response_wire_bytes: int = RESPONSE_WIRE_BYTES
    informational_responses: int = INFORMATIONAL_RESPONSES
    inflate_ratio: int = INFLATE_RATIO
    inflate_free_bytes: int = INFLATE_FREE_BYTES
    read_ahead_bytes: int = READ_AHEAD_BYTES
    stream_head_seconds: float = STREAM_HEAD_SECONDS
    stream_idle_seconds: float = STREAM_IDLE_SECONDS
    idle_connections: int = IDLE_CONNECTIONS
    idle_connections_total: int = IDLE_CONNECTIONS_TOTAL
    idle_seconds: float = IDLE_SECONDS
