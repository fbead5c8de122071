"""TLS as we speak it, and what the environment may not change."""

import asyncio
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits
from stack_local.egress.sockets import Connection
from tests.simulators.certificates import Authority, make_authority
from tests.simulators.egress import OK, failure_of, opened, outbound, to
from tests.simulators.raw_upstream import HANG, raw_upstream
from tests.simulators.resolver import TableResolver


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


async def test_tls_with_the_right_name_is_spoken_and_kept(authority: Authority) -> None:
    resolver = TableResolver({"api.example.com": [("127.0.0.1",)]})
    context = authority.server_context("api.example.com")
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    async with raw_upstream([OK], tls=context) as upstream, opened(resolver, ca=authority.ca) as egress:
        for _ in range(3):
            response = await egress.send(outbound(f"https://api.example.com:{upstream.port}/"))
            assert response.body == b"ok"
        assert (upstream.connections, names) == (1, ["api.example.com"])


async def test_tls_to_an_address_needs_the_address_in_the_certificate(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    async with raw_upstream([OK], tls=context) as upstream, opened(ca=authority.ca) as egress:
        assert (await egress.send(outbound(f"https://127.0.0.1:{upstream.port}/"))).status == 200


@pytest.mark.parametrize("fault", ["wrong name", "common name only", "self-signed", "expired", "unknown authority"])
async def test_a_bad_certificate_is_refused_before_sending(authority: Authority, fault: str) -> None:
    host = "api.example.com"
    context = {
        "wrong name": lambda: authority.server_context("other.example.com"),
        "common name only": lambda: authority.server_context(common_name=host),
        "self-signed": lambda: authority.server_context(host, is_self_signed=True),
        "expired": lambda: authority.server_context(host, is_expired=True),
        "unknown authority": lambda: authority.server_context(host),
    }[fault]()
    ca = None if fault == "unknown authority" else authority.ca
    resolver = TableResolver({host: [("127.0.0.1",)]})
    async with raw_upstream([OK], tls=context) as upstream, opened(resolver, ca=ca) as egress:
        assert await failure_of(egress, outbound(f"https://{host}:{upstream.port}/")) == ("tls_failed", False)
        assert upstream.requests == []


async def test_a_server_that_does_not_speak_tls_is_refused_before_sending() -> None:
    async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer_plainly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened() as egress:
        assert await failure_of(egress, outbound(f"https://127.0.0.1:{port}/")) == ("tls_failed", False)
    server.close()


async def test_a_connection_that_was_led_elsewhere_is_refused_before_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    async with raw_upstream([OK]) as asked, raw_upstream([OK]) as other, opened() as egress:

        def lead_elsewhere(raw_socket: socket.socket, address: tuple[str, int]) -> Coroutine[Any, Any, None]:
            return connect(raw_socket, ("127.0.0.1", other.port))

        connect = loop.sock_connect
        monkeypatch.setattr(loop, "sock_connect", lead_elsewhere)
        assert await failure_of(egress, to(asked)) == ("connect_failed", False)
        assert other.requests == asked.requests == []


async def test_a_server_that_never_shakes_hands_is_given_up(authority: Authority) -> None:
    async with raw_upstream([HANG]) as upstream, opened(limits=Limits(tls_seconds=0.05)) as egress:
        assert await failure_of(egress, outbound(f"https://127.0.0.1:{upstream.port}/")) == ("timed_out", False)
        await asyncio.wait_for(upstream.gone.wait(), 5)


async def test_the_environment_has_no_say(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key_log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(key_log))
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    context = authority.server_context("127.0.0.1")
    async with raw_upstream([OK], tls=context) as upstream, opened(ca=authority.ca) as egress:
        await egress.send(outbound(f"https://127.0.0.1:{upstream.port}/"))
    assert not key_log.exists()


async def test_an_authority_named_by_the_environment_is_not_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    context = authority.server_context("127.0.0.1")
    async with raw_upstream([OK], tls=context) as upstream, opened() as egress:
        request = outbound(f"https://127.0.0.1:{upstream.port}/")
        assert await failure_of(egress, request) == ("tls_failed", False)


def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    connection = Connection(Limits())
    connection.connection_lost(ConnectionResetError())
    with pytest.raises(EgressFailed) as failed:
        connection.write(b"x")
    assert (failed.value.code, failed.value.sent) == ("connection_reset", False)
