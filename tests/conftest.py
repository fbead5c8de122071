"""Fixtures that several folders share: a home, a running appliance in this process, and clients of it."""

import asyncio
import gc
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack_local.app import Appliance, HomeLock, Places
from stack_local.client import RemoteClient
from stack_local.domain.secrets import Secret
from stack_local.egress.resolve import Resolver
from stack_local.oauth.client_documents import Sender
from stack_local.server import bind, run
from stack_local.settings import Settings
from stack_local.vault.profiles import CHEAPEST
from stack_local.wire.access import GrantAgentAccess
from stack_local.wire.agents import Agent, RegisterAgent
from stack_local.wire.keys import CreateKey
from stack_local.wire.services import ConnectCustomService, Connection
from stack_local.wire.vault import CreateSession, CreateVault
from tests.simulators.clock import TestSystem
from tests.simulators.upstream import Upstream

# As in the product's own process: a tenth of the suite was the collector.
gc.set_threshold(50_000)

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: httpx reads all public authorities, for a fiftieth of a second, without it."""

PASSPHRASE = "correct horse battery staple"
ROOMY = {"registrations_per_hour": 10_000, "token_requests_per_minute": 100_000}
"""Rates for tests whose clock stands still."""

TOKEN = "upstream-secret-9f8e7d6c5b4a"


@dataclass
class Running:
    """A served appliance with a person at its admin socket."""

    appliance: Appliance
    places: Places
    base_url: str
    person: RemoteClient
    system: TestSystem

    def http(self, bearer: str | None = None) -> httpx.AsyncClient:
        """An HTTP client of the agents' side."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, timeout=30, trust_env=False, verify=PLAIN)

    async def connect(self, upstream: Upstream, name: str = "demo", **fields: Any) -> Connection:
        """Connect a simulator of a service, as the person."""
        return await self.person.call(
            ConnectCustomService(name=name, credential=TOKEN, hosts=[upstream.host_port], **fields)
        )

    async def agent(self, name: str, *connections: Connection, **controls: Any) -> Agent:
        """Register an agent and grant it read and write on each connection, as the person."""
        agent = await self.person.call(RegisterAgent(name=name, **controls))
        for connection in connections:
            await self.person.call(
                GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read", "write"])
            )
        return agent

    async def key(self, **fields: Any) -> str:
        """Mint an API key, as the person."""
        created = await self.person.call(CreateKey(**fields))
        return created.api_key.get_secret_value()


@asynccontextmanager
async def served(
    home: Path,
    state: Path,
    *,
    system: TestSystem | None = None,
    document_sender: Sender | None = None,
    token_sender: Sender | None = None,
    resolver: Resolver | None = None,
    **chosen: Any,
) -> AsyncIterator[Running]:
    """An appliance, on a free port unless one is chosen; its vault is as the home holds it."""
    clock = system or TestSystem()
    settings = Settings(**({"port": 0} | ROOMY | chosen))
    lock, listener = HomeLock(home), bind(settings.host, settings.port)
    places = Places(home=home, state=state, admin_socket=home / "admin.sock")
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    appliance = Appliance(
        places,
        settings,
        clock,
        CHEAPEST,
        base_url=base_url,
        document_sender=document_sender,
        token_sender=token_sender,
        resolver=resolver,
    )
    ready = asyncio.Event()

    async def say_ready() -> None:
        ready.set()

    try:
        # A task of its own: pytest sets a fixture up and tears it down in two different ones.
        server = asyncio.create_task(run(appliance, listener, places, settings, ready=say_ready))
        await asyncio.wait({server, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        person = RemoteClient(socket_path=str(places.admin_socket))
        try:
            yield Running(appliance, places, base_url, person, clock)
        finally:
            await person.aclose()
            appliance.stopping.set()
            await server
    finally:
        listener.close()
        lock.release()


async def begin(running: Running) -> None:
    """Make the vault and hold a person's session."""
    await running.person.call(CreateVault(passphrase=PASSPHRASE))
    session = await running.person.call(CreateSession(passphrase=PASSPHRASE))
    running.person.hold_session(Secret(session.session.get_secret_value()))


@pytest.fixture
async def appliance(tmp_path: Path) -> AsyncIterator[Running]:
    """A served, unlocked appliance and its person."""
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        yield running


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A service that demands TOKEN as a bearer."""
    async with Upstream(token=TOKEN) as service:
        yield service


def decoded(response: httpx.Response) -> Any:
    """An answer's JSON."""
    return json.loads(response.content)
