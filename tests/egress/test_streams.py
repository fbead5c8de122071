"""An exchange that is passed on as it comes, in both directions."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.egress.client import OutboundRequest, StreamedResponse, Upload
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import READ_AHEAD_BYTES, WRITE_AHEAD_BYTES, Limits
from stack_local.egress.streams import CODED_STEP_BYTES
from tests.simulators.egress import HEAD, OK, opened, outbound
from tests.simulators.raw_upstream import CLOSE, HANG, RESET, raw_upstream
from tests.simulators.stepped import OK_CHUNKED, Wire, chunk, stepped

PIECE = bytes(64 * 1024)
SOCKET_BYTES = 16 * 1024 * 1024
"""More than the kernel takes on the two sides of a loopback connection."""


class Source:
    """A caller that sends its body when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        """Pieces that somebody has waited for."""
        self.has_ended = asyncio.Event()
        """Nobody will ask for more."""
        self._pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    def give(self, *pieces: bytes | Exception | None) -> None:
        for piece in pieces:
            self._pieces.put_nowait(piece)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                self.asked += 1
                piece = await self._pieces.get()
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.has_ended.set()

    def upload(self, length: int | None = None) -> Upload:
        return Upload(self.pieces(), length)


def to(port: int, upload: Upload | None = None, method: str = "GET") -> OutboundRequest:
    request = outbound(f"http://127.0.0.1:{port}/", method=method if upload is None else "POST")
    return replace(request, upload=upload)


async def all_of(response: StreamedResponse) -> bytes:
    return b"".join([piece async for piece in response.pieces()])


async def failure_of(work: "asyncio.Future[object] | asyncio.Task[object]") -> tuple[str, bool]:
    with pytest.raises(EgressFailed) as failed:
        await asyncio.wait_for(work, 20)
    return failed.value.code, failed.value.sent


@asynccontextmanager
async def under_way(
    source: Source, length: int | None = None, limits: Limits | None = None
) -> AsyncIterator[tuple[Wire, "asyncio.Task[StreamedResponse]"]]:
    """An upload whose head the service has read, and the task that waits for the answer."""
    async with stepped() as service, opened(limits=limits) as egress:
        opening = asyncio.create_task(egress.open(to(service.port, source.upload(length))))
        wire = await service.accept()
        await wire.head()
        yield wire, opening
        opening.cancel()


# The answer ------------------------------------------------------------------------------------------------------


async def test_a_piece_is_passed_on_before_the_next_is_sent() -> None:
    async with stepped() as service, opened() as egress:
        opening = asyncio.create_task(egress.open(to(service.port)))
        wire = await service.accept()
        await wire.head()
        await wire.say(OK_CHUNKED + chunk(b"first"))
        pieces = (await opening).pieces()
        assert await anext(pieces) == b"first"
        await wire.say(chunk(b"second") + chunk(b""))
        assert [piece async for piece in pieces] == [b"second"]


WHOLE = [
    ("by its length", OK, b"ok", True),
    ("in chunks", OK_CHUNKED + chunk(b"o") + chunk(b"k") + chunk(b""), b"ok", True),
    ("to the end of the connection", HEAD + b"\r\nok", b"ok", False),
    ("empty", HEAD + b"Content-Length: 0\r\n\r\n", b"", True),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    ("304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b"", True),
    ("after interim heads", b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, b"ok", True),
]


@pytest.mark.parametrize(("answer", "body", "follows"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE])
async def test_a_whole_answer_is_read_and_its_connection_used_again(answer: bytes, body: bytes, follows: bool) -> None:
    script = [answer] if follows else [answer, CLOSE]
    async with raw_upstream(script) as upstream, opened() as egress:
        for _ in range(2):
            assert await all_of(await egress.open(to(upstream.port))) == body
        assert upstream.connections == (1 if follows else 2)


@pytest.mark.parametrize(("method", "length"), [("HEAD", "7"), ("GET", None)])
async def test_only_a_head_tells_the_length(method: str, length: str | None) -> None:
    script = [HEAD + b"Content-Length: 7\r\n\r\n" + (b"" if method == "HEAD" else b"1234567")]
    async with raw_upstream(script) as upstream, opened() as egress:
        response = await egress.open(to(upstream.port, method=method))
        await all_of(response)
        assert dict(response.headers).get("content-length") == length


async def test_a_head_of_a_coded_body_tells_no_length() -> None:
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\n"
    async with raw_upstream([head]) as upstream, opened() as egress:
        assert (await egress.open(to(upstream.port, method="HEAD"))).headers == ()


GZIPPED = gzip.compress(b"plain text")
BOMB = gzip.compress(bytes(8_000_000))
BROKEN = [
    ("closed in its middle", [HEAD + b"Content-Length: 5\r\n\r\nok", CLOSE], "connection_reset"),
    ("closed between chunks", [OK_CHUNKED + chunk(b"ok"), CLOSE], "connection_reset"),
    ("reset", [HEAD + b"Content-Length: 5\r\n\r\nok", RESET], "connection_reset"),
    ("stopped", [OK_CHUNKED + chunk(b"ok"), HANG], "timed_out"),
    ("a chunk without a size", [OK_CHUNKED + b"zz\r\nok\r\n"], "response_invalid"),
    ("coded and cut short", [HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + GZIPPED[:9]],
     "response_coding"),
    ("a bomb", [HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB],
     "response_too_large"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "code"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_an_answer_that_breaks_is_no_whole_answer(script: list[bytes], code: str) -> None:
    async with raw_upstream(script) as upstream, opened(limits=Limits(stream_idle_seconds=0.05)) as egress:
        response = await egress.open(to(upstream.port))
        with pytest.raises(EgressFailed) as failed:
            await all_of(response)
        assert (failed.value.code, failed.value.sent) == (code, True)
        await asyncio.wait_for(upstream.gone.wait(), 20)


async def test_a_coded_answer_is_decoded_in_small_steps() -> None:
    pattern = bytes(range(256)) * 8
    coded = gzip.compress(pattern * 2000)
    answer = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded
    async with raw_upstream([answer]) as upstream, opened(limits=Limits(inflate_ratio=1000)) as egress:
        pieces = [piece async for piece in (await egress.open(to(upstream.port))).pieces()]
        assert b"".join(pieces) == pattern * 2000
        assert max(map(len, pieces)) <= 1000 * CODED_STEP_BYTES


async def test_what_is_not_http_is_no_answer() -> None:
    async with raw_upstream([b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"]) as upstream, opened() as egress:
        assert await failure_of(asyncio.ensure_future(egress.open(to(upstream.port)))) == ("response_invalid", True)


async def test_no_answer_in_time_is_a_failure() -> None:
    async with raw_upstream([HANG]) as upstream, opened(limits=Limits(stream_head_seconds=0.05)) as egress:
        opening = asyncio.ensure_future(egress.open(to(upstream.port)))
        assert await failure_of(opening) == ("timed_out", True)
        await asyncio.wait_for(upstream.gone.wait(), 20)


async def test_an_answer_that_is_not_read_to_its_end_takes_its_connection_along() -> None:
    async with raw_upstream([OK_CHUNKED + chunk(b"ok"), HANG]) as upstream, opened() as egress:
        response = await egress.open(to(upstream.port))
        assert await anext(response.pieces()) == b"ok"
        response.close()
        response.close()
        await asyncio.wait_for(upstream.gone.wait(), 20)


async def test_a_reader_that_waits_makes_the_service_wait() -> None:
    async with stepped() as service, opened() as egress:
        opening = asyncio.create_task(egress.open(to(service.port)))
        wire = await service.accept()
        await wire.head()
        await wire.say(HEAD + b"Content-Length: %d\r\n\r\n" % (4 * SOCKET_BYTES))
        response = await opening
        sent = await sent_until_it_waits(wire, 4 * SOCKET_BYTES)
        assert sent < SOCKET_BYTES + 2 * READ_AHEAD_BYTES
        wire.writer.write(bytes(4 * SOCKET_BYTES - sent))
        assert len(await all_of(response)) == 4 * SOCKET_BYTES


async def sent_until_it_waits(wire: Wire, most: int) -> int:
    """How many bytes the service got rid of before its socket took no more."""
    sent, transport = 0, wire.writer.transport
    transport.set_write_buffer_limits(0)
    while sent < most:
        wire.writer.write(PIECE)
        sent += len(PIECE)
        for _ in range(200):
            if not transport.get_write_buffer_size():
                break
            await asyncio.sleep(0)
        else:
            return sent
    return sent


# The upload ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, 11])
async def test_the_service_sees_the_first_piece_before_the_last_is_there(length: int | None) -> None:
    source = Source()
    async with under_way(source, length) as (wire, opening):
        source.give(b"first")
        assert (await wire.take(5) if length else await wire.chunk()) == b"first"
        source.give(b"", b"second", None)
        assert (await wire.take(6) if length else await wire.chunks()) == b"second"
        await wire.say(OK)
        assert await all_of(await opening) == b"ok"
        assert source.has_ended.is_set()


LYING = [("longer", 3), ("shorter", 30)]


@pytest.mark.parametrize("length", [row[1] for row in LYING], ids=[row[0] for row in LYING])
async def test_a_body_of_another_length_ends_the_connection(length: int) -> None:
    source = Source()
    source.give(b"first", None)
    async with under_way(source, length) as (wire, opening):
        assert await failure_of(opening) == ("request_invalid", True)
        assert len(await wire.rest()) < length


@pytest.mark.parametrize("is_waiting", ["for the caller", "for the service"])
async def test_an_answer_that_comes_before_the_whole_body_is_heard_at_once(is_waiting: str) -> None:
    source = Source()
    async with under_way(source) as (wire, opening):
        if is_waiting == "for the service":
            source.give(*[PIECE] * (SOCKET_BYTES // len(PIECE)))
            await until_full(source)
        await wire.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        response = await asyncio.wait_for(opening, 20)
        assert (response.status, await all_of(response)) == (413, b"no")
        assert source.has_ended.is_set()
        await asyncio.wait_for(wire.rest(), 20)


async def until_full(source: Source) -> None:
    """Until nobody has asked for another piece in many turns of the loop."""
    seen, turns = -1, 0
    while turns < 200:
        seen, turns = source.asked, turns + 1 if seen == source.asked else 0
        await asyncio.sleep(0)


async def test_interim_heads_do_not_end_an_upload() -> None:
    source = Source()
    async with under_way(source) as (wire, opening):
        for piece in (b"HTTP/1.1 10", b"0 Continue\r\n\r\nHTTP/1.1 103 Early Hi", b"nts\r\n\r\n"):
            await wire.say(piece)
            source.give(b"more")
            assert await wire.chunk() == b"more"
        source.give(None)
        assert await wire.chunk() == b""
        await wire.say(OK)
        assert await all_of(await opening) == b"ok"


ENDINGS = [("before the last piece", b"more"), ("before its end", None)]


@pytest.mark.parametrize("last", [row[1] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
async def test_a_service_that_ends_in_the_middle_of_an_upload_may_have_acted(last: bytes | None) -> None:
    source = Source()
    async with under_way(source) as (wire, opening):
        source.give(b"first")
        await wire.chunk()
        wire.hang_up()
        source.give(last)
        assert await failure_of(opening) == ("connection_reset", True)


async def test_what_the_bodys_source_raises_ends_the_connection() -> None:
    source = Source()
    async with under_way(source) as (wire, opening):
        source.give(b"first", InvalidRequest("the caller hung up"))
        with pytest.raises(InvalidRequest):
            await opening
        assert await wire.rest() == chunk(b"first")


async def test_a_service_that_takes_nothing_ends_the_upload() -> None:
    source = Source()
    source.give(*[PIECE] * (SOCKET_BYTES // len(PIECE)))
    async with under_way(source, limits=Limits(stream_idle_seconds=0.2)) as (_, opening):
        assert await failure_of(opening) == ("timed_out", True)


async def test_a_service_that_waits_makes_the_caller_wait() -> None:
    source = Source()
    source.give(*[PIECE] * (4 * SOCKET_BYTES // len(PIECE)), None)
    async with under_way(source) as (wire, opening):
        await until_full(source)
        assert source.asked * len(PIECE) < SOCKET_BYTES + 2 * WRITE_AHEAD_BYTES
        received = sum([len(piece) async for piece in chunks_of(wire)])
        assert received == 4 * SOCKET_BYTES
        await wire.say(OK)
        assert (await opening).status == 200


async def chunks_of(wire: Wire) -> AsyncIterator[bytes]:
    while piece := await wire.chunk():
        yield piece


async def test_an_upload_that_cannot_be_begun_was_not_sent() -> None:
    source = Source()
    async with stepped() as service:
        port = service.port
    async with opened() as egress:
        opening = asyncio.ensure_future(egress.open(to(port, source.upload())))
        assert await failure_of(opening) == ("connect_failed", False)
