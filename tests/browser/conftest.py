"""Two Chromiums for a whole run, one of them without JavaScript, and a tab for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.browser.chromium import Browser, Chromium, new_tab, running_chromium
from tests.browser.login import BrowserLogin
from tests.browser.site import Site
from tests.conftest import Running
from tests.oauth.flow import Login

WITH_SCRIPT, WITHOUT_SCRIPT = "JavaScript on", "JavaScript off"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium as everybody has it."""
    with running_chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def scriptless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium whose owner has turned JavaScript off."""
    with running_chromium(tmp_path_factory.mktemp("scriptless"), has_script=False) as running:
        yield running


@pytest.fixture
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """A tab; `@both` runs a test with JavaScript and without."""
    kind = "scriptless" if getattr(request, "param", WITH_SCRIPT) == WITHOUT_SCRIPT else "chromium"
    async with new_tab(request.getfixturevalue(kind)) as tab:
        yield tab


@pytest.fixture
async def client() -> AsyncIterator[Site]:
    """Where a client on this machine waits for the answer."""
    async with Site() as site:
        yield site


@pytest.fixture
async def login(appliance: Running, browser: Browser, client: Site) -> AsyncIterator[BrowserLogin]:
    """A registered client whose log-in is about to be opened."""
    async with appliance.http() as http:
        login = BrowserLogin(appliance, browser, client, Login(appliance, http))
        await login.register()
        yield login
