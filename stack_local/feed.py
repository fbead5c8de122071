"""What changed: a counter that grows, and a way to wait for it to pass a number. Lives on the server's loop."""

import asyncio


class Feed:
    """Wakes those who look. It carries no content: whoever is woken asks the door for what it may see."""

    def __init__(self) -> None:
        self.changes = 1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()

    def attach(self) -> None:
        """Belong to the running loop; until then nobody can be waiting, and nothing is counted."""
        self._loop = asyncio.get_running_loop()

    def publish(self) -> None:
        """Something a screen may show has changed. Any thread may say so."""
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                # The loop is closed: nobody waits any more.
                self._loop = None

    def _wake(self) -> None:
        self.changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_past(self, changes: int, *, seconds: float) -> None:
        """Return once `self.changes` is greater, or the time is up."""
        try:
            async with asyncio.timeout(seconds):
                while self.changes <= changes:
                    await self._changed.wait()
        except TimeoutError:
            return
