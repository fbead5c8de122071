"""Progress: a client that asked for it hears each second that its call is still under way."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from mcp.server.context import ServerRequestContext

from stack_local.domain.errors import StackError
from stack_local.wire.catalogue import View

EVERY_SECONDS = 1.0


async def told(context: ServerRequestContext[Any], answer: Awaitable[View]) -> View:
    """The answer; until it is there, the client is told that somebody works on it.

    Raises:
        StackError: as the call does.
    """
    outcome: View | StackError
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_tell(context))
        try:
            outcome = await answer
        except StackError as refused:
            # Not out of the group as it is: that would wrap it.
            outcome = refused
        telling.cancel()
    if isinstance(outcome, StackError):
        raise outcome
    return outcome


async def _tell(context: ServerRequestContext[Any]) -> None:
    seconds = 0.0
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        seconds += EVERY_SECONDS
        await context.session.report_progress(seconds, None, "waiting: for a person's decision, or for the service")
