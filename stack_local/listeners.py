"""Listening: connections come in under limits, and their heads are read strictly before Hypercorn and h11 act on them.

The parts are Hypercorn's; what is ours is the order in which they are put together. Its own `serve` would execute a
smuggled second request, upgrade to HTTP/2 unasked, wait for ever on a head, and from Python 3.12.1 on not end.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any, cast

import h11
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ConnectionState

from stack_local.domain.errors import StackError, TooMany
from stack_local.surfaces.errors import envelope
from stack_local.surfaces.front_door import App
from stack_local.surfaces.heads import BadHead, check_head

CONNECTIONS = 256
"""Open at the same time on one listener; more are told to come back."""

HEAD_SECONDS = 5
"""How long a head may take from its first byte."""

IDLE_SECONDS = 75
"""Between two requests: longer than the pools of clients keep a connection, so that they close it and not we."""

WRITE_SECONDS = 30
"""How long an answer may wait for a caller that does not read."""

GRACE_SECONDS = 3
"""How long a stop waits for requests under way."""

READ_BYTES = 64 * 1024


class Listener:
    """One socket and the application behind it."""

    def __init__(self, app: App, *, head_bytes: int, count: Callable[[str], None]) -> None:
        """`count` hears the code of each refusal that no application sees."""
        self._app = ASGIWrapper(cast(Any, app))
        self._count = count
        self._config = Config()
        self._config.h11_max_incomplete_size = head_bytes
        self._config.include_server_header = False
        self._context = WorkerContext(None)
        self._open: dict[asyncio.Task[None], _Server] = {}

    async def serve(self, listener: socket.socket, stopping: asyncio.Event) -> None:
        """Accept until `stopping`, then let what is under way end."""
        server = await asyncio.start_server(self._accept, sock=listener.dup())
        await stopping.wait()
        server.close()
        await self._context.terminated.set()
        for connection in list(self._open.values()):
            connection.end_if_idle()
        if self._open:
            _, late = await asyncio.wait(list(self._open), timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS:
            self._count(_FULL.code)
            writer.write(_full())
            writer.close()
            return
        task = cast("asyncio.Task[None]", asyncio.current_task())
        connection = _Server(self._app, self._config, self._context, self._count, reader, writer)
        self._open[task] = connection
        try:
            await connection.run()
        except asyncio.CancelledError:
            # Past the time of grace. Nobody awaits this task but the loop, which would call it an error.
            return
        finally:
            del self._open[task]


class _Server(TCPServer):
    """Hypercorn's connection with timers in place of tasks, and with no way to HTTP/2."""

    def __init__(
        self,
        app: ASGIWrapper,
        config: Config,
        context: WorkerContext,
        count: Callable[[str], None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(app, loop, config, context, {}, reader, writer)
        self._count = count
        self._is_idle = True
        self._timer: asyncio.TimerHandle | None = None
        self._has_head_timer = False
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the connection to its end; an application under way is awaited, whoever hangs up."""
        try:
            async with TaskGroup(self.loop) as group:
                self._protocol = _Protocol(self, group, self._count)
                self.protocol = cast(Any, self._protocol)
                self._set_timer(IDLE_SECONDS)
                await self._read_data()
        except OSError:
            pass
        finally:
            await self._close()

    def end_if_idle(self) -> None:
        """Between two requests nobody misses the connection."""
        if self._is_idle:
            self._expire()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Closed):
            await self._close()
        elif isinstance(event, Updated):
            self._is_idle = event.idle
            self._has_head_timer = event.idle and self._protocol.has_begun_head()
            self._set_timer((HEAD_SECONDS if self._has_head_timer else IDLE_SECONDS) if event.idle else None)
            if event.idle and self.context.terminated.is_set():
                self._expire()

    async def _write(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            if self.writer.transport.get_write_buffer_size():
                async with asyncio.timeout(WRITE_SECONDS), self.send_lock:
                    await self.writer.drain()
        except TimeoutError:
            self.writer.transport.abort()
            await self.protocol.handle(Closed())
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        while not self.reader.at_eof():
            try:
                data = await self.reader.read(READ_BYTES)
            except OSError:
                break
            if self._is_idle and data and not self._has_head_timer:
                self._has_head_timer = True
                self._set_timer(HEAD_SECONDS)
            await self.protocol.handle(RawData(data))
        await self.protocol.handle(Closed())

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._closing = self.loop.create_task(self._initiate_server_close())

    async def _close(self) -> None:
        self._set_timer(None)
        try:
            if self.writer.can_write_eof():
                self.writer.write_eof()
        except (OSError, RuntimeError):
            pass  # it is closed already
        self.writer.close()


class _Protocol(H11Protocol):
    """Hypercorn's HTTP/1.1 over heads that were checked."""

    def __init__(self, server: _Server, group: TaskGroup, count: Callable[[str], None]) -> None:
        state = ConnectionState(server.state)
        super().__init__(
            server.app, server.config, server.context, group, state, False, None, None, server.protocol_send
        )
        self.connection = _StrictConnection(h11.SERVER, max_incomplete_event_size=server.config.h11_max_incomplete_size)
        self._count = count
        self._held = b""
        """A head that waits for its body, so that both leave together."""

    def has_begun_head(self) -> bool:
        """Whether a part of the next head came together with the last request."""
        return bool(self.connection.trailing_data[0])

    async def _check_protocol(self, event: h11.Request) -> None:
        """An upgrade is an offer that a server may ignore (RFC 9110, section 7.8), and we do."""

    async def _send_h11_event(self, event: Any) -> None:
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response) and any(name == b"content-length" for name, _ in event.headers):
            self._held = data
            return
        whole, self._held = self._held + data, b""
        if whole:
            await self.send(RawData(data=whole))

    async def _send_error_response(self, status_code: int) -> None:
        """Every 4xx has a JSON body; h11's own words may quote the request, and stay here."""
        refused = cast("_StrictConnection", self.connection).refused
        if refused is None:
            refused = BadHead("the request is not correct HTTP/1.1")
            refused.status = status_code
        self._count(refused.code)
        body = _body(refused)
        headers = [*_HEADERS, ("content-length", str(len(body)))]
        await self._send_h11_event(h11.Response(status_code=refused.status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


class _StrictConnection(h11.Connection):
    """h11 that is shown no head we refuse."""

    refused: BadHead | None = None

    def next_event(self) -> Any:
        if self.refused is not None:
            return h11.ConnectionClosed()
        if self.their_state is h11.IDLE:
            try:
                check_head(self.trailing_data[0])
            except BadHead as refused:
                self.refused = refused
                raise h11.RemoteProtocolError(refused.message, error_status_hint=refused.status) from None
        return super().next_event()


_HEADERS = (("content-type", "application/json"), ("cache-control", "no-store"), ("connection", "close"))


def _body(error: StackError) -> bytes:
    return json.dumps(envelope(error)).encode()


def _full() -> bytes:
    """Said before anything was read."""
    body = _body(_FULL)
    headers = "".join(f"{name}: {value}\r\n" for name, value in (*_HEADERS, ("content-length", len(body))))
    return f"HTTP/1.1 503 \r\n{headers}\r\n".encode() + body


_FULL = TooMany("there are too many connections", rule=f"at most {CONNECTIONS}", hint="come back in a second")
