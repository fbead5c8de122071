"""Following the appliance: its status as it changes, slowed to what eyes need, through every loss of connection."""

import asyncio

from stack_local.client import Client
from stack_local.domain import errors
from tui.asking import Post
from tui.messages import ConnectionLost, SessionEnded, StatusReached

BETWEEN_SECONDS = 0.25
"""At most four refreshes a second."""

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0


async def follow(client: Client, post: Post) -> None:
    """Post every new status until the session ends."""
    retry_seconds = FIRST_RETRY_SECONDS
    while True:
        try:
            async for status in client.watch():
                retry_seconds = FIRST_RETRY_SECONDS
                post(StatusReached(status))
                await asyncio.sleep(BETWEEN_SECONDS)
        except (errors.Unauthorized, errors.Locked):
            post(SessionEnded())
            return
        except Exception:  # noqa: BLE001 (the TUI worker: whatever broke the line, it is tried again)
            post(ConnectionLost(retry_seconds))
        await asyncio.sleep(retry_seconds)
        retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)
