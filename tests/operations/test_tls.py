"""A service behind a private authority, and one that wants a certificate: connected, called, rotated."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from stack_local.domain.errors import InvalidRequest
from stack_local.egress import tls
from stack_local.wire.credentials import ListCredentials, RotateCredential
from stack_local.wire.services import ConnectCustomService, Connection
from tests.conftest import Running, decoded
from tests.simulators.certificates import Authority, make_authority
from tests.simulators.raw_upstream import RawUpstream, raw_upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TOKEN = "token-of-the-internal-service"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "authority"
    folder.mkdir()
    return make_authority(folder)


def demanding(authority: Authority) -> ssl.SSLContext:
    """A service that serves nobody without a certificate of its authority."""
    context = authority.server_context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca_file)
    return context


async def connected(running: Running, upstream: RawUpstream, **chosen: Any) -> Connection:
    values = {"name": "internal", "credential": TOKEN, "hosts": [f"127.0.0.1:{upstream.port}"], **chosen}
    return await running.person.call(ConnectCustomService.model_validate(values))


async def called(running: Running, connection: Connection, upstream: RawUpstream) -> tuple[int, Any]:
    agent = await running.agent(f"caller-{len(upstream.requests)}", connection)
    async with running.http(await running.key(agent_id=agent.id)) as http:
        url = f"https://127.0.0.1:{upstream.port}/things"
        answer = await http.post("/v1/proxy", json={"service": connection.provider, "method": "GET", "url": url})
        return answer.status_code, decoded(answer)


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_private_authority_is_trusted_where_a_person_said_so(
    is_trusted: bool, appliance: Running, authority: Authority
) -> None:
    async with raw_upstream([OK], tls=authority.server_context("127.0.0.1")) as upstream:
        connection = await connected(appliance, upstream, ca=authority.ca if is_trusted else None)
        status, body = await called(appliance, connection, upstream)
        assert connection.ca_fingerprints == (tls.fingerprints(authority.ca) if is_trusted else [])
        if is_trusted:
            assert (status, body["body"]) == (200, "ok")
        else:
            assert (status, body["error"]["code"]) == (502, "TLS_FAILED")
            assert upstream.requests == []


async def test_a_certificate_is_shown_and_stays_when_the_token_is_rotated(
    appliance: Running, authority: Authority
) -> None:
    chain, key = authority.client_pair()
    credential = {"value": TOKEN, tls.CERTIFICATE: chain, tls.KEY: key}
    async with raw_upstream([OK], [OK], tls=demanding(authority)) as upstream:
        connection = await connected(appliance, upstream, credential=credential, ca=authority.ca)
        assert (await called(appliance, connection, upstream))[0] == 200
        another = RotateCredential(connection_id=connection.id, credential=SecretStr("another-token-of-the-service"))
        await appliance.person.call(another)
        assert (await called(appliance, connection, upstream))[0] == 200
    assert [b"another-token" in request for request in upstream.requests] == [False, True]
    (known,) = (await appliance.person.call(ListCredentials())).items
    assert set(known.fields) == {"value", tls.CERTIFICATE, tls.KEY}


async def test_a_key_that_is_not_the_certificates_is_refused_at_once(appliance: Running, authority: Authority) -> None:
    chain, other = authority.client_pair()[0], authority.client_pair()[1]
    async with raw_upstream(tls=demanding(authority)) as upstream:
        with pytest.raises(InvalidRequest) as refused:
            await connected(appliance, upstream, credential={"value": TOKEN, tls.CERTIFICATE: chain, tls.KEY: other})
    assert refused.value.details["field"] == "credential.tls_key"
