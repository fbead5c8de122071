"""Tests of following the appliance through losses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual.message import Message

from stack_local.domain import errors
from stack_local.wire.vault import ApplianceStatus, GetStatus
from tests.tui.world import World
from tui import feed
from tui.messages import ConnectionLost, SessionEnded, StatusReached


class Breaking:
    """A client whose line breaks so many times before a session ends."""

    def __init__(self, error: Exception, times: int) -> None:
        self._world = World()
        self._world.client.session = object()  # type: ignore[assignment]  # any session will do
        self._error = error
        self._left = times

    async def watch(self) -> AsyncIterator[ApplianceStatus]:
        self._left -= 1
        if self._left < 0:
            raise errors.Unauthorized("over")
        yield await self._world.client.call(GetStatus())
        raise self._error


@pytest.mark.parametrize(
    "error", [errors.Unavailable("nobody answers"), ZeroDivisionError()], ids=["a refusal", "a defect"]
)
async def test_a_broken_line_is_told_and_tried_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(feed.asyncio, "sleep", note)
    posted: list[Message] = []
    client: Any = Breaking(error, 3)
    await asyncio.wait_for(feed.follow(client, posted.append), 5)
    assert [type(message) for message in posted] == [StatusReached, ConnectionLost] * 3 + [SessionEnded]
    assert waits == [feed.BETWEEN_SECONDS, feed.FIRST_RETRY_SECONDS] * 3


async def test_retries_slow_down_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 8:
            raise asyncio.CancelledError

    class Dead:
        async def watch(self) -> AsyncIterator[ApplianceStatus]:
            raise errors.Unavailable("nobody answers")
            yield

    monkeypatch.setattr(feed.asyncio, "sleep", note)
    client: Any = Dead()
    with pytest.raises(asyncio.CancelledError):
        await feed.follow(client, lambda message: None)
    assert waits == [0.5, 1, 2, 4, 8, 10, 10, 10]
