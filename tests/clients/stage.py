"""An appliance that is restarted under its clients, a service behind it, and a person with a browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from stack_local.domain.secrets import Secret
from stack_local.wire.consents import GiveConsent
from stack_local.wire.services import Connection
from stack_local.wire.vault import UnlockVault
from tests.conftest import PASSPHRASE, TOKEN, Running, begin, served
from tests.simulators.clock import TestSystem
from tests.simulators.upstream import Upstream

CALLBACK_SECONDS = 20
"""A client may begin to listen for its code after it has opened the browser."""


@dataclass
class Stage:
    """One home at one address, however often it is restarted."""

    folder: Path
    upstream: Upstream
    running: Running
    connection: Connection
    opened: list[str] = field(default_factory=list)
    """Every address that a client had a browser open: each time, a person was needed."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What a client has stored for its next process."""
    _leave: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def url(self) -> str:
        """What a client is configured with."""
        return f"{self.running.base_url}/mcp"

    async def key(self) -> str:
        """An API key of an agent that may use the service."""
        agent = await self.running.agent("with-a-key", self.connection)
        return await self.running.key(agent_id=agent.id)

    async def restart(self) -> None:
        """End the appliance and start it again: the same home, the same address; its passphrase is given at once."""
        system, port = self.running.system, urlsplit(self.running.base_url).port
        await self._leave.aclose()
        self.running = await self._leave.enter_async_context(served(*_places(self.folder), system=system, port=port))
        session = await self.running.person.call(UnlockVault(passphrase=PASSPHRASE))
        self.running.person.hold_session(Secret(session.session.get_secret_value()))

    async def let_in(self, url: str) -> str:
        """Browser and person: open the page, ask, say yes in the terminal; where the browser is sent with the code."""
        self.opened.append(url)
        async with httpx.AsyncClient(timeout=30, trust_env=False) as browser:
            page = await browser.get(url)
            assert page.status_code == 200, page.text
            path, csrf = _found(r'action="([^"]+)"', page.text), _found(r'name="csrf" value="([^"]+)"', page.text)
            address, origin = urljoin(url, path), {"Origin": self.running.base_url}
            asked = await browser.post(address, data={"csrf": csrf, "do": "ask"}, headers=origin)
            assert asked.status_code == 303, asked.text
            postures = {self.connection.id: "ask"}
            await self.running.person.call(GiveConsent(request_id=path.rpartition("/")[2], postures=postures))
            decided = await browser.get(address)
        assert decided.status_code == 303, decided.text
        return decided.headers["location"]

    async def log_in(self, url: str) -> None:
        """The same, and the browser goes on to the client, which listens on loopback."""
        callback = await self.let_in(url)
        async with asyncio.timeout(CALLBACK_SECONDS), httpx.AsyncClient(timeout=30, trust_env=False) as browser:
            while True:
                try:
                    answer = await browser.get(callback)
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)  # the client's own bound ends this if it never listens
                else:
                    assert answer.status_code < 400, answer.text
                    return


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def _places(folder: Path) -> tuple[Path, Path]:
    return folder / "home", folder / "state"


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A new home, unlocked, with one service connected."""
    async with AsyncExitStack() as leave, Upstream(token=TOKEN) as upstream:
        running = await leave.enter_async_context(served(*_places(folder), system=TestSystem()))
        await begin(running)
        yield Stage(folder, upstream, running, await running.connect(upstream), _leave=leave)
        await leave.aclose()  # before the service, which it calls
