"""What a caller sends, that it hangs up, and its answer, which never looks whole where it is not."""

import asyncio
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.proxy.forwarding import Incoming
from stack_local.surfaces import caller_line
from stack_local.surfaces.caller_line import AnswerLine, CallerLine

LAST = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Server:
    """The ASGI server's side of one request."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.sent: list[dict[str, Any]] = []
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self.give(*messages)

    def give(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self._messages.put_nowait(message)

    async def receive(self) -> Any:
        return await self._messages.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_whole(self) -> bool:
        last = self.sent[-1]
        return last["type"] == "http.response.body" and not last.get("more_body", False)


def answer_over(server: Server, line: CallerLine) -> AnswerLine:
    return AnswerLine(server.send, line, ours="http://127.0.0.1:7822/p/x")


BODIES = [
    ("in pieces", [piece(b"a"), piece(b""), piece(b"b"), LAST], b"ab"),
    ("with the last", [piece(b"a"), piece(b"b", more=False)], b"ab"),
    ("empty", [LAST], b""),
]


@pytest.mark.parametrize(("messages", "body"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
async def test_a_body_is_read_to_its_end_and_no_further(messages: list[dict[str, Any]], body: bytes) -> None:
    line = CallerLine(Server(*messages).receive)
    assert b"".join([part async for part in line.pieces()]) == body
    assert (line.is_over, line.has_gone) == (True, False)


async def test_a_caller_that_hangs_up_in_its_body_is_noticed() -> None:
    line = CallerLine(Server(piece(b"a"), GONE).receive)
    pieces = line.pieces()
    assert await anext(pieces) == b"a"
    with pytest.raises(InvalidRequest):
        await anext(pieces)
    assert (line.is_over, line.has_gone) == (True, True)


async def test_a_body_that_stops_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_line, "PIECE_SECONDS", 0.02)
    line = CallerLine(Server(piece(b"a")).receive)
    pieces = line.pieces()
    assert await anext(pieces) == b"a"
    with pytest.raises(InvalidRequest) as refused:
        await anext(pieces)
    assert refused.value.details["field"] == "body"


async def test_the_watch_begins_once_nobody_reads_the_body() -> None:
    server, told = Server(piece(b"a"), piece(b"dropped"), LAST, GONE), asyncio.Event()
    line = CallerLine(server.receive)
    line.when_gone(told.set)
    body = Incoming(line.pieces(), None)
    watch = asyncio.create_task(line.watch(body))
    stream = body.stream()
    assert await anext(stream) == b"a"
    for _ in range(10):
        await asyncio.sleep(0)
    assert not line.is_over
    await stream.aclose()
    await asyncio.wait_for(watch, 5)
    assert told.is_set()


async def test_whoever_asks_after_the_caller_went_is_told_at_once_and_nobody_twice() -> None:
    told: list[str] = []
    line = CallerLine(Server(GONE).receive)
    await line.watch(None)
    line.when_gone(lambda: told.append("late"))
    line.leave()
    line.when_gone(None)
    line.leave()
    assert told == ["late"]


async def test_nobody_is_told_who_asked_not_to_be() -> None:
    line = CallerLine(Server(GONE).receive)
    line.when_gone(lambda: pytest.fail("told"))
    line.when_gone(None)
    await line.watch(None)
    assert line.has_gone


async def test_an_answer_goes_out_in_order() -> None:
    server = Server(LAST)
    line = CallerLine(server.receive)
    await line.message()
    answer = answer_over(server, line)
    answer.set_operation("opn_1")
    assert not answer.has_begun
    await answer.begin(201, {"etag": "é", "date": "theirs", "x-stack-operation-id": "theirs"}, base="")
    assert answer.has_begun
    assert await answer.pass_on(b"a")
    assert await answer.pass_on(b"")
    await answer.end()
    assert server.sent == [
        {"type": "http.response.start", "status": 201,
         "headers": [(b"etag", b"\xe9"), (b"x-stack-operation-id", b"opn_1")]},
        {"type": "http.response.body", "body": b"a", "more_body": True},
        {"type": "http.response.body", "body": b""},
    ]  # fmt: skip


async def test_what_is_held_for_rewriting_comes_with_the_end() -> None:
    server = Server(LAST)
    line = CallerLine(server.receive)
    await line.message()
    answer = answer_over(server, line)
    await answer.begin(200, {"content-type": "application/json"}, base="https://a.com")
    await answer.pass_on(b'["https://a.com')
    await answer.pass_on(b'/1", "https://a')
    await answer.end()
    assert (server.body, server.is_whole) == (b'["http://127.0.0.1:7822/p/x/1", "https://a', True)


async def test_nothing_is_told_to_a_caller_that_went() -> None:
    server = Server(LAST, GONE)
    line = CallerLine(server.receive)
    answer = answer_over(server, line)
    await answer.begin(200, {}, base="")
    await line.watch(None)
    assert not await answer.pass_on(b"a")
    await answer.end()
    assert len(server.sent) == 1


async def test_an_early_answer_ends_once_the_callers_body_has() -> None:
    server = Server(piece(b"a"))
    line = CallerLine(server.receive)
    body = Incoming(line.pieces(), None)
    watch = asyncio.create_task(line.watch(body))
    body.has_been_read.set()
    answer = answer_over(server, line)
    await answer.begin(413, {}, base="")
    ending = asyncio.create_task(answer.end())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not server.is_whole
    server.give(piece(b"b"), LAST)
    await asyncio.wait_for(ending, 5)
    assert server.is_whole
    watch.cancel()


async def test_a_caller_that_sends_for_ever_does_not_keep_its_early_answer_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caller_line, "DRAIN_SECONDS", 0.02)
    server = Server(piece(b"a"))
    answer = answer_over(server, CallerLine(server.receive))
    await answer.begin(413, {}, base="")
    await answer.end()
    assert server.is_whole
