"""A service of the catalogue that exists here alone: its template, its server, and a person who logs in."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from plugins import BUILTIN
from stack_local import app
from stack_local.domain.secrets import Secret
from stack_local.oauth.token_endpoint import TOKEN_LIMITS
from stack_local.oauth.upstream import CALLBACK_PATH
from stack_local.operations import devices, sealing, taking_back
from stack_local.operations.context import Core
from stack_local.operations.sealing import Material
from stack_local.plugin_api import Registrar, read_template
from stack_local.store import services
from stack_local.wire.connecting import ConnectService, ServiceConnecting
from stack_local.wire.vault import CreateSession
from tests.conftest import PASSPHRASE, TOKEN, Running, begin, served
from tests.simulators.authorization_server import CLIENT_ID, CLIENT_SECRET, HOST, AuthorizationServer, Wire
from tests.simulators.egress import opened
from tests.simulators.upstream import Upstream

SHOP, TENANT = "demo_shop", "demo_tenant"
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def shop(upstream: Upstream, **changed: Any) -> dict[str, Any]:
    """The template of a service that the simulated upstream is."""
    oauth = {
        "authorization_url": f"https://{HOST}/authorize",
        "token_url": f"https://{HOST}/token",
        "device_authorization_url": f"https://{HOST}/device",
        "revocation_url": f"https://{HOST}/revoke",
        "register_url": f"https://{HOST}/apps",
        "grants": ["authorization_code", "device_code", "client_credentials"],
    }
    return {
        "provider": SHOP,
        "name": "Demo Shop",
        "description": "A shop for tests.",
        "hosts": [upstream.host_port],
        "base_url": upstream.base_url,
        "injection": {"style": "bearer"},
        "fields": [{"name": "value", "label": "Token", "hint": "the token alone"}],
        "scopes": [
            {"name": "things:read", "words": "see things", "needed_for": "read", "usual": True},
            {"name": "things:write", "words": "change things", "needed_for": "write"},
        ],
        "token": {"url": f"https://{HOST}/tokens", "steps": "Make one."},
        "verify": {"path": "/things"},
        "oauth": oauth,
        "exchange": {
            "kind": "github_app",
            "token_url": f"https://{HOST}/app/installations/{{installation_id}}/access_tokens",
            "fields": [
                {"name": "app_id", "label": "App", "hint": "its number", "secret": False},
                {"name": "installation_id", "label": "Installation", "hint": "its number", "secret": False},
                {"name": "private_key", "label": "Key", "hint": "the whole file"},
            ],
        },
        **changed,
    }


def tenant() -> dict[str, Any]:
    """The template of a service whose hosts are each account's own, and whose secrets look like nothing else's."""
    return {
        "provider": TENANT,
        "name": "Demo Tenant",
        "description": "A service for tests.",
        "hosts": ["{{subdomain}}.demotenant.com"],
        "base_url": "https://{{subdomain}}.demotenant.com/api",
        "placeholders": [{"name": "subdomain", "label": "Subdomain", "hint": "before .demotenant.com"}],
        "injection": {"style": "basic"},
        "fields": [
            {"name": "username", "label": "User", "hint": "an address", "secret": False},
            {"name": "password", "label": "Token", "hint": "tnt_…", "format": "tnt_[0-9]{8}"},
        ],
        "verify": {"path": "/api/me"},
    }


@contextmanager
def catalogued(*templates: dict[str, Any]) -> Iterator[None]:
    """Appliances that start meanwhile know these services too."""

    def register(stack: Registrar) -> None:
        for template in templates:
            stack.service(read_template("test", template))

    before = app.BUILTIN
    app.BUILTIN = (*BUILTIN, register)
    try:
        yield
    finally:
        app.BUILTIN = before


@dataclass
class Counter:
    """A person at the counter of the shop, and the appliance of that person."""

    running: Running
    upstream: Upstream
    server: AuthorizationServer
    wire: Wire

    async def begin(self, **fields: Any) -> ServiceConnecting:
        """Begin a log-in, or connect at once, as the person."""
        return await self.running.person.call(ConnectService(**{"service_id": SHOP, **CLIENT, **fields}))

    async def come_back(self, said: dict[str, str], *, method: str = "GET") -> httpx.Response:
        """The browser follows the service's redirect."""
        async with self.running.http() as browser:
            return await browser.request(method, f"{CALLBACK_PATH}?{urlencode(said)}")

    async def log_in(self, **fields: Any) -> httpx.Response:
        """A whole log-in by code."""
        begun = await self.begin(**fields)
        assert begun.authorization_url is not None
        return await self.come_back(self.server.allow(begun.authorization_url))

    async def later(self, seconds: float) -> None:
        """Time passes, and the person sits down again: a session does not last."""
        self.running.system.advance(seconds)
        self.running.person.hold_session(None)
        session = await self.running.person.call(CreateSession(passphrase=PASSPHRASE))
        self.running.person.hold_session(Secret(session.session.get_secret_value()))

    async def stepped(self, *, seconds: float = 0) -> None:
        """Time passes, and what happens by the clock happens."""
        self.running.system.advance(seconds)
        await devices.look(self.core, self.running.system)
        await taking_back.take_back(self.core, self.running.system)

    @property
    def core(self) -> Core:
        """The ports of the open vault."""
        core = self.running.appliance.dispatcher._core
        assert core is not None
        return core

    async def kept(self, connection_id: str) -> Material:
        """A connection's credential, opened."""
        row = await self.core.database.read(lambda tx: services.get_credential(tx, connection_id))
        return sealing.opened(self.core, row)


@asynccontextmanager
async def open_shop(
    folder: Path,
    *,
    patience: float = TOKEN_LIMITS.total_seconds,
    changed: dict[str, Any] | None = None,
    **chosen: Any,
) -> AsyncIterator[Counter]:
    """An unlocked appliance that knows the shop, and the shop."""
    limits = replace(TOKEN_LIMITS, total_seconds=patience)
    async with Upstream(token=TOKEN) as upstream, AuthorizationServer() as server, opened(limits=limits) as egress:
        wire = Wire(server, egress)
        server.on_issue = lambda token: setattr(upstream, "token", token)
        with catalogued(shop(upstream, **(changed or {})), tenant()):
            async with served(folder / "home", folder / "state", token_sender=wire, **chosen) as running:
                await begin(running)
                # What happens by the clock happens when a test says so.
                running.appliance._stop_jobs.set()
                yield Counter(running, upstream, server, wire)
