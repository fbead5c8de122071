"""When a connection is used again, and when it is not."""

import asyncio
import os

import pytest

from stack_local.egress.limits import Limits
from tests.simulators.egress import HEAD, OK, SHORT, failure_of, opened, outbound, to
from tests.simulators.raw_upstream import CLOSE, HANG, RESET, raw_upstream
from tests.simulators.resolver import TableResolver


async def test_a_connection_is_used_again_by_the_same_pool_key() -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        for _ in range(5):
            await egress.send(to(upstream))
        assert (upstream.connections, len(upstream.requests)) == (1, 5)


async def test_a_connection_is_never_shared_between_pool_keys() -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        for pool_key in ("a", "b", "a", "b"):
            await egress.send(outbound(f"http://127.0.0.1:{upstream.port}/", pool_key=pool_key))
        assert upstream.connections == 2


async def test_a_connection_is_never_shared_between_names_of_one_address() -> None:
    resolver = TableResolver({"a.com": [("127.0.0.1",)], "b.com": [("127.0.0.1",)]})
    async with raw_upstream([OK]) as upstream, opened(resolver) as egress:
        for name in ("a.com", "b.com"):
            await egress.send(outbound(f"http://{name}:{upstream.port}/"))
        assert upstream.connections == 2


ENDING = [
    ("says close", [HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"]),
    ("closes after", [OK, CLOSE]),
    ("second response", [OK + OK]),
    ("body of 204", [b"HTTP/1.1 204 No\r\n\r\nsmuggled"]),
    ("HTTP/1.0", [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"]),
]


@pytest.mark.parametrize("script", [row[1] for row in ENDING], ids=[row[0] for row in ENDING])
async def test_a_connection_that_cannot_go_on_is_replaced(script: list[bytes]) -> None:
    async with raw_upstream(script, [OK]) as upstream, opened() as egress:
        await egress.send(to(upstream))
        await asyncio.wait_for(upstream.gone.wait(), 5)
        assert (await egress.send(to(upstream))).body == b"ok"
        assert (upstream.connections, len(upstream.requests)) == (2, 2)


async def test_bytes_that_come_between_two_requests_end_the_connection() -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        await egress.send(to(upstream))
        upstream.writers[0].write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        assert (await egress.send(to(upstream))).body == b"ok"
        assert upstream.connections == 2


async def test_bytes_that_the_loop_reads_while_idle_end_the_connection() -> None:
    async with raw_upstream([OK]) as upstream, opened() as egress:
        await egress.send(to(upstream))
        upstream.writers[0].write(b"noise")
        await asyncio.wait_for(upstream.gone.wait(), 5)


async def test_a_request_on_a_connection_that_breaks_is_not_sent_again() -> None:
    async with raw_upstream([OK], [RESET], [OK]) as upstream, opened() as egress:
        await egress.send(to(upstream))
        assert await failure_of(egress, to(upstream)) == ("connection_reset", True)
        assert len(upstream.requests) == 2


async def test_idle_connections_are_bounded() -> None:
    async with raw_upstream([OK]) as upstream, opened(limits=Limits(idle_connections=2)) as egress:
        await asyncio.gather(*(egress.send(to(upstream)) for _ in range(6)))
        first = upstream.connections
        await asyncio.gather(*(egress.send(to(upstream)) for _ in range(6)))
        assert (first, upstream.connections) == (6, 10)


async def test_idle_connections_are_bounded_over_all_pools() -> None:
    async with raw_upstream([OK]) as upstream, opened(limits=Limits(idle_connections_total=1)) as egress:
        for pool_key in ("a", "b", "b"):
            await egress.send(outbound(f"http://127.0.0.1:{upstream.port}/", pool_key=pool_key))
        assert upstream.connections == 3


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with raw_upstream([OK]) as upstream, opened(limits=Limits(idle_seconds=0.01)) as egress:
        await egress.send(to(upstream))
        await asyncio.wait_for(upstream.gone.wait(), 5)


async def test_closing_ends_the_idle_connections() -> None:
    async with raw_upstream([OK]) as upstream:
        async with opened() as egress:
            await egress.send(to(upstream))
        await asyncio.wait_for(upstream.gone.wait(), 5)


async def test_cancellation_closes_the_connection() -> None:
    async with raw_upstream([HANG]) as upstream, opened() as egress:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(egress.send(to(upstream)), 0.05)
        await asyncio.wait_for(upstream.gone.wait(), 5)


async def test_no_descriptor_is_left_open() -> None:
    async with raw_upstream([RESET], [HANG], [HEAD, CLOSE], [OK]) as upstream, opened(limits=SHORT) as egress:
        for _ in range(3):
            await failure_of(egress, to(upstream))
        await failure_of(egress, outbound(f"https://127.0.0.1:{upstream.port}/"))
        before = len(os.listdir("/dev/fd"))
        await egress.send(to(upstream))
        await egress.aclose()
        await asyncio.wait_for(upstream.gone.wait(), 5)
        assert len(os.listdir("/dev/fd")) <= before + 1
