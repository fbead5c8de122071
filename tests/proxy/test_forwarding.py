"""A request body that has not been read: read whole within bounds, or handed on as it comes."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from stack_local.domain.calls import MAX_BODY_BYTES
from stack_local.domain.errors import InvalidRequest, TooLarge
from stack_local.proxy import forwarding
from stack_local.proxy.forwarding import SMALL_BODY_BYTES, Incoming

MEGABYTE = b"x" * 1_000_000


class Body:
    """A caller's body, which counts what is taken of it."""

    def __init__(self, *pieces: bytes) -> None:
        self.taken = 0
        self._pieces = pieces

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        for piece in self._pieces:
            self.taken += len(piece)
            yield piece

    def incoming(self, length: int | None = None) -> Incoming:
        return Incoming(self.pieces(), length)


SMALL = [(None, False), (0, True), (SMALL_BODY_BYTES, True), (SMALL_BODY_BYTES + 1, False)]


@pytest.mark.parametrize(("length", "is_small"), SMALL)
def test_a_body_is_small_if_it_says_so(length: int | None, is_small: bool) -> None:
    assert Body().incoming(length).is_small == is_small


@pytest.mark.parametrize("length", [None, 6])
async def test_a_whole_body_is_all_of_its_pieces(length: int | None) -> None:
    incoming = Body(b"one", b"", b"two").incoming(length)
    assert await incoming.whole() == b"onetwo"
    assert incoming.has_been_read.is_set()


async def test_ten_megabytes_in_chunks_are_read() -> None:
    assert len(await Body(*[MEGABYTE] * 10).incoming().whole()) == MAX_BODY_BYTES


async def test_one_byte_more_is_refused_and_nobody_reads_on() -> None:
    body = Body(*[MEGABYTE] * 10, b"x", MEGABYTE)
    incoming = body.incoming()
    with pytest.raises(TooLarge):
        await incoming.whole()
    assert (body.taken, incoming.has_been_read.is_set()) == (MAX_BODY_BYTES + 1, True)


async def test_a_length_that_is_too_large_is_refused_unread() -> None:
    body = Body(MEGABYTE)
    with pytest.raises(TooLarge):
        await body.incoming(MAX_BODY_BYTES + 1).whole()
    assert body.taken == 0


@pytest.mark.parametrize("length", [5, 7])
async def test_a_body_of_another_length_than_it_said_is_refused(length: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await Body(b"onetwo").incoming(length).whole()
    assert refused.value.details["rule"] == "content-length"


async def test_a_body_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "WHOLE_SECONDS", 0.05)

    async def slow() -> AsyncGenerator[bytes, None]:
        yield b"x"
        await asyncio.Event().wait()

    incoming = Incoming(slow(), None)
    with pytest.raises(InvalidRequest) as refused:
        await incoming.whole()
    assert refused.value.details["field"] == "body"
    assert incoming.has_been_read.is_set()


async def test_a_body_that_is_handed_on_is_taken_piece_by_piece() -> None:
    body = Body(b"one", b"two")
    incoming = body.incoming()
    stream = incoming.stream()
    assert (await anext(stream), body.taken, incoming.has_been_read.is_set()) == (b"one", 3, False)
    assert [piece async for piece in stream] == [b"two"]
    assert incoming.has_been_read.is_set()


async def test_a_body_that_is_given_up_has_been_read() -> None:
    incoming = Body(b"one", b"two").incoming()
    stream = incoming.stream()
    await anext(stream)
    await stream.aclose()
    assert incoming.has_been_read.is_set()
