"""What passes a base URL while it is still being written, in either direction, and who ends it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from stack_local import app, listeners
from stack_local.domain.agents import Asks
from stack_local.egress.client import Egress
from stack_local.egress.limits import Limits
from stack_local.surfaces import caller_line
from tests.conftest import TOKEN, Running, begin, served
from tests.oauth.flow import SHARED
from tests.simulators.stepped import EVENTS, OK_CHUNKED, Stepped, Wire, caller, chunk, stepped
from tests.surfaces.below import Program, program

EVENT = b"data: x\n\n"
LARGE = 400_000
"""A body that is not read before it is sent on."""

CREATED = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":1}'
REQUEST_ID = "X-STACK-Authority-Request-Id: "


@asynccontextmanager
async def between(
    running: Running, name: str, approvals: Asks = Asks.NEVER
) -> AsyncIterator[tuple[Program, Stepped, Wire]]:
    """A program, its service, and the program's connection to us."""
    async with stepped() as service, caller(running.base_url) as wire:
        yield await program(running, service.host_port, name, approvals=approvals), service, wire


async def accepted(service: Stepped) -> tuple[Wire, bytes]:
    """The service's end of the next exchange, and its head."""
    wire = await service.accept()
    return wire, await wire.head()


# The answer ----------------------------------------------------------------------------------------------------------


@SHARED
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_event_reaches_the_caller_before_the_service_sends_the_next(method: str, hotel: Running) -> None:
    async with between(hotel, f"events-{method.lower()}") as (one, service, wire):
        await wire.say(one.head(method, "/events", "Content-Length: 0"))
        upstream, head = await accepted(service)
        assert f"authorization: bearer {TOKEN}".encode() in head.lower()
        for number in range(3):
            await upstream.say((EVENTS if number == 0 else b"") + chunk(b"data: %d\n\n" % number))
            if number == 0:
                assert b"content-type: text/event-stream" in (await wire.head()).lower()
            assert await wire.chunk() == b"data: %d\n\n" % number
        await upstream.say(chunk(b""))
        assert await wire.chunk() == b""
        entries = await one.settled()
        assert [(entry.outcome, entry.detail.get("response_bytes")) for entry in entries] == [
            ("pending", None), ("success", 27),
        ]  # fmt: skip


@SHARED
async def test_two_answers_follow_each_other_on_one_connection(hotel: Running) -> None:
    async with between(hotel, "follow") as (one, service, wire):
        await wire.say(one.head("GET", "/a"))
        upstream, _ = await accepted(service)
        await upstream.say(OK_CHUNKED + chunk(b"first") + chunk(b""))
        await wire.head()
        assert await wire.chunks() == b"first"
        await wire.say(one.head("GET", "/b"))
        assert (await upstream.head()).startswith(b"GET /b ")
        await upstream.say(OK_CHUNKED + chunk(b"second") + chunk(b""))
        await wire.head()
        assert await wire.chunks() == b"second"


@SHARED
async def test_an_answer_that_breaks_in_its_middle_does_not_look_whole_and_the_log_says_so(hotel: Running) -> None:
    async with between(hotel, "breaks") as (one, service, wire):
        await wire.say(one.head("GET", "/events"))
        upstream, _ = await accepted(service)
        await upstream.say(EVENTS + chunk(EVENT))
        await wire.head()
        assert await wire.chunk() == EVENT
        upstream.hang_up()
        assert await wire.rest() == b""
        requested, failed = await one.settled()
        assert (requested.outcome, failed.outcome, failed.error_code) == ("pending", "failure", "OUTCOME_UNKNOWN")
        assert (failed.detail["status"], failed.detail["response_bytes"]) == (200, len(EVENT))


@SHARED
async def test_a_long_answer_to_a_write_is_passed_on_and_not_kept(hotel: Running) -> None:
    async with between(hotel, "long") as (one, service, wire):
        await wire.say(one.head("POST", "/x", "Content-Length: 0", REQUEST_ID + "c" * 32))
        upstream, _ = await accepted(service)
        await upstream.say(OK_CHUNKED)
        whole = b"".join(b"%07d\n" % number for number in range(200_000))
        await upstream.say(chunk(whole) + chunk(b""))
        await wire.head()
        assert await wire.chunks() == whole
        assert (await one.settled())[-1].detail["response_bytes"] == len(whole)
        await wire.say(one.head("POST", "/x", "Content-Length: 0", REQUEST_ID + "c" * 32))
        assert (await wire.head()).startswith(b"HTTP/1.1 502")
        assert b'"RESPONSE_NOT_KEPT"' in await wire.until(b"}")
        assert service.is_untouched


@SHARED
async def test_a_short_answer_to_a_write_is_durable_before_it_is_told(hotel: Running) -> None:
    async with between(hotel, "durable") as (one, service, wire):
        await wire.say(one.head("POST", "/x", "Content-Length: 0"))
        upstream, _ = await accepted(service)
        await upstream.say(CREATED)
        await wire.head()
        assert [entry.outcome for entry in await one.entries()] == ["pending", "success"]


@SHARED
@pytest.mark.soak
@pytest.mark.parametrize("direction", ["down", "up"])
async def test_whoever_does_not_read_makes_the_other_side_wait(direction: str, hotel: Running) -> None:
    """More is sent than all sockets on the way can hold; it does not all leave, and then it arrives whole."""
    size, kind = 96_000_000, "Content-Length: 96000000"
    async with between(hotel, f"waits-{direction}") as (one, service, wire):
        if direction == "up":
            await wire.say(one.head("PUT", "/x", kind))
            reader, _ = await accepted(service)
            writer = wire
        else:
            await wire.say(one.head("GET", "/x"))
            writer, _ = await accepted(service)
            await writer.say(f"HTTP/1.1 200 OK\r\n{kind}\r\n\r\n".encode())
            reader = wire
        sent = await sent_until_it_waits(writer, size)
        assert sent < size
        writer.writer.write(bytes(size - sent))
        if direction == "up":
            assert await taken(reader, size) == size
            await reader.say(CREATED)
            assert (await wire.head()).startswith(b"HTTP/1.1 201")
        else:
            await reader.head()
            assert sum([len(part) async for part in chunks(reader)]) == size


async def sent_until_it_waits(wire: Wire, most: int) -> int:
    """How many bytes left before the sockets took no more for a good while."""
    sent, transport, part = 0, wire.writer.transport, bytes(500_000)
    transport.set_write_buffer_limits(0)
    while sent < most:
        wire.writer.write(part)
        sent += len(part)
        try:
            async with asyncio.timeout(1):
                await wire.writer.drain()
        except TimeoutError:
            break
    return sent


async def taken(wire: Wire, size: int) -> int:
    """So many bytes, read and dropped."""
    left = size
    while left:
        left -= len(await wire.take(min(left, 64_000)))
    return size


async def chunks(wire: Wire) -> AsyncIterator[bytes]:
    while part := await wire.chunk():
        yield part


# The upload ----------------------------------------------------------------------------------------------------------


@SHARED
@pytest.mark.parametrize("framing", [f"Content-Length: {LARGE}", "Transfer-Encoding: chunked"])
async def test_the_service_sees_the_first_piece_before_the_caller_has_sent_the_last(
    framing: str, hotel: Running
) -> None:
    is_chunked = "chunked" in framing
    async with between(hotel, f"upload-{framing[0].lower()}") as (one, service, wire):
        part = b"x" * (LARGE // 2)
        await wire.say(one.head("POST", "/x", framing) + (chunk(part) if is_chunked else part))
        upstream, head = await accepted(service)
        assert framing.lower().encode() in head.lower()
        assert await read_upload(upstream, len(part), is_chunked=is_chunked) == part
        await wire.say(chunk(part) + chunk(b"") if is_chunked else part)
        assert await read_upload(upstream, len(part), is_chunked=is_chunked) == part
        assert not is_chunked or await upstream.chunk() == b""
        await upstream.say(CREATED)
        assert (await wire.head()).startswith(b"HTTP/1.1 201")
        assert await one.outcomes() == ["pending", "success"]


async def read_upload(wire: Wire, size: int, *, is_chunked: bool) -> bytes:
    body = b""
    while len(body) < size:
        body += await (wire.chunk() if is_chunked else wire.take(size))
    return body


@SHARED
async def test_a_key_that_was_never_used_may_begin_with_a_streamed_upload(hotel: Running) -> None:
    """Its passport is minted on the way; whether a person must see the body is asked before."""
    async with between(hotel, "first-upload", Asks.WRITES) as (one, _, wire):
        await wire.say(one.head("POST", "/x", "Transfer-Encoding: chunked") + chunk(b"x" * LARGE) + chunk(b""))
        assert (await wire.head()).startswith(b"HTTP/1.1 403")
        (entry,) = await one.entries()
        assert (entry.outcome, entry.decided_by) == ("blocked", "rule:approval_required")


@SHARED
async def test_an_answer_that_comes_before_the_upload_ends_is_told_whole(hotel: Running) -> None:
    async with between(hotel, "early") as (one, service, wire):
        await wire.say(one.head("POST", "/x", "Transfer-Encoding: chunked") + chunk(b"x" * 1000))
        upstream, _ = await accepted(service)
        await upstream.chunk()
        await upstream.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        assert (await wire.head()).startswith(b"HTTP/1.1 413")
        assert await wire.take(2) == b"no"
        # A program that reads only once it has sent everything.
        await wire.say(chunk(b"x" * 3_000_000) + chunk(b""))
        # The rest of the upload was dropped, and the connection goes on behind it.
        await wire.say(one.head("GET", "/%00"))
        assert (await wire.head()).startswith(b"HTTP/1.1 400")
        assert await one.outcomes() == ["pending", "success", "blocked"]


@SHARED
async def test_a_caller_that_hangs_up_in_its_upload_leaves_a_write_in_doubt(hotel: Running) -> None:
    async with between(hotel, "cut-upload") as (one, service, wire):
        await wire.say(one.head("POST", "/x", f"Content-Length: {LARGE}") + b"begun")
        upstream, _ = await accepted(service)
        assert await upstream.take(5) == b"begun"
        wire.hang_up()
        assert await upstream.rest() == b""
        _, failed = await one.settled()
        assert (failed.outcome, failed.error_code) == ("failure", "OUTCOME_UNKNOWN")


@SHARED
async def test_bytes_behind_a_body_are_no_part_of_it(hotel: Running) -> None:
    async with between(hotel, "longer") as (one, service, wire):
        await wire.say(one.head("POST", "/x", f"Content-Length: {LARGE}") + b"x" * LARGE + b"smuggled")
        upstream, _ = await accepted(service)
        assert await upstream.take(LARGE) == b"x" * LARGE
        await upstream.say(CREATED)
        assert (await wire.head()).startswith(b"HTTP/1.1 201")
        assert await wire.take(8) == b'{"id":1}'
        assert b"smuggled" not in upstream.reader._buffer  # type: ignore[attr-defined]  # nothing else may be there


@SHARED
async def test_a_body_that_stops_is_ended(hotel: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_line, "PIECE_SECONDS", 0.1)
    for length in (10, LARGE):
        async with between(hotel, f"stops-{length}") as (one, _, wire):
            await wire.say(one.head("POST", "/x", f"Content-Length: {length}") + b"x")
            assert (await wire.head()).startswith(b"HTTP/1.1 400")
            assert [entry.outcome for entry in await one.settled()][-1] in ("blocked", "failure")


# Who ends it ---------------------------------------------------------------------------------------------------------


@SHARED
@pytest.mark.parametrize("begun", [b"", EVENTS + chunk(EVENT)], ids=["before the answer", "in its middle"])
async def test_a_read_ends_with_its_caller_and_is_on_record(begun: bytes, hotel: Running) -> None:
    async with between(hotel, f"gone-{len(begun)}") as (one, service, wire):
        await wire.say(one.head("GET", "/events"))
        upstream, _ = await accepted(service)
        if begun:
            await upstream.say(begun)
            await wire.head()
            assert await wire.chunk() == EVENT
        wire.hang_up()
        assert await upstream.rest() == b""
        last = (await one.settled())[-1]
        assert (last.outcome, last.detail.get("response_bytes")) == (
            ("success", len(EVENT)) if begun else ("failure", None)
        )


@SHARED
async def test_a_write_goes_on_without_its_caller_and_its_answer_is_kept(hotel: Running) -> None:
    async with between(hotel, "left") as (one, service, wire):
        head = one.head("POST", "/x", "Content-Length: 1", REQUEST_ID + "d" * 32)
        await wire.say(head + b"x")
        upstream, _ = await accepted(service)
        wire.hang_up()
        async with caller(hotel.base_url) as probe:
            # By the time another call is answered, the hang-up was seen.
            await probe.say(one.head("GET", "/%00"))
            await probe.head()
        await upstream.say(CREATED)
        assert sorted(await one.outcomes()) == ["blocked", "pending", "success"]
        async with caller(hotel.base_url) as again:
            await again.say(head + b"x")
            assert (await again.head()).startswith(b"HTTP/1.1 201")
            assert await again.take(8) == b'{"id":1}'
        assert service.is_untouched


async def test_an_appliance_that_stops_ends_what_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "GRACE_SECONDS", 0.05)
    async with stepped() as service, served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        one = await program(running, service.host_port, "stopping")
        async with caller(running.base_url) as wire:
            await wire.say(one.head("GET", "/events"))
            upstream, _ = await accepted(service)
            await upstream.say(EVENTS + chunk(EVENT))
            await wire.head()
            assert await wire.chunk() == EVENT
            running.appliance.stopping.set()
            assert await wire.rest() == b""
            assert await upstream.rest() == b""


async def test_a_service_that_says_nothing_more_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "Egress", partial(Egress, limits=Limits(stream_idle_seconds=0.1)))
    async with served(tmp_path / "home", tmp_path / "state") as running:
        await begin(running)
        async with between(running, "silent") as (one, service, wire):
            await wire.say(one.head("GET", "/events"))
            upstream, _ = await accepted(service)
            await upstream.say(EVENTS + chunk(EVENT))
            await wire.head()
            assert await wire.chunk() == EVENT
            assert await wire.rest() == b""
            assert await one.outcomes() == ["pending", "failure"]


# Memory --------------------------------------------------------------------------------------------------------------

RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")
ALLOWED_BYTES = 40_000_000


def resident_bytes() -> int:
    found = RESIDENT.search(Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.soak
@pytest.mark.parametrize("direction", ["down", "up"])
async def test_two_hundred_megabytes_pass_in_little_memory(direction: str, appliance: Running) -> None:
    part, count = bytes(1_000_000), 200
    async with between(appliance, f"memory-{direction}") as (one, service, wire):
        framing = ("Transfer-Encoding: chunked",) if direction == "up" else ()
        await wire.say(one.head("PUT" if direction == "up" else "GET", "/x", *framing))
        upstream, _ = await accepted(service)
        writer, reader = (wire, upstream) if direction == "up" else (upstream, wire)
        if direction == "down":
            await writer.say(OK_CHUNKED)
            await reader.head()
        before, seen, received = resident_bytes(), 0, 0

        async def read() -> None:
            nonlocal seen, received
            while data := await reader.chunk():
                received += len(data)
                seen = max(seen, resident_bytes())

        reading = asyncio.create_task(read())
        for _ in range(count):
            await writer.say(chunk(part))
        await writer.say(chunk(b""))
        await reading
        assert received == len(part) * count
        assert seen - before < ALLOWED_BYTES
