"""Serving: one socket for agents, one for the person's side, each with an application object of its own."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config

from stack_local.app import Appliance, Places
from stack_local.domain.errors import Conflict
from stack_local.settings import Settings
from stack_local.surfaces import rest as rest_surface
from stack_local.surfaces.front_door import App, FrontDoor
from stack_local.surfaces.mcp import Mcp
from stack_local.wire.catalogue import Surface

GRACE_SECONDS = 3
"""How long a stop waits for requests under way."""


def bind(host: str, port: int) -> socket.socket:
    """The listening socket for agents, bound before anything else starts: a busy port is one clean line.

    Raises:
        Conflict: the port is in use.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
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
) -> None:
    """Serve agents on `listener` and the person's side on the admin socket until `appliance.stopping` is set."""
    port = listener.getsockname()[1]
    hosts = frozenset({f"{settings.host}:{port}", f"127.0.0.1:{port}", f"localhost:{port}"})
    mcp = Mcp(appliance.dispatcher, appliance.agents_door, settings, hosts=hosts)
    agents_side = _side(appliance, settings, mcp=mcp, hosts=hosts)
    person_side = _side(appliance, settings, mcp=None, hosts=None)
    admin = bind_admin(places)
    async with appliance.open_group(), asyncio.TaskGroup() as servers:
        started, stop_mcp = asyncio.Event(), asyncio.Event()
        # The SDK's manager holds a task group of its own: it is entered and left in one task.
        servers.create_task(_hold(mcp, started, stop_mcp))
        await started.wait()
        servers.create_task(_serve(agents_side, listener, appliance.stopping))
        servers.create_task(_serve(person_side, admin, appliance.stopping))
        await ready()
        await appliance.stopping.wait()
        stop_mcp.set()
    admin.close()
    places.admin_socket.unlink(missing_ok=True)


async def _serve(app: FrontDoor, listener: socket.socket, stopping: asyncio.Event) -> None:
    async def trigger() -> None:
        await stopping.wait()

    # Hypercorn types an application by its own event classes; ours is plain ASGI.
    # It closes the descriptor it is given, so it gets one of its own.
    await serve(cast(Any, app), _config(f"fd://{os.dup(listener.fileno())}"), shutdown_trigger=trigger)


def _side(appliance: Appliance, settings: Settings, *, mcp: Mcp | None, hosts: frozenset[str] | None) -> FrontDoor:
    """One side of the house: its own application object, so that the admin routes do not exist on TCP."""
    door = appliance.agents_door if mcp is not None else appliance.person_door
    surface: Surface = "rest" if mcp is not None else "admin"
    rest = rest_surface.Rest(appliance.dispatcher, door, surface=surface)
    quart = rest_surface.build(rest, surface=surface)
    hot: dict[str, App] = {"/v1/proxy": rest.proxy}
    if mcp is not None:
        hot["/mcp"] = mcp
    inner = rest_surface.Dispatch(cast(App, quart), hot)
    return FrontDoor(inner, settings, hosts=hosts, count=appliance.dispatcher.count_refusal)


async def _hold(mcp: Mcp, started: asyncio.Event, stop: asyncio.Event) -> None:
    async with mcp.run():
        started.set()
        await stop.wait()


def _config(binding: str) -> Config:
    config = Config()
    config.bind = [binding]
    config.errorlog = config.accesslog = None
    config.graceful_timeout = GRACE_SECONDS
    config.keep_alive_timeout = 75
    config.h11_max_incomplete_size = 16 * 1024
    config.include_server_header = False
    return config
