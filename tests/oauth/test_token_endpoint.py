"""Asking: through the guards of egress, with small limits, and no answer is better than a wrong one."""

import pytest

from stack_local.domain.urls import HostPort, parse_url
from stack_local.egress.client import InboundResponse
from stack_local.oauth.token_endpoint import ANSWER_BYTES, TOKEN_LIMITS, TokenEndpoint
from stack_local.oauth.tokens_upstream import TokenRequest
from stack_local.oauth.upstream_answers import Later
from tests.simulators.egress import opened
from tests.simulators.raw_upstream import raw_upstream
from tests.simulators.resolver import TableResolver

NOWHERE: frozenset[HostPort] = frozenset()


def request(url: str) -> TokenRequest:
    return TokenRequest("POST", parse_url(url), (("Content-Type", "application/x-www-form-urlencoded"),), b"a=b")


PRIVATE = {
    "loopback": "127.0.0.1",
    "loopback in IPv6": "::1",
    "a private network": "10.0.0.1",
    "a cloud's metadata": "169.254.169.254",
}


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE)
async def test_a_token_endpoint_that_leads_into_this_network_is_not_connected_to(address: str) -> None:
    async with opened(TableResolver({"auth.example.com": [(address,)]}), limits=TOKEN_LIMITS) as egress:
        asked = await TokenEndpoint(egress).ask(request("https://auth.example.com/token"), private_allowed=NOWHERE)
    assert asked == Later("the service could not be asked: egress_denied")


async def test_plain_http_is_not_spoken() -> None:
    async with raw_upstream([b""]) as upstream, opened(limits=TOKEN_LIMITS) as egress:
        asked = await TokenEndpoint(egress).ask(request(f"http://127.0.0.1:{upstream.port}/"), private_allowed=NOWHERE)
    assert (asked, upstream.connections) == (Later("the service could not be asked: egress_denied"), 0)


async def test_a_host_that_the_person_named_may_be_in_this_network() -> None:
    script = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
    async with raw_upstream(script) as upstream, opened(limits=TOKEN_LIMITS) as egress:
        allowed = frozenset({HostPort("127.0.0.1", upstream.port)})
        asked = await TokenEndpoint(egress).ask(request(f"http://127.0.0.1:{upstream.port}/"), private_allowed=allowed)
    assert isinstance(asked, InboundResponse)
    assert asked.body == b"{}"


async def test_an_answer_without_end_is_none() -> None:
    body = b"x" * (ANSWER_BYTES + 1)
    script = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body]
    async with raw_upstream(script) as upstream, opened(limits=TOKEN_LIMITS) as egress:
        allowed = frozenset({HostPort("127.0.0.1", upstream.port)})
        asked = await TokenEndpoint(egress).ask(request(f"http://127.0.0.1:{upstream.port}/"), private_allowed=allowed)
    assert asked == Later("the service could not be asked: response_too_large")


def test_the_limits_are_small_and_no_connection_is_kept() -> None:
    assert (TOKEN_LIMITS.total_seconds, TOKEN_LIMITS.response_body_bytes, TOKEN_LIMITS.idle_connections) == (
        10,
        64 * 1024,
        0,
    )
