"""The page behind a client's question: it tells nothing, and nothing can be done on it."""

import pytest

from tests.conftest import Running

ID = "apr_" + "0" * 18 + "WXYZ"


async def test_it_sends_the_person_to_the_terminal_and_has_no_button(appliance: Running) -> None:
    async with appliance.http() as http:
        page = await http.get(f"/approvals/{ID}")
    assert page.status_code == 200
    assert "Screen 1, Approvals" in page.text
    assert "WXYZ" in page.text
    assert not [tag for tag in ("<form", "<script", "<a ", "<button") if tag in page.text]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["nonsense", "apr_1", "apr_" + "<" * 22])
async def test_what_is_no_id_is_no_page(appliance: Running, name: str) -> None:
    async with appliance.http() as http:
        page = await http.get(f"/approvals/{name}")
    assert page.status_code == 404
    assert name not in page.text


async def test_nothing_is_taken_from_a_form(appliance: Running) -> None:
    async with appliance.http() as http:
        response = await http.post(f"/approvals/{ID}", data={"do": "approve"})
    assert response.status_code == 404
