"""One HTTP/1.1 exchange on one connection, under limits; h11 reads the messages, and we are stricter at the edges."""

import re
from collections.abc import Iterable

import h11

from stack_local.egress.decoding import Decoder, find_coding
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits
from stack_local.egress.messages import InboundResponse, WireRequest
from stack_local.egress.sockets import Connection

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The methods that go out."""

HEAD_BEGINS = b"HTTP/1."
"""What every response begins with; HTTP/0.9 and noise end there."""

DROPPED_HEADERS = frozenset(
    {
        b"connection",
        b"content-encoding",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that belong to this hop or to the coded body, and end here."""

_INTERIM = (b"HTTP/1.1 1", b"HTTP/1.0 1")
_REQUEST_OF = {method: h11.Request(method=method, target="/", headers=[("Host", "")]) for method in METHODS}
_END_OF_REQUEST = h11.EndOfMessage()
_LISTED_LENGTH = re.compile(rb"\r\ncontent-length:[^\r]*,")
_BARE_CONTROL = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_FOLDED = re.compile(rb"\r\n[ \t]")


async def exchange(connection: Connection, request: WireRequest, limits: Limits) -> tuple[InboundResponse, bool]:
    """Send the request and read the whole answer; the flag says whether another exchange may follow.

    Raises:
        EgressFailed: `connection_reset` or `response_…`.
    """
    protocol = reader_of(request.method, limits)
    connection.write(encode(request))
    try:
        head, wire_bytes = await read_final_head(connection, protocol, limits)
        body = await _read_body(connection, protocol, head, wire_bytes, limits)
    except h11.RemoteProtocolError:
        # Its text quotes the line, which may hold an echoed credential.
        raise _invalid("the response is not correct HTTP") from None
    response = InboundResponse(head.status_code, passed_headers(head), body)
    return response, may_follow(connection, protocol)


def reader_of(method: str, limits: Limits) -> h11.Connection:
    """What reads one answer. h11 only reads: of the request it needs the method, because HEAD has no body."""
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.response_head_bytes)
    protocol.send(_REQUEST_OF[method])
    protocol.send(_END_OF_REQUEST)
    return protocol


def encode(request: WireRequest) -> bytes:
    """The bytes of the request; `client.complete` has checked that no part can end a line."""
    lines = [b"%b: %b\r\n" % header for header in request.headers]
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (request.method.encode(), request.target, b"".join(lines), request.body)


async def read_final_head(connection: Connection, protocol: h11.Connection, limits: Limits) -> tuple[h11.Response, int]:
    """The head that is not 1xx, and how many bytes of what follows it were read with it."""
    received = bytearray()
    for _ in range(limits.informational_responses + 1):
        head_bytes = await _read_head_bytes(connection, received, limits)
        event = _parse_head(protocol, head_bytes, limits)
        if isinstance(event, h11.Response):
            if received:
                protocol.receive_data(bytes(received))
            return event, len(received)
    raise _invalid("the response has too many interim heads")


def begins_answer(received: bytes) -> bool:
    """Whether what has arrived holds the beginning of a final head: interim ones say nothing yet."""
    while received.startswith(_INTERIM) and (end := received.find(b"\r\n\r\n")) >= 0:
        received = received[end + 4 :]
    return len(received) >= len(_INTERIM[0]) and not received.startswith(_INTERIM)


async def _read_head_bytes(connection: Connection, received: bytearray, limits: Limits) -> bytes:
    """Move one head, with its empty line, out of `received`, reading until it is whole."""
    searched = 0
    while (end := received.find(b"\r\n\r\n", searched)) < 0:
        if len(received) > limits.response_head_bytes:
            raise _too_large("the response head is too large")
        searched = max(0, len(received) - 3)
        piece = await connection.read()
        if not piece:
            raise EgressFailed("the connection ended early", code="connection_reset", sent=True)
        received += piece
        if received[: len(HEAD_BEGINS)] != HEAD_BEGINS[: len(received)]:
            raise _invalid("the response is not HTTP/1.1")
    head_bytes = bytes(received[: end + 4])
    del received[: end + 4]
    return head_bytes


def _parse_head(
    protocol: h11.Connection, head_bytes: bytes, limits: Limits
) -> h11.Response | h11.InformationalResponse:
    if len(head_bytes) > limits.response_head_bytes or head_bytes.count(b"\r\n") > limits.response_headers + 2:
        raise _too_large("the response head is too large")
    lowered = head_bytes.lower()
    _check_framing(lowered)
    protocol.receive_data(head_bytes)
    event = protocol.next_event()
    if not isinstance(event, h11.Response | h11.InformationalResponse) or not _is_taken(event.status_code):
        raise _invalid("the response has a status we do not take")
    if event.http_version not in {b"1.1", b"1.0"}:
        raise _invalid("the response is not HTTP/1.1")
    if event.http_version == b"1.0" and b"\r\ntransfer-encoding" in lowered:
        raise _invalid("the response frames its body in two ways")
    return event


def _is_taken(status: int) -> bool:
    return status < 600 and status != 101


def _check_framing(head: bytes) -> None:
    """Refuse what two readers could frame differently: h11 settles some of it silently."""
    if _BARE_CONTROL.search(head) or _FOLDED.search(head):
        raise _invalid("the response head holds a bare control or a folded line")
    lengths, codings = head.count(b"\r\ncontent-length"), head.count(b"\r\ntransfer-encoding")
    if lengths + codings > 1 or (lengths and _LISTED_LENGTH.search(head)):
        raise _invalid("the response frames its body in two ways")


async def _read_body(
    connection: Connection, protocol: h11.Connection, head: h11.Response, wire_bytes: int, limits: Limits
) -> bytes:
    decoder = Decoder(coding_of(head), limits)
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            _check_size(head, wire_bytes, limits)
            piece = await connection.read()
            if not piece and is_framed(head):
                raise EgressFailed("the connection ended early", code="connection_reset", sent=True)
            wire_bytes += len(piece)
            protocol.receive_data(piece)
        elif isinstance(event, h11.Data):
            decoder.feed(event.data)
        else:  # the end of the message; trailers are dropped with it
            return decoder.finish()


def _check_size(head: h11.Response, wire_bytes: int, limits: Limits) -> None:
    """Before each read: too much has come, or what is to come is known to be too much."""
    if wire_bytes > limits.response_wire_bytes:
        raise _too_large("the response is too large")
    for name, value in head.headers:
        if name == b"content-length" and int(value) > limits.response_body_bytes:
            raise _too_large("the response body is too large")


def is_framed(head: h11.Response) -> bool:
    """Whether the head says where the body ends; if not, the end of the connection does."""
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in head.headers)


def coding_of(head: h11.Response) -> str | None:
    """The coding of the body, as the head names it."""
    return find_coding(value.decode("latin-1") for name, value in head.headers if name == b"content-encoding")


def passed_headers(head: h11.Response) -> tuple[tuple[str, str], ...]:
    """The headers that do not end at this hop."""
    dropped = DROPPED_HEADERS | _named_by_connection(head.headers)
    return tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers if name not in dropped)


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The headers that a Connection header declares to be of this hop (RFC 9110, 7.6.1)."""
    lines = [value for name, value in headers if name == b"connection"]
    return frozenset(option.strip().lower() for line in lines for option in line.split(b","))


def may_follow(connection: Connection, protocol: h11.Connection) -> bool:
    """Whether the connection may carry another exchange."""
    both_done = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
    return both_done and not protocol.trailing_data[0] and connection.is_quiet()


def _invalid(message: str) -> EgressFailed:
    return EgressFailed(message, code="response_invalid", sent=True)


def _too_large(message: str) -> EgressFailed:
    return EgressFailed(message, code="response_too_large", sent=True)
