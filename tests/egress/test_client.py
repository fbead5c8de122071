"""Sending through `Egress`: what goes out, what comes back and where it goes."""

import asyncio
import gzip

import pytest

from stack_local import __version__
from stack_local.domain.urls import Url
from stack_local.egress.client import InboundResponse, OutboundRequest
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.egress.limits import Limits
from tests.simulators.egress import HEAD, OK, SHORT, failure_of, opened, outbound, to
from tests.simulators.raw_upstream import CLOSE, HANG, RESET, raw_upstream
from tests.simulators.resolver import TableResolver

SMALL = Limits(response_body_bytes=1000, response_wire_bytes=2000, response_head_bytes=1000, response_headers=10)
ZIPPED = gzip.compress(b"hello")


async def answer(*script: bytes, limits: Limits | None = None, method: str = "GET") -> InboundResponse:
    async with raw_upstream(list(script)) as upstream, opened(limits=limits) as egress:
        return await egress.send(outbound(f"http://127.0.0.1:{upstream.port}/", method=method))


# What goes out


async def test_the_request_is_sent_as_written_and_completed() -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        url = f"http://127.0.0.1:{upstream.port}//a%2fb;c?x=[1]&y=%20"
        response = await egress.send(
            outbound(url, method="POST", headers=(("X-Name", "v\xe9"), ("Accept", "*/*")), body=b"\0body")
        )
    assert (response.status, response.body) == (200, b"ok")
    head, _, body = upstream.requests[0].partition(b"\r\n\r\n")
    assert body == b"\0body"
    assert head.split(b"\r\n") == [
        b"POST //a%2fb;c?x=[1]&y=%20 HTTP/1.1",
        f"Host: 127.0.0.1:{upstream.port}".encode(),
        b"X-Name: v\xe9",
        b"Accept: */*",
        f"User-Agent: stack_local/{__version__}".encode(),
        b"Accept-Encoding: gzip",
        b"Content-Length: 5",
    ]


@pytest.mark.parametrize(("method", "has_length"), [("GET", False), ("DELETE", False), ("POST", True), ("PATCH", True)])
async def test_an_empty_body_has_a_length_where_one_is_expected(method: str, has_length: bool) -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        await egress.send(outbound(f"http://127.0.0.1:{upstream.port}/", method=method))
    assert (b"Content-Length: 0" in upstream.requests[0]) is has_length


async def test_a_given_user_agent_stands() -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        await egress.send(outbound(f"http://127.0.0.1:{upstream.port}/", headers=(("user-agent", "mine"),)))
    assert upstream.requests[0].lower().count(b"user-agent: mine") == 1
    assert upstream.requests[0].lower().count(b"user-agent") == 1


BAD_HEADERS = [
    ("line feed in value", ("X-A", "a\nX-B: b")),
    ("carriage return in value", ("X-A", "a\rb")),
    ("CRLF in value", ("X-A", "a\r\nX-B: b")),
    ("NUL in value", ("X-A", "a\0")),
    ("escape in value", ("X-A", "a\x1b[0m")),
    ("outside latin-1", ("X-A", "\u20ac")),
    ("leading blank", ("X-A", " a")),
    ("trailing blank", ("X-A", "a ")),
    ("trailing line feed", ("X-A", "a\n")),
    ("empty name", ("", "a")),
    ("blank in name", ("X A", "a")),
    ("trailing blank in name", ("Authorization ", "a")),
    ("line feed in name", ("X-A\n", "a")),
    ("colon in name", ("X:A", "a")),
    ("non-ASCII name", ("X-\xe9", "a")),
    ("pseudo header", (":authority", "h.com")),
    ("host", ("Host", "evil.com")),
    ("length", ("content-length", "5")),
    ("transfer coding", ("Transfer-Encoding", "chunked")),
    ("connection", ("CONNECTION", "close")),
    ("upgrade", ("Upgrade", "websocket")),
    ("expect", ("Expect", "100-continue")),
    ("coding", ("Accept-Encoding", "br")),
]


@pytest.mark.parametrize("header", [row[1] for row in BAD_HEADERS], ids=[row[0] for row in BAD_HEADERS])
async def test_a_bad_header_is_refused_before_sending(header: tuple[str, str]) -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        request = outbound(f"http://127.0.0.1:{upstream.port}/", headers=(header,))
        assert await failure_of(egress, request) == ("request_invalid", False)
    assert upstream.connections == 0


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "", "GET\r\nX: y", "PRI"])
async def test_a_bad_method_is_refused_before_sending(method: str) -> None:
    async with opened() as egress:
        assert await failure_of(egress, outbound("http://127.0.0.1:9/", method=method)) == ("request_invalid", False)


def test_no_secret_stands_in_the_text_of_a_message() -> None:
    request = outbound("https://h.com/?key=hunter2", headers=(("Authorization", "hunter2"),), body=b"hunter2")
    assert "hunter2" not in repr(request)
    assert "hunter2" not in repr(InboundResponse(200, (("x", "hunter2"),), b"hunter2"))


BAD_URLS = [
    ("line in the path", Url("http", "h.com", 80, "/\r\nX: y", None)),
    ("line in the query", Url("http", "h.com", 80, "/", "a\nb")),
    ("line in the host", Url("http", "h.com\r\nX: y", 80, "/", None)),
    ("no slash", Url("http", "h.com", 80, "x", None)),
]


@pytest.mark.parametrize("url", [row[1] for row in BAD_URLS], ids=[row[0] for row in BAD_URLS])
async def test_a_url_made_without_the_parser_is_refused_before_sending(url: Url) -> None:
    async with opened() as egress:
        request = OutboundRequest("GET", url, (), b"", "scon_1", frozenset({url.host_port}))
        assert await failure_of(egress, request) == ("request_invalid", False)


# What comes back

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
ANSWERS = [
    ("length", [OK], b"ok"),
    ("no body", [b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
    ("chunks", [CHUNKED + b"\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"], b"abcd"),
    ("trailers", [CHUNKED + b"\r\n1\r\na\r\n0\r\nX-Late: secret\r\n\r\n"], b"a"),
    ("until the end", [HEAD + b"\r\nhello", CLOSE], b"hello"),
    ("HTTP/1.0", [b"HTTP/1.0 200 OK\r\n\r\nhello", CLOSE], b"hello"),
    ("interim heads", [b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" * 8 + OK], b"ok"),
    ("slow", [bytes([value]) for value in OK], b"ok"),
    ("coded", [HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED], b"hello"),
    (
        "coded chunk",
        [CHUNKED + b"Content-Encoding: gzip\r\n\r\n%x\r\n" % len(ZIPPED) + ZIPPED + b"\r\n0\r\n\r\n"],
        b"hello",
    ),
    ("length before the end", [OK, CLOSE], b"ok"),
    ("bytes after the end", [OK + b"HTTP/1.1 200 OK\r\n\r\n"], b"ok"),
    ("no reason", [b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"], b"ok"),
    ("read-ahead passed", [HEAD + b"Content-Length: 3000000\r\n\r\n", b"x" * 3_000_000], b"x" * 3_000_000),
]


@pytest.mark.parametrize(("script", "body"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_an_answer_is_read_whole(script: list[bytes], body: bytes) -> None:
    response = await answer(*script)
    assert response.status in {200, 204}
    assert response.body == body
    assert "x-late" not in dict(response.headers)


async def test_headers_of_the_hop_and_the_coding_end_here() -> None:
    dropped = b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Encoding: gzip\r\nTrailer: X\r\n"
    kept = b"ETag: \xe9\r\nX-A: 1\r\nx-a: 2\r\n"
    response = await answer(HEAD + dropped + kept + b"Content-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED)
    assert response.headers == (("etag", "\xe9"), ("x-a", "1"), ("x-a", "2"))


async def test_the_answer_to_head_has_no_body_whatever_length_it_names() -> None:
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 99999999999\r\n\r\n"
    assert (await answer(head, method="HEAD")).body == b""


async def test_a_redirect_is_returned_and_not_followed() -> None:
    async with raw_upstream([b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"]) as upstream:
        async with opened() as egress:
            response = await egress.send(to(upstream))
        assert (response.status, dict(response.headers)["location"]) == (302, "/b")
        assert len(upstream.requests) == 1


async def test_a_cookie_is_not_kept() -> None:
    async with raw_upstream([b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"]) as upstream:
        async with opened() as egress:
            await egress.send(to(upstream))
            await egress.send(to(upstream))
        assert b"cookie" not in upstream.requests[1].lower()


BOMB = gzip.compress(bytes(9_000_000))
BAD_ANSWERS = [
    ("reset before a byte", [RESET], "connection_reset", None),
    ("close before a byte", [CLOSE], "connection_reset", None),
    ("close in the head", [HEAD, CLOSE], "connection_reset", None),
    ("close in the body", [HEAD + b"Content-Length: 9\r\n\r\nok", CLOSE], "connection_reset", None),
    ("close in a chunk", [CHUNKED + b"\r\n9\r\nabc", CLOSE], "connection_reset", None),
    ("close before the last chunk", [CHUNKED + b"\r\n1\r\na\r\n", CLOSE], "connection_reset", None),
    ("reset in an open body", [HEAD + b"\r\nabc", RESET], "connection_reset", None),
    ("hang before a byte", [HANG], "timed_out", SHORT),
    ("hang in the head", [HEAD, HANG], "timed_out", SHORT),
    ("hang in the body", [HEAD + b"Content-Length: 9\r\n\r\nok", HANG], "timed_out", SHORT),
    ("two lengths", [HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"], "response_invalid", None),
    ("equal lengths", [HEAD + b"Content-Length: 2\r\ncontent-length: 2\r\n\r\nok"], "response_invalid", None),
    ("listed lengths", [HEAD + b"Content-Length: 2, 2\r\n\r\nok"], "response_invalid", None),
    ("negative length", [HEAD + b"Content-Length: -2\r\n\r\nok"], "response_invalid", None),
    ("signed length", [HEAD + b"Content-Length: +2\r\n\r\nok"], "response_invalid", None),
    ("length and chunks", [CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n"], "response_invalid", None),
    ("two transfer codings", [CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], "response_invalid", None),
    ("gzip as transfer coding", [HEAD + b"Transfer-Encoding: gzip\r\n\r\nx", CLOSE], "response_invalid", None),
    ("chunks in HTTP/1.0", [b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"], "response_invalid", None),
    ("bad chunk size", [CHUNKED + b"\r\n-1\r\na\r\n"], "response_invalid", None),
    ("bad chunk end", [CHUNKED + b"\r\n1\r\naXX0\r\n\r\n"], "response_invalid", None),
    ("switching protocols", [b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"], "response_invalid", None),
    ("interim flood", [b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK], "response_invalid", None),
    ("HTTP/0.9", [b"<html>hello", HANG], "response_invalid", None),
    ("HTTP/2 preface", [b"\0\0\x12\4\0\0\0\0\0", HANG], "response_invalid", None),
    ("HTTP/2.0 line", [b"HTTP/2.0 200 OK\r\n\r\n", HANG], "response_invalid", None),
    ("HTTP/1.2 line", [b"HTTP/1.2 200 OK\r\n\r\n", HANG], "response_invalid", None),
    ("status out of range", [b"HTTP/1.1 700 No\r\n\r\n", HANG], "response_invalid", None),
    ("status of two digits", [b"HTTP/1.1 20 OK\r\n\r\n", HANG], "response_invalid", None),
    ("bare line feed", [HEAD + b"X: a\nY: b\r\n\r\n"], "response_invalid", None),
    ("bare carriage return", [HEAD + b"X: a\rY: b\r\n\r\n"], "response_invalid", None),
    ("NUL in the head", [HEAD + b"X: a\0\r\n\r\n"], "response_invalid", None),
    ("folded line", [HEAD + b"X: a\r\n b\r\n\r\n"], "response_invalid", None),
    ("blank before colon", [HEAD + b"Content-Length : 2\r\n\r\nok"], "response_invalid", None),
    ("no colon", [HEAD + b"noise\r\n\r\n"], "response_invalid", None),
    ("long head", [HEAD + b"X: " + b"a" * 2000 + b"\r\n\r\n"], "response_too_large", SMALL),
    ("endless head", [HEAD + b"X: " + b"a" * 2000, HANG], "response_too_large", SMALL),
    ("many headers", [HEAD + b"X: a\r\n" * 11 + b"\r\n"], "response_too_large", SMALL),
    ("long body", [HEAD + b"\r\n" + b"a" * 1001, CLOSE], "response_too_large", SMALL),
    ("long named length", [HEAD + b"Content-Length: 1001\r\n\r\n", HANG], "response_too_large", SMALL),
    ("much framing", [CHUNKED + b"\r\n" + b"1;%s\r\na\r\n" % (b"x" * 90) * 30, HANG], "response_too_large", SMALL),
    ("long chunk head", [CHUNKED + b"\r\n1;" + b"x" * 1500, HANG], "response_invalid", SMALL),
    ("bomb", [HEAD + b"Content-Encoding: gzip\r\n\r\n" + BOMB, CLOSE], "response_too_large", None),
    ("nested coding", [HEAD + b"Content-Encoding: gzip, gzip\r\n\r\n", CLOSE], "response_coding", None),
    ("unknown coding", [HEAD + b"Content-Encoding: br\r\n\r\n", CLOSE], "response_coding", None),
    ("false coding", [HEAD + b"Content-Encoding: gzip\r\n\r\nplain", CLOSE], "response_coding", None),
    ("two members", [HEAD + b"Content-Encoding: gzip\r\n\r\n" + ZIPPED * 2, CLOSE], "response_coding", None),
]


@pytest.mark.parametrize(
    ("script", "code", "limits"), [row[1:] for row in BAD_ANSWERS], ids=[row[0] for row in BAD_ANSWERS]
)
async def test_a_bad_answer_fails_in_doubt_and_ends_its_connection(
    script: list[bytes], code: str, limits: Limits | None
) -> None:
    async with raw_upstream(script, [OK]) as upstream, opened(limits=limits) as egress:
        assert await failure_of(egress, to(upstream)) == (code, True)
        await asyncio.wait_for(upstream.gone.wait(), 5)
        assert (upstream.connections, len(upstream.requests)) == (1, 1)


async def test_an_error_does_not_quote_the_answer() -> None:
    async with raw_upstream([HEAD + b"hunter2\r\n\r\n"]) as upstream, opened() as egress:
        with pytest.raises(EgressFailed) as failed:
            await egress.send(to(upstream))
        assert "hunter2" not in failed.value.message
        assert failed.value.__cause__ is None


# Where it goes


async def test_a_name_is_looked_up_once_and_the_checked_address_is_the_connected_one() -> None:
    async with raw_upstream([OK]) as upstream:
        resolver = TableResolver({"rebind.com": [("127.0.0.1",), ("169.254.169.254",)]})
        async with opened(resolver) as egress:
            response = await egress.send(outbound(f"http://rebind.com:{upstream.port}/"))
            assert (response.body, resolver.lookups) == (b"ok", ["rebind.com"])
            assert f"Host: rebind.com:{upstream.port}".encode() in upstream.requests[0]
            assert await failure_of(egress, outbound(f"http://rebind.com:{upstream.port}/")) == ("egress_denied", False)
        assert len(upstream.requests) == 1


async def test_a_loopback_address_without_exemption_is_not_connected() -> None:
    async with raw_upstream([OK]) as upstream, opened(TableResolver({"h.com": [("127.0.0.1",)]})) as egress:
        request = outbound(f"https://h.com:{upstream.port}/", is_exempt=False)
        assert await failure_of(egress, request) == ("egress_denied", False)
        assert upstream.connections == 0


async def test_plain_http_without_exemption_is_refused_unasked() -> None:
    resolver = TableResolver({"h.com": [("1.1.1.1",)]})
    async with opened(resolver) as egress:
        with pytest.raises(EgressRefused):
            await egress.send(outbound("http://h.com/", is_exempt=False))
    assert resolver.lookups == []


@pytest.mark.parametrize("url", ["http://h.com/", "http://h.com:443/", "http://h.com:8080/", "http://1.1.1.1/"])
async def test_plain_http_to_a_public_address_is_refused_though_a_person_bound_it(url: str) -> None:
    async with opened(TableResolver({"h.com": [("1.1.1.1",)]})) as egress:
        with pytest.raises(EgressRefused) as refused:
            await egress.send(outbound(url))
    assert refused.value.reason == "plain http"


async def test_a_name_that_does_not_resolve_fails_before_sending() -> None:
    async with opened() as egress:
        assert await failure_of(egress, outbound("https://nowhere.com/")) == ("dns_failed", False)


async def test_a_port_where_nobody_listens_fails_before_sending() -> None:
    async with raw_upstream([OK]) as upstream:
        pass
    async with opened() as egress:
        assert await failure_of(egress, to(upstream)) == ("connect_failed", False)


async def test_a_lookup_that_hangs_ends_in_time() -> None:
    class HangingResolver(TableResolver):
        async def lookup(self, host: str, port: int) -> tuple[str, ...]:
            await asyncio.Event().wait()
            return ()

    async with opened(HangingResolver(), limits=SHORT) as egress:
        assert await failure_of(egress, outbound("https://h.com/")) == ("timed_out", False)


async def test_connecting_ends_in_time() -> None:
    async with raw_upstream([OK]) as upstream, opened(limits=Limits(connect_seconds=-1)) as egress:
        assert await failure_of(egress, to(upstream)) == ("timed_out", False)


async def test_the_total_time_covers_the_lookup_and_the_connection() -> None:
    async with raw_upstream([OK]) as upstream, opened(limits=Limits(total_seconds=-1)) as egress:
        assert await failure_of(egress, to(upstream)) == ("timed_out", False)
        assert upstream.requests == []
