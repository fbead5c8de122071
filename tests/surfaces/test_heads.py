"""Heads of requests, byte by byte: what every reader understands alike passes, the rest is refused with its reason."""

import pytest

from stack_local.surfaces.heads import HEADERS, METHODS, REQUEST_LINE_BYTES, BadHead, check_head

GOOD = {
    "nothing yet": b"",
    "a piece of a request line": b"GET /v1/age",
    "a piece that ends in CR": b"GET / HTTP/1.1\r",
    "a piece of a header": b"GET / HTTP/1.1\r\nHost: loc",
    "a whole head": b"GET /v1/agents?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n",
    "a length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n",
    "chunks": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
    "bytes of a body behind it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\n\0\r",
    "a second request behind it": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET \n/ nonsense",
    "an empty value": b"GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n",
    "letters of latin-1": b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: Zo\xeb\r\n\r\n",
    "blanks around a value": b"GET / HTTP/1.1\r\nHost: \t a \t\r\nContent-Length:  3 \r\n\r\n",
    "what may stand several times": b"GET / HTTP/1.1\r\nHost: a\r\nAccept: x\r\nAccept: y\r\n\r\n",
    "an upgrade that is ignored": b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "100-continue": b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
    "as many headers as may be": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (HEADERS - 1) + b"\r\n",
}


def head(*lines: bytes, first: bytes = b"POST / HTTP/1.1") -> bytes:
    return b"\r\n".join([first, b"Host: a", *lines, b"", b""])


BAD: dict[str, tuple[bytes, int]] = {
    "length and chunks": (head(b"Content-Length: 6", b"Transfer-Encoding: chunked"), 400),
    "chunks and length": (head(b"Transfer-Encoding: chunked", b"Content-Length: 6"), 400),
    "two lengths": (head(b"Content-Length: 6", b"Content-Length: 7"), 400),
    "the same length twice": (head(b"Content-Length: 6", b"Content-Length: 6"), 400),
    "lengths in a list": (head(b"Content-Length: 6, 6"), 400),
    "a length with a sign": (head(b"Content-Length: +6"), 400),
    "a negative length": (head(b"Content-Length: -1"), 400),
    "a length in hex": (head(b"Content-Length: 0x6"), 400),
    "no length": (head(b"Content-Length:"), 400),
    "a length of 20 digits": (head(b"Content-Length: " + b"9" * 20), 400),
    "two codings": (head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    "gzip, chunked": (head(b"Transfer-Encoding: gzip, chunked"), 400),
    "chunked, identity": (head(b"Transfer-Encoding: chunked, identity"), 400),
    "a coding of another spelling": (head(b"Transfer-Encoding: xchunked"), 400),
    "a coding behind a tab": (head(b"Transfer-Encoding\t: chunked"), 400),
    "a coding before a vertical tab": (head(b"Transfer-Encoding: \x0bchunked"), 400),
    "chunks in HTTP/1.0": (head(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0"), 400),
    "a bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "a bare LF among CR LF": (head(b"X: y\nContent-Length: 3"), 400),
    "a bare CR": (head(b"X: y\rContent-Length: 3"), 400),
    "a bare CR in a piece": (b"GET / HTTP/1.1\rHost", 400),
    "a NUL": (head(b"X: y\0"), 400),
    "a NUL in a piece": (b"GET /\0", 400),
    "a folded line": (head(b"X: y", b" z"), 400),
    "a first line that is folded": (b"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", 400),
    "a blank before the colon": (head(b"Content-Length : 6"), 400),
    "a name with a blank": (head(b"X Y: z"), 400),
    "no name": (head(b": z"), 400),
    "no colon": (head(b"nothing"), 400),
    "a control in a value": (head(b"X: a\x7fb"), 400),
    "an empty line first": (b"\r\n" + head(), 400),
    "two Hosts": (head(b"Host: b"), 400),
    "two bearers": (head(b"Authorization: Bearer x", b"authorization: Bearer y"), 400),
    "two kinds of content": (head(b"Content-Type: text/plain", b"Content-Type: application/json"), 400),
    "another expectation": (head(b"Expect: 200-ok"), 400),
    "the proxy form": (head(first=b"GET http://localhost/ HTTP/1.1"), 400),
    "CONNECT": (head(first=b"CONNECT localhost:80 HTTP/1.1"), 400),
    "an asterisk": (head(first=b"OPTIONS * HTTP/1.1"), 400),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0": (head(first=b"GET / HTTP/2.0"), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "two blanks": (head(first=b"GET  / HTTP/1.1"), 400),
    "a tab between": (head(first=b"GET\t/ HTTP/1.1"), 400),
    "a target with a blank": (head(first=b"GET /a b HTTP/1.1"), 400),
    "a target beyond ASCII": (head(first=b"GET /\xc3\xa9 HTTP/1.1"), 400),
    "a small method": (head(first=b"get / HTTP/1.1"), 400),
    "TRACE": (head(first=b"TRACE / HTTP/1.1"), 405),
    "a method of nobody's": (head(first=b"BREW / HTTP/1.1"), 405),
    "a long request line": (head(first=b"GET /" + b"a" * REQUEST_LINE_BYTES + b" HTTP/1.1"), 431),
    "a long request line in a piece": (b"GET /" + b"a" * REQUEST_LINE_BYTES, 431),
    "too many headers": (head(*[b"X: y"] * HEADERS), 431),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_head_that_every_reader_understands_alike_passes(name: str) -> None:
    check_head(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_head_that_could_be_read_in_two_ways_is_refused_with_its_reason(name: str) -> None:
    raw, status = BAD[name]
    with pytest.raises(BadHead) as refused:
        check_head(raw)
    assert refused.value.status == status
    assert refused.value.message
    assert refused.value.details.get("rule") or refused.value.details.get("field")


@pytest.mark.parametrize("name", [name for name, (raw, _) in BAD.items() if raw.endswith(b"\r\n\r\n")])
def test_a_refused_head_is_refused_however_its_bytes_arrive(name: str) -> None:
    raw, _ = BAD[name]
    refused_at = None
    for length in range(1, len(raw) + 1):
        try:
            check_head(raw[:length])
        except BadHead:
            refused_at = length
            break
    assert refused_at is not None


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_methods_of_our_routes_pass(method: bytes) -> None:
    check_head(head(first=method + b" / HTTP/1.1"))
