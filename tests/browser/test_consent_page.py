"""The consent page in a real Chromium: let in, refused, decided meanwhile, by a code; with JavaScript and without."""

from collections.abc import AsyncIterator

import pytest

from stack_local.domain.consents import WRONG_CODES
from stack_local.wire.consents import CreateConsentCode, ListConsents, RefuseConsent
from tests.browser.chromium import Browser
from tests.browser.conftest import WITH_SCRIPT, WITHOUT_SCRIPT
from tests.browser.login import ASK, REFUSE, STATE, TYPED, BrowserLogin
from tests.browser.site import CALLBACK, Site
from tests.conftest import decoded

pytestmark = pytest.mark.browser

both = pytest.mark.parametrize("browser", [WITH_SCRIPT, WITHOUT_SCRIPT], indirect=True)

WRONG_CODE = "2222-2222"


@pytest.fixture(autouse=True)
async def quiet(login: BrowserLogin) -> AsyncIterator[None]:
    """Whatever a test does: nothing is asked of anybody else, and the console has nothing to say."""
    yield
    assert await login.strangers() == []
    assert [said for said in await login.browser.console() if "status of 40" not in said] == []


@pytest.mark.parametrize(("browser", "runs"), [(WITH_SCRIPT, True), (WITHOUT_SCRIPT, False)], indirect=["browser"])
async def test_the_browser_without_javascript_runs_none(browser: Browser, client: Site, runs: bool) -> None:
    client.pages["/"] = "<link rel=icon href=data:,><p>none</p><script>document.body.textContent = 'ran'</script>"
    await browser.open(client.url("/"))
    assert await browser.text() == ("ran" if runs else "none")


@both
async def test_a_client_that_is_let_in_gets_a_code_that_it_can_use(login: BrowserLogin) -> None:
    await login.ask()
    await login.give()
    answer = await login.client.answer()
    assert {name: answer[name] for name in answer if name != "code"} == {
        "state": STATE,
        "iss": login.running.base_url,
    }
    response = await login.redeem(answer["code"])
    assert (response.status_code, decoded(response)["token_type"]) == (200, "Bearer")


@both
async def test_a_refusal_in_the_page_reaches_the_client(login: BrowserLogin) -> None:
    await login.open()
    await login.browser.click(REFUSE)
    answer = await login.client.answer()
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", STATE, login.running.base_url)
    assert await login.all_waiting() == []


@both
async def test_a_refusal_while_it_waits_reaches_the_client(login: BrowserLogin) -> None:
    await login.ask()
    await login.browser.click(REFUSE)
    assert (await login.client.answer())["error"] == "access_denied"


@both
async def test_a_refusal_in_the_terminal_reaches_the_client_by_itself(login: BrowserLogin) -> None:
    waiting = await login.ask()
    await login.running.person.call(RefuseConsent(request_id=waiting.id))
    assert (await login.client.answer())["error"] == "access_denied"


async def test_the_page_and_the_terminal_show_the_same_tag_and_place(login: BrowserLogin) -> None:
    waiting = await login.ask()
    shown = await login.browser.text()
    assert waiting.tag in shown
    assert waiting.redirect_host in shown
    assert waiting.is_loopback


async def test_nothing_waits_before_the_button_is_pressed(login: BrowserLogin) -> None:
    await login.open()
    assert await login.browser.has(ASK)
    assert await login.all_waiting() == []


@both
async def test_a_code_typed_into_the_page_lets_the_client_in(login: BrowserLogin) -> None:
    waiting = await login.ask()
    await login.browser.click("a[href='?type=code']")
    made = await login.running.person.call(CreateConsentCode(request_id=waiting.id))
    await login.browser.type("input[name=code]", made.code.get_secret_value().lower())
    await login.browser.click(TYPED)
    response = await login.redeem((await login.client.answer())["code"])
    assert response.status_code == 200


async def test_a_wrong_code_is_told_and_the_right_one_still_works(login: BrowserLogin) -> None:
    waiting = await login.ask()
    made = await login.running.person.call(CreateConsentCode(request_id=waiting.id))
    await login.browser.click("a[href='?type=code']")
    await login.browser.type("input[name=code]", WRONG_CODE)
    await login.browser.click(TYPED)
    assert await login.browser.has("[role=alert]")
    assert login.client.answers == []
    await login.browser.type("input[name=code]", made.code.get_secret_value())
    await login.browser.click(TYPED)
    assert "code" in await login.client.answer()


async def test_too_many_wrong_codes_end_the_log_in(login: BrowserLogin) -> None:
    waiting = await login.ask()
    made = await login.running.person.call(CreateConsentCode(request_id=waiting.id))
    await login.browser.click("a[href='?type=code']")
    for _ in range(WRONG_CODES):
        page = await login.browser.url()
        await login.browser.type("input[name=code]", WRONG_CODE)
        await login.browser.click(TYPED)
    await login.browser.open(f"{page}?type=code")
    assert await login.client.answer() | {"error_description": ""} == {
        "error": "access_denied",
        "error_description": "",
        "state": STATE,
        "iss": login.running.base_url,
    }
    assert made.code.get_secret_value() not in page


async def test_back_from_the_client_gives_nothing_a_second_time(login: BrowserLogin) -> None:
    await login.ask()
    await login.give()
    await login.client.answer()
    await login.browser.until_at(lambda url: CALLBACK in url)
    await login.browser.back()
    await login.browser.until_at(lambda url: url.startswith(login.running.base_url))
    assert len(login.client.answers) == 1
    assert await login.all_waiting() == []


@both
async def test_a_page_that_is_loaded_again_says_that_it_is_decided(login: BrowserLogin) -> None:
    await login.ask()
    page = await login.browser.url()
    await login.give()
    await login.client.answer()
    await login.browser.open(page)
    assert not await login.browser.has("button")
    assert len(login.client.answers) == 1


async def test_a_second_log_in_asks_again(login: BrowserLogin) -> None:
    await login.ask()
    await login.give()
    await login.redeem((await login.client.answer())["code"])
    await login.open()
    assert await login.browser.has(ASK)
    assert len(login.client.answers) == 1


async def test_a_client_that_wants_no_question_gets_no_code(login: BrowserLogin) -> None:
    await login.ask()
    await login.give()
    await login.client.answer()
    await login.browser.open(login.url(prompt="none"))
    assert [answer.get("error") for answer in login.client.answers] == [None, "consent_required"]


async def test_a_button_pressed_without_the_cookie_does_nothing(login: BrowserLogin) -> None:
    await login.open()
    await login.browser.forget()
    await login.browser.click(ASK)
    assert not await login.browser.has("button")
    assert await login.all_waiting() == []


async def test_the_page_in_another_browser_shows_nothing_of_the_log_in(login: BrowserLogin) -> None:
    waiting = await login.ask()
    page = await login.browser.url()
    await login.browser.forget()
    await login.browser.open(page)
    assert waiting.tag not in await login.browser.text()


async def test_a_button_posted_again_after_the_decision_gives_nothing(login: BrowserLogin) -> None:
    await login.ask()
    page, cookies = await login.browser.url(), await login.browser.cookies()
    csrf = await login.browser.attribute("input[name=csrf]", "value")
    await login.give()
    await login.client.answer()
    async with login.running.http() as http:
        http.cookies.update(cookies)
        for do in ("ask", "refuse", "code"):
            form = {"csrf": csrf, "do": do, "code": WRONG_CODE}
            response = await http.post(page, data=form, headers={"Origin": login.running.base_url})
            assert "code=" not in response.headers.get("location", "")
    assert await login.all_waiting() == []
    assert len((await login.running.person.call(ListConsents())).items) == 1
