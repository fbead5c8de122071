"""A person says which way leads out of the network; it holds at once, and after a restart."""

from pathlib import Path

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.wire.audit import ListAudit
from stack_local.wire.services import ConnectCustomService
from stack_local.wire.vault import GetCompanyProxy, SetCompanyProxy, UnlockVault
from tests.conftest import PASSPHRASE, Running, begin, decoded, served
from tests.simulators.certificates import NAME, NO_NAME, make_authority
from tests.simulators.connect_proxy import connect_proxy
from tests.simulators.raw_upstream import raw_upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_call_goes_through_the_proxy_that_a_person_named(appliance: Running, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with (
        raw_upstream([OK], tls=authority.server_context("api.vendor.com")) as upstream,
        connect_proxy(upstream.port) as proxy,
    ):
        asked = SetCompanyProxy(proxy=f"127.0.0.1:{proxy.port}", ca=authority.ca)
        said = await appliance.person.call(asked)
        assert said.proxy == f"127.0.0.1:{proxy.port}"
        assert len(said.ca_fingerprints) == 1
        assert len(said.warnings) == 3
        connected = ConnectCustomService(name="vendor", credential="token-of-the-vendor", hosts=["api.vendor.com"])
        agent = await appliance.agent("caller", await appliance.person.call(connected))
        async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
            call = {"service": "custom_vendor", "method": "GET", "url": "https://api.vendor.com/things"}
            answer = await http.post("/v1/proxy", json=call)
        assert (answer.status_code, decoded(answer)["body"]) == (200, "ok")
        assert b"CONNECT api.vendor.com:443 HTTP/1.1" in proxy.asked[0]
        (record,) = (await appliance.person.call(ListAudit(action="vault.set_company_proxy"))).entries
        assert (record.subject, record.detail["ca"]) == (said.proxy, said.ca_fingerprints[0])


async def test_it_holds_after_a_restart_and_until_it_is_taken_back(tmp_path: Path) -> None:
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        await running.person.call(SetCompanyProxy(proxy="proxy.corp:3128"))
    async with served(tmp_path / "home", tmp_path / "state") as running:
        unlocked = await running.person.call(UnlockVault(passphrase=PASSPHRASE))
        running.person.hold_session(Secret(unlocked.session.get_secret_value()))
        assert (await running.person.call(GetCompanyProxy())).proxy == "proxy.corp:3128"
        assert (await running.person.call(SetCompanyProxy())).proxy is None
        assert (await running.person.call(GetCompanyProxy())).warnings == []


async def test_what_cannot_be_used_changes_nothing(appliance: Running, tmp_path: Path) -> None:
    await appliance.person.call(SetCompanyProxy(proxy="proxy.corp:3128"))
    for wrong, field in (
        ({"proxy": "proxy corp:3128"}, "proxy"),
        ({"proxy": "a/b:1"}, "proxy"),
        ({"ca": "none"}, "ca"),
        ({"ca": make_authority(tmp_path).altered_ca(NAME, NO_NAME)}, "ca"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            await appliance.person.call(SetCompanyProxy.model_validate(wrong))
        assert refused.value.details["field"] == field
    assert (await appliance.person.call(GetCompanyProxy())).proxy == "proxy.corp:3128"
