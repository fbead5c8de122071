"""Serving: one socket for agents, one for the person's side, each with an application object of its own."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from stack_local.app import Appliance, Places
from stack_local.domain.errors import Conflict
from stack_local.listeners import Listener
from stack_local.settings import Settings
from stack_local.surfaces import approval_page, connect_callback
from stack_local.surfaces import oauth as oauth_surface
from stack_local.surfaces import rest as rest_surface
from stack_local.surfaces.base_url import BaseUrl
from stack_local.surfaces.front_door import App, FrontDoor, Receive, Scope, Send
from stack_local.wire.catalogue import Surface

if TYPE_CHECKING:
    from stack_local.surfaces.mcp import Mcp


def bind(host: str, port: int) -> socket.socket:
    """The listening socket for agents, bound before anything else starts: a busy port is one clean line.

    Raises:
        Conflict: the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio sets TCP_NODELAY on connections of such a listener alone, and a streamed answer
    # is written in pieces.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise Conflict(
            f"the port {port} is in use", code="PORT_IN_USE", field="port", hint="choose another --port"
        ) from None
    listener.listen(256)
    return listener


def bind_admin(places: Places) -> socket.socket:
    """The socket of the person's side: nobody but this user reaches it, and it grants nothing by itself."""
    places.admin_socket.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(places.admin_socket))
    finally:
        os.umask(mask)
    listener.listen(64)
    return listener


async def run(
    appliance: Appliance,
    listener: socket.socket,
    places: Places,
    settings: Settings,
    *,
    ready: Callable[[], Awaitable[None]],
    loaded: Callable[[], None] = lambda: None,
) -> None:
    """Serve agents on `listener` and the person's side on the admin socket until `appliance.stopping` is set.

    `ready` is awaited once both sides answer, `loaded` called once nothing more has to be imported.
    """
    port = listener.getsockname()[1]
    hosts = frozenset({f"{settings.host}:{port}", f"127.0.0.1:{port}", f"localhost:{port}"})
    mcp = LateMcp(appliance, settings, hosts)
    agents_side = _side(appliance, settings, mcp=mcp, hosts=hosts)
    person_side = _side(appliance, settings, mcp=None, hosts=None)
    admin = bind_admin(places)
    async with appliance.open_group(), asyncio.TaskGroup() as servers:
        for side, its_socket in ((agents_side, listener), (person_side, admin)):
            listening = Listener(side, head_bytes=settings.head_bytes, count=appliance.dispatcher.count_refusal)
            servers.create_task(listening.serve(its_socket, appliance.stopping))
        await ready()
        # The SDK's manager holds a task group of its own: it is entered and left in one task.
        servers.create_task(mcp.hold(loaded))
        await appliance.stopping.wait()
    admin.close()
    places.admin_socket.unlink(missing_ok=True)


class LateMcp:
    """`/mcp` while the SDK is still being loaded: that takes longer than all the rest, and the first health check
    need not wait for it. Requests do."""

    def __init__(self, appliance: Appliance, settings: Settings, hosts: frozenset[str]) -> None:
        self._appliance = appliance
        self._settings = settings
        self._hosts = hosts
        self._mcp: asyncio.Future[App] = asyncio.get_running_loop().create_future()

    async def hold(self, loaded: Callable[[], None]) -> None:
        """Load it, then keep it until the appliance stops."""
        mcp = await asyncio.to_thread(self._load)
        async with mcp.run():
            self._mcp.set_result(mcp)
            loaded()
            await self._appliance.stopping.wait()

    def _load(self) -> "Mcp":
        from stack_local.surfaces.mcp import Mcp

        appliance = self._appliance
        return Mcp(
            appliance.dispatcher,
            appliance.agents_door,
            self._settings,
            hosts=self._hosts,
            base_url=appliance.base_url,
            feed=appliance.feed,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mcp = await asyncio.shield(self._mcp)
        await mcp(scope, receive, send)


def _side(appliance: Appliance, settings: Settings, *, mcp: App | None, hosts: frozenset[str] | None) -> FrontDoor:
    """One side of the house: its own application object, so that the admin routes do not exist on TCP."""
    door = appliance.agents_door if mcp is not None else appliance.person_door
    surface: Surface = "rest" if mcp is not None else "admin"
    rest = rest_surface.Rest(appliance.dispatcher, door, surface=surface)
    quart = rest_surface.build(rest, surface=surface, base_url=appliance.base_url)
    hot: dict[str, App] = {"POST /v1/proxy": rest.proxy}
    if mcp is not None:
        hot["/mcp"] = hot["/mcp/core"] = mcp
        approval_page.add_route(quart)
        callback = connect_callback.Callback(appliance.dispatcher, base_url=appliance.base_url)
        connect_callback.add_route(quart, callback)
        oauth_surface.add_routes(quart, oauth_surface.OAuth(appliance.dispatcher, door, appliance))
    below = None if mcp is None else BaseUrl(appliance.dispatcher, door)
    inner = rest_surface.Dispatch(cast(App, quart), hot, base_url=below)
    issuer = None if mcp is None else appliance.base_url
    return FrontDoor(inner, settings, hosts=hosts, count=appliance.dispatcher.count_refusal, issuer=issuer)
