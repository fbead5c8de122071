"""Through the proxy of a company: what it is asked, what it can read, and what does not go that way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.urls import HostPort
from stack_local.egress.client import Egress
from stack_local.egress.limits import Limits
from stack_local.egress.way import Chosen, Way
from tests.simulators.certificates import Authority, make_authority
from tests.simulators.connect_proxy import OPENED, ConnectProxy, connect_proxy
from tests.simulators.egress import OK, failure_of, outbound, to
from tests.simulators.raw_upstream import RawUpstream, raw_upstream
from tests.simulators.resolver import TableResolver

HOST = "api.vendor.com"
TOKEN = (("Authorization", "Bearer the-token-of-the-service"),)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@asynccontextmanager
async def behind(
    authority: Authority, *, answer: bytes = OPENED, limits: Limits | None = None
) -> AsyncIterator[tuple[Egress, ConnectProxy, RawUpstream, TableResolver]]:
    """An `Egress` whose way out is a proxy; behind that is the service alone."""
    context, resolver = authority.server_context(HOST), TableResolver({"proxy.corp": [("127.0.0.1",)]})
    async with (
        raw_upstream([OK], tls=context) as upstream,
        connect_proxy(upstream.port, answer=answer) as proxy,
    ):
        way = Way(Chosen(HostPort("proxy.corp", proxy.port), authority.ca))
        egress = Egress(resolver=resolver, own_ports=frozenset({7822}), way=way, limits=limits)
        try:
            yield egress, proxy, upstream, resolver
        finally:
            await egress.aclose()


async def test_a_host_outside_is_reached_through_the_proxy_which_reads_nothing(authority: Authority) -> None:
    async with behind(authority) as (egress, proxy, upstream, resolver):
        for _ in range(2):
            answer = await egress.send(outbound(f"https://{HOST}/things", headers=TOKEN, is_exempt=False))
            assert answer.body == b"ok"
        assert proxy.asked == [b"CONNECT api.vendor.com:443 HTTP/1.1\r\nHost: api.vendor.com:443\r\n\r\n"]
        assert set(resolver.lookups) == {"proxy.corp"}
        assert upstream.requests[0].startswith(b"GET /things HTTP/1.1\r\nHost: api.vendor.com\r\n")
        assert b"the-token-of-the-service" in upstream.requests[0]
        assert b"the-token-of-the-service" not in proxy.seen


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
        OPENED + b"and what nobody asked for",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000,
    ],
    ids=["a login", "forbidden", "a redirect", "another protocol", "nothing", "more than a head", "no end"],
)
async def test_what_a_proxy_says_instead_sends_nothing(answer: bytes, authority: Authority) -> None:
    async with behind(authority, answer=answer) as (egress, _, upstream, _):
        request = outbound(f"https://{HOST}/things", headers=TOKEN, is_exempt=False)
        assert await failure_of(egress, request) == ("connect_failed", False)
        assert upstream.connections == 0


async def test_a_host_of_ones_own_network_is_reached_directly(authority: Authority) -> None:
    async with behind(authority) as (egress, proxy, _, _), raw_upstream([OK]) as inside:
        assert (await egress.send(to(inside))).body == b"ok"
        assert proxy.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.5/", "https://169.254.169.254/latest/meta-data", "https://127.0.0.1/", "https://printer.local/",
        "https://localhost/", "https://api.vendor.com:22/", "http://api.vendor.com/", "https://[::1]/",
    ],
)  # fmt: skip
async def test_the_proxy_is_not_asked_for_what_we_do_not_connect_to(url: str, authority: Authority) -> None:
    async with behind(authority) as (egress, proxy, _, _):
        assert await failure_of(egress, outbound(url, is_exempt=False)) == ("egress_denied", False)
        assert proxy.asked == []


async def test_plain_http_does_not_go_through_it_even_where_a_person_bound_the_port(authority: Authority) -> None:
    async with behind(authority) as (egress, proxy, _, resolver):
        resolver.answers[HOST] = [("93.184.216.34",)]
        assert await failure_of(egress, outbound(f"http://{HOST}:8080/")) == ("egress_denied", False)
        assert proxy.asked == []


async def test_another_certificate_than_the_hosts_is_refused_behind_the_proxy_too(authority: Authority) -> None:
    async with behind(authority) as (egress, _, upstream, _):
        request = outbound("https://other.vendor.com/", headers=TOKEN, is_exempt=False)
        assert await failure_of(egress, request) == ("tls_failed", False)
        assert upstream.requests == []


def test_a_choice_that_cannot_be_used_leaves_the_way_as_it_was(authority: Authority) -> None:
    chosen = Chosen(HostPort("proxy.corp", 3128), authority.ca)
    way = Way(chosen)
    with pytest.raises(InvalidRequest):
        way.take(Chosen(None, "not a certificate"))
    assert way.chosen == chosen
    assert Chosen.decode(chosen.encode()) == chosen
    assert Chosen.decode(Chosen().encode()) == Chosen()
