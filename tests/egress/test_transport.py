"""The pool behind httpx: the pin decides, httpx only carries."""

import httpx
import pytest

from stack_local.domain.urls import HostPort
from stack_local.egress.connections import Pool
from stack_local.egress.errors import EgressFailed, EgressRefused
from stack_local.egress.limits import Limits
from stack_local.egress.tls import make_tls_context
from stack_local.egress.transport import EXTENSION, Pin, PinnedTransport
from tests.simulators.raw_upstream import RESET, RawUpstream, raw_upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok"


def client_of(limits: Limits | None = None) -> tuple[httpx.AsyncClient, Pool]:
    pool = Pool(limits=limits or Limits())
    return httpx.AsyncClient(transport=PinnedTransport(pool, make_tls_context()), trust_env=False), pool


def pin_to(upstream: RawUpstream, host: str = "h.com", *, is_plain_allowed: bool = True) -> dict[str, Pin]:
    pair = HostPort(host, upstream.port)
    return {EXTENSION: Pin(pair, "127.0.0.1", "scon_1", is_plain_allowed=is_plain_allowed)}


async def test_httpx_sends_to_the_pinned_address_with_the_name_in_host() -> None:
    client, pool = client_of()
    async with raw_upstream([OK]) as upstream, client:
        url = f"http://h.com:{upstream.port}/a%2fb?x=1"
        await client.get(url, extensions=pin_to(upstream))
        response = await client.post(url, json={"a": 1}, extensions=pin_to(upstream))
        assert (response.status_code, response.text) == (200, "ok")
        assert upstream.connections == 1
        assert upstream.requests[-1].startswith(b"POST /a%2fb?x=1 HTTP/1.1\r\n")
        assert f"Host: h.com:{upstream.port}\r\n".encode() in upstream.requests[-1]
        assert upstream.requests[-1].lower().count(b"content-length") == 1
        assert upstream.requests[-1].lower().count(b"accept-encoding: gzip\r\n") == 1
    await pool.aclose()


async def test_a_request_without_a_pin_is_refused() -> None:
    client, _ = client_of()
    async with raw_upstream([OK]) as upstream, client:
        with pytest.raises(EgressRefused):
            await client.get(f"http://127.0.0.1:{upstream.port}/")
        assert upstream.connections == 0


async def test_a_request_to_another_host_than_the_pinned_is_refused() -> None:
    client, _ = client_of()
    async with raw_upstream([OK]) as upstream, client:
        with pytest.raises(EgressRefused) as refused:
            await client.get(f"http://other.com:{upstream.port}/", extensions=pin_to(upstream))
        assert refused.value.reason == "not the pinned host"
        assert upstream.connections == 0


async def test_plain_http_is_refused_unless_the_pin_allows_it() -> None:
    client, _ = client_of()
    async with raw_upstream([OK]) as upstream, client:
        with pytest.raises(EgressRefused):
            await client.get(f"http://h.com:{upstream.port}/", extensions=pin_to(upstream, is_plain_allowed=False))
        assert upstream.connections == 0


async def test_plain_http_to_a_public_address_is_refused_though_the_pin_allows_it() -> None:
    client, _ = client_of()
    pin = Pin(HostPort("h.com", 80), "1.1.1.1", "scon_1", is_plain_allowed=True)
    async with client:
        with pytest.raises(EgressRefused) as refused:
            await client.get("http://h.com/", extensions={EXTENSION: pin})
    assert refused.value.reason == "plain http"


async def test_a_url_that_our_parser_refuses_is_not_sent() -> None:
    client, _ = client_of()
    async with raw_upstream([OK]) as upstream, client:
        with pytest.raises(EgressFailed) as failed:
            await client.get(f"http://h.com:{upstream.port}/%00", extensions=pin_to(upstream))
        assert (failed.value.code, failed.value.sent) == ("request_invalid", False)


async def test_our_errors_come_through_httpx() -> None:
    client, _ = client_of()
    async with raw_upstream([RESET]) as upstream, client:
        with pytest.raises(EgressFailed) as failed:
            await client.get(f"http://h.com:{upstream.port}/", extensions=pin_to(upstream))
        assert (failed.value.code, failed.value.sent) == ("connection_reset", True)
