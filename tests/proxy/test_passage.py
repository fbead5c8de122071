"""An answer on its way: at once or held, counted, scrubbed, and kept where it is short."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from stack_local.domain.secrets import Secret
from stack_local.egress.client import StreamedResponse
from stack_local.egress.errors import EgressFailed
from stack_local.proxy.passage import EVENT_STREAMS, Passage
from stack_local.proxy.scrub import Scrubber
from tests.simulators.listener import Listener

SECRET = "upstream-secret-9f8e"
BASE = "https://api.example.com"
KEPT_BYTES = 1000
EVENT = b"data: x\n\n"


class Answer:
    """A service's answer, given by the test."""

    def __init__(self, *pieces: bytes, kind: str = "text/event-stream") -> None:
        self.status = 200
        self.headers = (("content-type", kind), ("x-echo", SECRET), ("set-cookie", "a=b"))
        self.is_closed = False
        self.asked = 0
        self._pieces = pieces
        self.length: int | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.asked += 1
            if piece == b"breaks":
                raise EgressFailed("it broke", code="connection_reset", sent=True)
            yield piece

    def close(self) -> None:
        self.is_closed = True


def passage_to(listener: Listener) -> Passage:
    return Passage(BASE, Scrubber([Secret(SECRET)]), listener, KEPT_BYTES)


async def carried(answer: Answer, listener: Listener, *, is_write: bool = False) -> Passage:
    passage = passage_to(listener)
    await passage.carry(cast(StreamedResponse, answer), is_write=is_write)
    return passage


async def test_a_read_is_passed_on_and_kept() -> None:
    listener = Listener()
    passage = await carried(Answer(EVENT, b"data: 1", b"\n\n"), listener)
    assert (listener.body, listener.is_whole) == (EVENT + b"data: 1\n\n", True)
    kept = passage.kept
    assert (kept.status, kept.body, kept.is_whole, kept.passed_bytes) == (200, listener.body, True, 0)


async def test_the_head_goes_first_with_the_address_it_is_rewritten_from() -> None:
    listener = Listener()
    await carried(Answer(EVENT), listener)
    assert listener.head == (200, {"content-type": "text/event-stream", "x-echo": "[redacted]"}, BASE)


async def test_the_credential_is_scrubbed_from_the_body_also_where_it_is_cut() -> None:
    listener = Listener()
    body = f"data: {SECRET}\n\n".encode()
    passage = await carried(Answer(body[:12], body[12:]), listener)
    assert (listener.body, passage.kept.redacted) == (b"data: [redacted]\n\n", True)


async def test_a_short_answer_to_a_write_is_only_held() -> None:
    listener = Listener()
    passage = await carried(Answer(b'{"id":', b"1}", kind="application/json"), listener, is_write=True)
    assert (listener.has_begun, passage.kept.body, passage.kept.is_whole) == (False, b'{"id":1}', True)


async def test_a_long_answer_to_a_write_goes_out_once_it_is_too_long_to_be_held() -> None:
    listener = Listener()
    pieces = [b"%04d" % number * 100 for number in range(8)]
    passage = await carried(Answer(*pieces, kind="application/json"), listener, is_write=True)
    assert (listener.body, listener.is_whole) == (b"".join(pieces), True)
    kept = passage.kept
    assert (kept.body, kept.is_whole, kept.passed_bytes) == (b"", False, 3200)


@pytest.mark.parametrize("kind", [*EVENT_STREAMS, "Text/Event-Stream; charset=utf-8"])
async def test_what_is_read_while_it_is_written_is_not_held_though_it_answers_a_write(kind: str) -> None:
    listener = Listener()
    passage = await carried(Answer(EVENT, kind=kind), listener, is_write=True)
    assert (listener.body, listener.is_whole, passage.kept.body) == (EVENT, True, EVENT)


@pytest.mark.parametrize("length", [KEPT_BYTES, KEPT_BYTES + 1])
async def test_only_a_short_answer_is_kept(length: int) -> None:
    kept = (await carried(Answer(b"x" * length), Listener())).kept
    assert (len(kept.body), kept.passed_bytes) == ((length, 0) if length == KEPT_BYTES else (0, length))


@pytest.mark.parametrize("is_write", [False, True])
async def test_an_answer_that_breaks_is_neither_whole_nor_kept_but_counted(is_write: bool) -> None:
    listener, answer = Listener(), Answer(EVENT, b"breaks")
    passage = passage_to(listener)
    with pytest.raises(EgressFailed):
        await passage.carry(cast(StreamedResponse, answer), is_write=is_write)
    kept = passage.kept
    assert (listener.body, listener.is_whole, answer.is_closed) == (EVENT, False, True)
    assert (kept.status, kept.body, kept.is_whole, kept.passed_bytes) == (200, b"", False, len(EVENT))


async def test_nothing_is_taken_from_the_service_while_the_caller_does_not_read() -> None:
    listener, answer = Listener(room=asyncio.Semaphore(2)), Answer(*[EVENT] * 50)
    carrying = asyncio.create_task(carried(answer, listener))
    await listener.until(lambda: len(listener.pieces) == 2)
    for _ in range(100):
        await asyncio.sleep(0)
    assert answer.asked == 3
    for _ in range(60):
        listener.room.release()
    await carrying
    assert (listener.body, listener.is_whole) == (EVENT * 50, True)


async def test_a_write_is_read_to_its_end_though_nobody_listens() -> None:
    listener = Listener(has_gone=True)
    kept = (await carried(Answer(EVENT, EVENT), listener, is_write=True)).kept
    assert (listener.body, kept.body, kept.is_whole) == (b"", EVENT * 2, True)


async def test_before_a_head_nothing_is_known() -> None:
    passage = passage_to(Listener())
    assert (passage.status, passage.has_begun, passage.is_whole) == (None, False, False)
