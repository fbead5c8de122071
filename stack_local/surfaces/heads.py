"""The head of an HTTP/1.1 request, read strictly: what two readers could understand differently is refused.

h11 settles some of it silently: of two ways to frame a body it takes one and hides the other, and a second request
smuggled behind it would be carried out.
"""

import re

from stack_local.domain.errors import InvalidRequest

HEAD_ENDS = b"\r\n\r\n"

REQUEST_LINE_BYTES = 8 * 1024
HEADERS = 100
"""Lines of one head."""

METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

ONCE = frozenset({b"host", b"content-length", b"transfer-encoding", b"authorization", b"origin", b"content-type"})
"""Headers of which a second one would leave open which counts."""

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_REQUEST = re.compile(rb"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.([01])")
_LENGTH = re.compile(rb"[0-9]{1,19}")


class BadHead(InvalidRequest):
    """A head that is not served; the connection ends with it."""

    status = 400


class LargeHead(BadHead):
    """RFC 6585, section 5."""

    status = 431
    default_code = "HEAD_TOO_LARGE"


class UnservedMethod(BadHead):
    """RFC 9110, section 15.5.6."""

    status = 405
    default_code = "METHOD_NOT_ALLOWED"


def check_head(received: bytes) -> None:
    """Look at what has arrived between two requests: a head, whole or in part, and perhaps more behind it.

    Raises:
        BadHead: no reader should have to guess what is meant.
    """
    end = received.find(HEAD_ENDS)
    head = received if end < 0 else received[:end]
    # The last byte of a piece may be a CR whose LF is on its way.
    if _BARE.search(head.removesuffix(b"\r") if end < 0 else head):
        raise BadHead("the head holds a bare CR, LF or NUL", rule="lines end with CR LF")
    first, *lines = head.split(b"\r\n")
    if len(first) > REQUEST_LINE_BYTES:
        raise LargeHead("the request line is too long", rule=f"at most {REQUEST_LINE_BYTES} bytes")
    if end >= 0:
        minor = _check_request_line(first)
        _check_lines(lines, is_http_1_0=minor == b"0")


def _check_request_line(line: bytes) -> bytes:
    """The minor version."""
    found = _REQUEST.fullmatch(line)
    if found is None:
        raise BadHead("the request line is not served", rule="METHOD /path HTTP/1.1", hint="no proxy form, no HTTP/2")
    if found[1] not in METHODS:
        raise UnservedMethod("the method is not served", field="method")
    return found[3]


def _check_lines(lines: list[bytes], *, is_http_1_0: bool) -> None:
    if len(lines) > HEADERS:
        raise LargeHead("there are too many headers", rule=f"at most {HEADERS}")
    values: dict[bytes, bytes] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise BadHead("a header line is malformed", rule="name: value, on one line")
        name = found[1].lower()
        if name in ONCE and name in values:
            raise BadHead(f"the header {name.decode()} stands twice", field=name.decode(), rule="once")
        values[name] = found[2].rstrip(b" \t")
    _check_framing(values.get(b"content-length"), values.get(b"transfer-encoding"), is_http_1_0=is_http_1_0)
    if values.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise BadHead("that cannot be expected", field="expect", rule="100-continue")


def _check_framing(length: bytes | None, coding: bytes | None, *, is_http_1_0: bool) -> None:
    if length is not None and coding is not None:
        raise BadHead("the body is framed in two ways", field="transfer-encoding", rule="one of the two")
    if length is not None and _LENGTH.fullmatch(length) is None:
        raise BadHead("the length is not a number", field="content-length", rule="digits")
    if coding is not None and (is_http_1_0 or coding.lower() != b"chunked"):
        raise BadHead("the transfer coding is not served", field="transfer-encoding", rule="chunked, with HTTP/1.1")
