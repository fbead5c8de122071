"""The two directions of one request below `/p/`: what its caller sends, and the answer on its way back."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

from stack_local.domain.errors import InvalidRequest
from stack_local.proxy.forwarding import Incoming
from stack_local.surfaces.front_door import DRAIN_SECONDS, Message, Receive, Send
from stack_local.surfaces.rewriting import Rewriting

PIECE_SECONDS = 60
"""How long the next piece of a body may take."""

OPERATION_HEADER = "x-stack-operation-id"
"""Says under which operation a call stands in the log; poll it there."""


class CallerLine:
    """What one caller sends: its body, and then that it has hung up."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._over = asyncio.Event()
        self._tell: Callable[[], None] | None = None
        self.has_gone = False

    @property
    def is_over(self) -> bool:
        """Whether nothing of the body is left to come."""
        return self._over.is_set()

    async def message(self) -> Message:
        """The next message of the server."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.leave()
        elif not message.get("more_body", False):
            self._over.set()
        return message

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives.

        Raises:
            InvalidRequest: it stopped, or the caller hung up in its middle.
        """
        while not self.is_over:
            try:
                async with asyncio.timeout(PIECE_SECONDS):
                    message = await self.message()
            except TimeoutError:
                rule = f"a piece in {PIECE_SECONDS} seconds"
                raise InvalidRequest("the body stopped", field="body", rule=rule) from None
            if self.has_gone:
                raise InvalidRequest("the caller hung up", field="body")
            if message.get("body"):
                yield message["body"]

    async def watch(self, body: Incoming | None) -> None:
        """Notice that the caller hangs up. What is left of a body that nobody reads any more is dropped on the way."""
        if body is not None:
            await body.has_been_read.wait()
        while not self.has_gone:
            await self.message()

    async def until_over(self) -> None:
        """Wait, within bounds, for the end of a body that is being dropped: a reset would take the answer along."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._over.wait()
        except TimeoutError:
            return

    def when_gone(self, tell: Callable[[], None] | None) -> None:
        """Call this when the caller has hung up, at once where it has; None to call nothing."""
        self._tell = tell
        if tell is not None and self.has_gone:
            tell()

    def leave(self) -> None:
        """The caller has hung up, or is served no longer."""
        if self.has_gone:
            return
        self.has_gone = True
        self._over.set()
        if self._tell is not None:
            self._tell()


class AnswerLine:
    """The sink of one request: its answer over ASGI."""

    def __init__(self, send: Send, line: CallerLine, *, ours: str) -> None:
        """`ours`: the address below which the caller asked, without a slash at its end."""
        self._send = send
        self._line = line
        self._ours = ours
        self._rewriting = Rewriting("", ours)
        self._operation_id = ""
        self.has_begun = False

    def set_operation(self, operation_id: str, /) -> None:
        """Under which operation the call stands."""
        self._operation_id = operation_id

    def when_gone(self, tell: Callable[[], None] | None, /) -> None:
        self._line.when_gone(tell)

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes, *, base: str) -> None:
        """With its length, so that head and body leave together."""
        rewriting = Rewriting(base, self._ours)
        named = rewriting.headers(headers)
        rewritten = rewriting.feed(body) + rewriting.end()
        if rewritten:
            named["content-length"] = str(len(rewritten))
        await self._start(status, named)
        if rewritten and self._line.is_over and not self._line.has_gone:
            await self._send({"type": "http.response.body", "body": rewritten})
            return
        await self.pass_on(rewritten)
        await self.end()

    async def begin(self, status: int, headers: Mapping[str, str], *, base: str) -> None:
        self._rewriting = Rewriting(base, self._ours)
        await self._start(status, self._rewriting.headers(headers))

    async def pass_on(self, piece: bytes) -> bool:
        rewritten = self._rewriting.feed(piece)
        if rewritten and not self._line.has_gone:
            await self._send({"type": "http.response.body", "body": rewritten, "more_body": True})
        return not self._line.has_gone

    async def end(self) -> None:
        rest = self._rewriting.end()
        if self._line.has_gone:
            return
        if not self._line.is_over:
            # The service answered before it had the whole body. The server closes as soon as the answer has ended.
            await self._send({"type": "http.response.body", "body": rest, "more_body": True})
            await self._line.until_over()
            rest = b""
        await self._send({"type": "http.response.body", "body": rest})

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.has_begun = True
        named = {**headers, OPERATION_HEADER: self._operation_id}
        # The server says its own.
        named.pop("date", None)
        encoded = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in named.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
