"""Streams of `subscriptions/listen`: announcing that a list has changed, and ending with their bearer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST, SubscriptionsListenRequestParams, SubscriptionsListenResult

from stack_local.domain.errors import StackError
from stack_local.feed import Feed
from stack_local.surfaces.auth import Authenticator
from stack_local.surfaces.front_door import Message, Receive
from stack_local.surfaces.mcp_resources import AUDIT_HEAD, SERVICES

LISTEN = "subscriptions/listen"
"""The one request that stays open."""

MAX_STREAMS = 256
MAX_STREAMS_OF_BEARER = 16
"""Open at once: of all, and of one bearer."""

LOOK_SECONDS = 0.5
"""How soon a bearer that has ended is noticed while a stream is open, and how often changes are announced."""

IDLE_SECONDS = 20
"""How long the watch sleeps while none is open."""


@dataclass(eq=False)
class Stream:
    """The `receive` of one open stream; it can be ended as if its caller had hung up."""

    receive: Receive
    authorization: str | None
    path: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> Message:
        """What the caller sends next, or that it is gone."""
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(_next(self.receive))
            ending = group.create_task(self.ended.wait())
            await asyncio.wait({receiving, ending}, return_when=asyncio.FIRST_COMPLETED)
            is_over = not receiving.done()
            receiving.cancel()
            ending.cancel()
        return {"type": "http.disconnect"} if is_over else receiving.result()


async def _next(receive: Receive) -> Message:
    return await receive()


class Streams:
    """The open streams of one endpoint. `watch` runs as long as the endpoint does."""

    def __init__(self, authenticator: Authenticator, feed: Feed) -> None:
        self._authenticator = authenticator
        self._feed = feed
        self._open: set[Stream] = set()
        self._has_opened = asyncio.Event()
        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus, max_subscriptions=MAX_STREAMS)
        self._listening: Counter[str] = Counter()

    @asynccontextmanager
    async def opened(self, receive: Receive, authorization: str | None, path: str) -> AsyncIterator[Receive]:
        """A `receive` that ends when the bearer does."""
        stream = Stream(receive, authorization, path)
        self._open.add(stream)
        self._has_opened.set()
        try:
            yield stream
        finally:
            self._open.discard(stream)

    async def listen(
        self, context: ServerRequestContext[Any], params: SubscriptionsListenRequestParams, *, bearer: str
    ) -> SubscriptionsListenResult:
        """Serve one stream to one bearer.

        Raises:
            MCPError: it has enough of them open.
        """
        if self._listening[bearer] >= MAX_STREAMS_OF_BEARER:
            raise MCPError(INVALID_REQUEST, f"at most {MAX_STREAMS_OF_BEARER} streams of one bearer: close one")
        self._listening[bearer] += 1
        try:
            return await self._listen(context, params)
        finally:
            self._listening[bearer] -= 1

    async def watch(self) -> None:
        """Announce changes, and end what has lost its bearer; until canceled."""
        generation, changes = self._authenticator.generation, self._feed.changes
        while True:
            await self._sleep()
            await self._end_lost()
            if self._feed.changes != changes:
                changes = self._feed.changes
                await self._bus.publish(ResourceUpdated(AUDIT_HEAD))
            if self._authenticator.generation != generation:
                generation = self._authenticator.generation
                for event in (ToolsListChanged(), ResourcesListChanged(), ResourceUpdated(SERVICES)):
                    await self._bus.publish(event)

    def close(self) -> None:
        """End every stream in good order: its client hears that it was meant."""
        self._listen.close()

    async def _sleep(self) -> None:
        """A moment while a stream is open; else until one is."""
        if self._open:
            await asyncio.sleep(LOOK_SECONDS)
            return
        self._has_opened.clear()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._has_opened.wait()
        except TimeoutError:
            return

    async def _end_lost(self) -> None:
        for stream in list(self._open):
            try:
                await self._authenticator.actor_of(stream.authorization, path=stream.path)
            except StackError:
                stream.ended.set()
