"""A client for the TUI's tests: it answers from a table and notes what was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from stack_local.domain.secrets import Secret
from stack_local.wire.catalogue import Request, View
from stack_local.wire.vault import ApplianceStatus, GetStatus


class FakeClient:
    """Answers each request class by a function given for it; `changed()` wakes whoever watches."""

    def __init__(self) -> None:
        self.asked: list[Request[Any]] = []
        self.session: Secret | None = None
        self._answers: dict[type, Callable[[Any], View]] = {}
        self._changed = asyncio.Event()

    def answer(self, request: type[Request[Any]], by: Callable[[Any], View]) -> None:
        """Answer this request class by `by(request)`; it may raise a StackError."""
        self._answers[request] = by

    def changed(self) -> None:
        """Something changed: watchers see a new status."""
        self._changed.set()

    def hold_session(self, session: Secret | None) -> None:
        self.session = session

    async def call(self, request: Request[Any]) -> Any:
        self.asked.append(request)
        return self._answers[type(request)](request)

    async def watch(self) -> AsyncIterator[ApplianceStatus]:
        while True:
            yield await self.call(GetStatus())
            await self._changed.wait()
            self._changed.clear()
