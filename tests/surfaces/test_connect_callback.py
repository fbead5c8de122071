"""The page a service sends the browser back to: done or not, and nothing that anybody else wrote."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from stack_local.oauth.upstream import CALLBACK_PATH
from stack_local.wire.services import ListConnections
from tests.simulators.shop import Counter, open_shop


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_shop(tmp_path) as counter:
        yield counter


async def said(at: Counter, **fields: str) -> dict[str, str]:
    begun = await at.begin(**fields)
    assert begun.authorization_url is not None
    return at.server.allow(begun.authorization_url)


def heading(page: httpx.Response) -> str:
    return page.text.partition("<h1>")[2].partition("</h1>")[0]


async def test_a_log_in_that_worked_says_so_and_shows_no_name_that_somebody_chose(at: Counter) -> None:
    page = await at.come_back(await said(at, name="Your bank", account="click here"))
    assert (page.status_code, heading(page)) == (200, "Connected")
    assert [text for text in ("Your bank", "click here") if text in page.text] == []


async def test_the_page_runs_nothing_and_is_kept_nowhere(at: Counter) -> None:
    for page in (await at.come_back(await said(at)), await at.come_back({"state": "x"})):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert (page.headers["cache-control"], "<script" in page.text) == ("no-store", False)
        assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_no_page_shows_the_code_or_the_state(at: Counter) -> None:
    redirect = await said(at)
    pages = [await at.come_back(redirect), await at.come_back(redirect)]
    assert [page.status_code for page in pages] == [200, 409]
    assert [value for value in redirect.values() for page in pages if value in page.text] == []


async def test_a_head_spends_nothing(at: Counter) -> None:
    redirect = await said(at)
    statuses = [(await at.come_back(redirect, method=method)).status_code for method in ("HEAD", "POST", "PUT")]
    assert statuses == [405, 404, 404]
    assert (await at.come_back(redirect)).status_code == 200


FOREIGN = {
    "another host": {"Host": "evil.example.com"},
    "a page of another site": {"Origin": "https://evil.example.com"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_it_answers_only_under_our_own_name(at: Counter, headers: dict[str, str]) -> None:
    redirect = await said(at)
    async with at.running.http() as browser:
        refused = await browser.get(CALLBACK_PATH, params=redirect, headers=headers)
    assert refused.status_code in (403, 421)
    assert (await at.running.person.call(ListConnections())).items == []


async def test_the_persons_side_has_no_such_page(at: Counter) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(at.running.places.admin_socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://stack-local") as socket:
        assert (await socket.get(CALLBACK_PATH, params=await said(at))).status_code == 404


@pytest.mark.parametrize("query", ["", "?", "?state", "?state=%ff", "?state=\xe9&code=x"])
async def test_a_redirect_that_cannot_be_read_is_a_page_too(at: Counter, query: str) -> None:
    async with at.running.http() as browser:
        page = await browser.get(CALLBACK_PATH + query)
    assert (page.status_code in (400, 404), heading(page)) == (True, "Not connected")
