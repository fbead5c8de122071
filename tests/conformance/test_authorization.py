"""The suite's two scenarios for authorization servers, against the appliance: its metadata, and a whole code grant."""

from functools import partial
from pathlib import Path

import httpx
import pytest

from stack_local.system import RealSystem
from stack_local.wire.consents import GiveConsent, ListConsentRequests
from tests.conformance.suite import authorization
from tests.conftest import Running, begin, served
from tests.oauth.flow import Login

PORT = 3999
"""Where the suite listens for the code."""

pytestmark = pytest.mark.conformance


async def let_in(running: Running, http: httpx.AsyncClient, url: str) -> None:
    """Open the page as a browser does, ask, say yes as the person, and go where the answer goes."""
    login = Login(running, http)
    login.take(await http.get(url))
    await login.press("ask")
    asked = (await running.person.call(ListConsentRequests())).items[0]
    await running.person.call(GiveConsent(request_id=asked.id))
    answer = await login.look()
    await http.get(answer.headers["location"])


async def test_the_metadata_and_the_code_grant_pass(tmp_path: Path) -> None:
    async with served(tmp_path / "home", tmp_path / "state", system=RealSystem()) as running, running.http() as http:
        await begin(running)
        login = Login(running, http)
        await login.register(redirect_uris=[f"http://127.0.0.1:{PORT}/callback"])
        where = ["--url", running.base_url, "--client-id", login.client_id, "--resource", f"{running.base_url}/mcp"]
        log_in = partial(let_in, running, http)
        ran = await authorization(tmp_path / "out", *where, "-p", str(PORT), log_in=log_in)
    assert ran.status == 0, ran.explained()
    assert set(ran.checks) == {"authorization-server-metadata-endpoint", "authorization-code-grant"}, ran.said
    assert ran.counted()["SUCCESS"] == 2, ran.explained()
    assert not ran.ended("FAILURE", "SKIPPED"), ran.explained()
