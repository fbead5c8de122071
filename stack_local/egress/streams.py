"""One exchange that is passed on as it comes, in both directions: nothing of it is held but a piece."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import h11

from stack_local.egress.decoding import Decoder
from stack_local.egress.errors import EgressFailed
from stack_local.egress.exchange import (
    begins_answer,
    coding_of,
    encode,
    is_framed,
    may_follow,
    passed_headers,
    read_final_head,
    reader_of,
)
from stack_local.egress.limits import STREAM_BODY_BYTES, Limits
from stack_local.egress.messages import Upload, WireRequest
from stack_local.egress.sockets import Connection

CODED_STEP_BYTES = 16 * 1024
"""So much of a coded body is decoded before what came out is passed on."""

Release = Callable[[bool], None]
"""Gives the connection back; the flag says whether another exchange may follow on it."""


@dataclass(slots=True)
class StreamedResponse:
    """A response whose head has come. Headers as in `InboundResponse`."""

    status: int
    headers: tuple[tuple[str, str], ...]
    length: int | None
    """Bytes of the body on the wire, where the head says so."""
    _connection: Connection
    _protocol: h11.Connection
    _decoder: Decoder
    _limits: Limits
    _is_framed: bool
    _release: Release
    _has_ended: bool = False

    def __repr__(self) -> str:
        return f"StreamedResponse({self.status}, {len(self.headers)} headers)"

    async def pieces(self) -> AsyncIterator[bytes]:
        """The decoded body, as it arrives.

        Raises:
            EgressFailed: `timed_out`, `connection_reset` or `response_…`; the connection is closed.
        """
        try:
            while not self._has_ended:
                for piece in await self._next_pieces():
                    yield piece
        except h11.RemoteProtocolError:
            raise EgressFailed("the response is not correct HTTP", code="response_invalid", sent=True) from None
        finally:
            self.close()

    def close(self) -> None:
        """End the exchange; a body that was not read to its end takes the connection along."""
        if self._release is not _nothing:
            release, self._release = self._release, _nothing
            release(self._has_ended and may_follow(self._connection, self._protocol))

    async def _next_pieces(self) -> Iterator[bytes]:
        event = self._protocol.next_event()
        if event is h11.NEED_DATA:
            self._protocol.receive_data(await self._read())
            return iter(())
        if isinstance(event, h11.Data):
            return self._decoded(event.data)
        self._decoder.finish()
        self._has_ended = True
        return iter(())

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        """In steps: what is coded may be a hundred times as long when it is not."""
        step = CODED_STEP_BYTES if self._decoder.is_coded else len(data)
        for at in range(0, len(data), step or 1):
            self._decoder.feed(data[at : at + step])
            piece = self._decoder.take()
            if piece:
                yield piece

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._limits.stream_idle_seconds):
                data = await self._connection.read()
        except TimeoutError:
            raise EgressFailed("the answer stopped in its middle", code="timed_out", sent=True) from None
        if not data and self._is_framed:
            raise EgressFailed("the connection ended early", code="connection_reset", sent=True)
        return data


def _nothing(may_follow: bool) -> None:
    """The connection was given back."""


async def begin(connection: Connection, request: WireRequest, limits: Limits, *, release: Release) -> StreamedResponse:
    """Send the request, its body as it arrives, and read the head of the answer.

    Raises:
        EgressFailed: `timed_out`, `connection_reset`, `request_invalid` or `response_…`.
        StackError: what the body's own source raised; the part that came before it has left.
    """
    protocol = reader_of(request.method, limits)
    connection.write(encode(request))
    try:
        is_sent = request.upload is None or await _send_upload(connection, request.upload, limits)
        async with asyncio.timeout(limits.stream_head_seconds):
            head, _ = await read_final_head(connection, protocol, limits)
    except TimeoutError:
        raise EgressFailed("no answer in time", code="timed_out", sent=True) from None
    except h11.RemoteProtocolError:
        raise EgressFailed("the response is not correct HTTP", code="response_invalid", sent=True) from None
    coding = coding_of(head)
    return StreamedResponse(
        head.status_code,
        passed_headers(head) + (_length_of(head) if request.method == "HEAD" and coding is None else ()),
        next((int(value) for name, value in head.headers if name == b"content-length"), None),
        connection,
        protocol,
        Decoder(coding, replace(limits, response_body_bytes=STREAM_BODY_BYTES)),
        limits,
        is_framed(head),
        release if is_sent else lambda _: release(False),
    )


def _length_of(head: h11.Response) -> tuple[tuple[str, str], ...]:
    """How long the body of a GET would be: of a HEAD that is all there is to tell."""
    return tuple(
        (name.decode("ascii"), value.decode("ascii")) for name, value in head.headers if name == b"content-length"
    )


async def _send_upload(connection: Connection, upload: Upload, limits: Limits) -> bool:
    """Pass the body on; False: the service answered, or ended, before it had all of it, and is heard at once."""
    loop, interruption = asyncio.get_running_loop(), asyncio.timeout(None)
    try:
        async with interruption, aclosing(upload.pieces) as pieces:

            def listen() -> None:
                if _is_over(connection) and not interruption.expired():
                    interruption.reschedule(loop.time())

            connection.tell(listen)
            return await _pass_on(connection, pieces, upload.length, limits)
    except TimeoutError:
        if not interruption.expired():
            raise
        return False
    finally:
        connection.tell(None)


def _is_over(connection: Connection) -> bool:
    return not connection.is_open or begins_answer(connection.received)


async def _pass_on(connection: Connection, pieces: AsyncIterator[bytes], length: int | None, limits: Limits) -> bool:
    left = length
    async for piece in pieces:
        if _is_over(connection):
            return False
        if left is not None:
            left -= len(piece)
        if left is not None and left < 0:
            raise EgressFailed("the body is longer than it said", code="request_invalid", sent=True)
        # An empty chunk would end the body.
        connection.write(piece if length is not None or not piece else b"%x\r\n%b\r\n" % (len(piece), piece))
        async with asyncio.timeout(limits.stream_idle_seconds):
            await connection.drain()
    if _is_over(connection):
        return False
    if left:
        raise EgressFailed("the body is shorter than it said", code="request_invalid", sent=True)
    if length is None:
        connection.write(b"0\r\n\r\n")
    return True
