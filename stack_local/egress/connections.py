"""The keep-alive pool: idle connections by peer, never shared between pool keys, and dropped at the first doubt."""

import asyncio
import ssl

from stack_local.egress.errors import EgressFailed
from stack_local.egress.exchange import exchange
from stack_local.egress.limits import Limits
from stack_local.egress.messages import InboundResponse, Peer, WireRequest
from stack_local.egress.sockets import Connection, open_connection
from stack_local.egress.streams import StreamedResponse, begin


class Pool:
    """Connections of one event loop. The newest idle one is used first, so that the others can age."""

    def __init__(self, *, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[Peer, list[Connection]] = {}
        self._idle_count = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def send(self, peer: Peer, request: WireRequest, *, deadline: float, tls: ssl.SSLContext) -> InboundResponse:
        """One exchange, over before `deadline` (loop time); a connection on which it failed is closed.

        There is no retry: an idle connection that the other side has ended is found out before anything is written,
        and once bytes are written the request may have been acted on.

        Raises:
            EgressFailed: with `sent` False only if nothing was written.
        """
        connection = None
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._acquire(peer, tls)
                response, may_follow = await exchange(connection, request, self._limits)
        except TimeoutError:
            if connection is None:
                raise EgressFailed("no connection in time", code="timed_out", sent=False) from None
            connection.abort()
            raise EgressFailed("no whole answer in time", code="timed_out", sent=True) from None
        except BaseException:
            # Cancellation too: nobody may read the rest of this answer as the answer to another request.
            if connection is not None:
                connection.abort()
            raise
        self._release(peer, connection, may_follow=may_follow)
        return response

    async def open(self, peer: Peer, request: WireRequest, *, tls: ssl.SSLContext) -> StreamedResponse:
        """One exchange whose body is read as it comes.

        Raises:
            EgressFailed: with `sent` False only if nothing was written.
        """
        connection = await self._acquire(peer, tls)
        try:
            return await begin(
                connection,
                request,
                self._limits,
                release=lambda may_follow: self._release(peer, connection, may_follow=may_follow),
            )
        except BaseException:
            connection.abort()
            raise

    async def aclose(self) -> None:
        """Close the idle connections; those in use close when their exchange ends."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in [connection for waiting in self._idle.values() for connection in waiting]:
            connection.abort()
        self._idle.clear()
        self._idle_count = 0
        # One turn of the loop lets the transports close their sockets.
        await asyncio.sleep(0)

    async def _acquire(self, peer: Peer, tls: ssl.SSLContext) -> Connection:
        """No wait lies between taking up an idle connection and writing to it."""
        waiting = self._idle.get(peer)
        while waiting:
            connection = self._take_newest(peer, waiting)
            if connection.take_up():
                return connection
            connection.abort()
        return await open_connection(peer, tls, self._limits)

    def _take_newest(self, peer: Peer, waiting: list[Connection]) -> Connection:
        connection = waiting.pop()
        self._idle_count -= 1
        if not waiting:
            del self._idle[peer]
        return connection

    def _release(self, peer: Peer, connection: Connection, *, may_follow: bool) -> None:
        is_full = self._idle_count >= self._limits.idle_connections_total
        waiting = self._idle.get(peer, [])
        if not may_follow or self._is_closed or is_full or len(waiting) >= self._limits.idle_connections:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.mark_idle(loop.time())
        waiting.append(connection)
        self._idle[peer] = waiting
        self._idle_count += 1
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._limits.idle_seconds, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what has been idle too long, and come back for the rest."""
        self._sweeper = None
        oldest_kept = loop.time() - self._limits.idle_seconds
        for peer, waiting in list(self._idle.items()):
            while waiting and waiting[0].idle_since <= oldest_kept:
                waiting.pop(0).abort()
                self._idle_count -= 1
            if not waiting:
                del self._idle[peer]
        if self._idle:
            self._sweeper = loop.call_later(self._limits.idle_seconds, self._sweep, loop)
