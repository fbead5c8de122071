"""An answer on its way to its caller: scrubbed, passed on as it comes, counted, and kept where it is short."""

from collections.abc import Mapping, Sequence

from stack_local.domain.detection import Finding
from stack_local.egress.client import StreamedResponse
from stack_local.proxy.contents import Budget, ResponseScan
from stack_local.proxy.forwarding import Sink
from stack_local.proxy.responses import Kept, forwarded_headers
from stack_local.proxy.scrub import Scrubber

EVENT_STREAMS = (
    "text/event-stream",
    "application/x-ndjson",
    "application/jsonl",
    "application/stream+json",
    "application/vnd.amazon.eventstream",
)
"""What is read while it is written: passed on at once, also where it answers a write."""


SHORT_BYTES = 64 * 1024
"""An answer that says it is no longer is given out in one piece."""


class Passage:
    """One answer. It waits for its caller before it takes more from the service."""

    def __init__(self, base: str, scrubber: Scrubber, sink: Sink, kept_bytes: int) -> None:
        """`base`: the URL that `/p/{service}` stands for; `kept_bytes`: of an answer, to give it out again."""
        self._base = base
        self._scrubber = scrubber
        self._sink = sink
        self._kept_bytes = kept_bytes
        self._shown: Mapping[str, str] = {}
        self._held = bytearray()
        self._passed_bytes = 0
        self._budget = Budget()
        self._scan = ResponseScan(self._budget)
        self._budget.pause()
        self._redacted = False
        self._finding: Finding | None = None
        self._is_short = True
        self.status: int | None = None
        """As the service said it; None before it did."""
        self.headers: Sequence[tuple[str, str]] = ()
        self.has_begun = False
        self.is_whole = False

    async def carry(self, response: StreamedResponse, *, is_write: bool) -> None:
        """Pass it on; a short answer to a write is only held, because its outcome is durable before it is told.

        Raises:
            EgressFailed: it broke in its middle.
        """
        self.status, self.headers = response.status, response.headers
        self._shown, self._redacted = forwarded_headers(response.headers, self._scrubber)
        scrubbing = self._scrubber.stream()
        try:
            is_short = response.length is not None and response.length <= SHORT_BYTES
            if _is_event_stream(self._shown) or not (is_write or is_short):
                await self._begin()
            async for piece in response.pieces():
                await self._take(scrubbing.feed(piece))
        finally:
            self._redacted = self._redacted or scrubbing.redacted
            response.close()
        await self._take(scrubbing.end())
        self._budget.go_on()
        self._finding = self._scan.end()
        self._redacted = self._redacted or scrubbing.redacted
        self.is_whole = True
        if self.has_begun:
            await self._sink.end()

    @property
    def kept(self) -> Kept:
        """What came of it."""
        is_kept = self.is_whole and self._is_short
        body, passed_bytes = (bytes(self._held), 0) if is_kept else (b"", self._passed_bytes)
        suspicion = None if self._finding is None else self._finding.message
        return Kept(self.status or 0, dict(self._shown), body, self._redacted, is_kept, passed_bytes, suspicion)

    async def _begin(self) -> None:
        self.has_begun = True
        await self._sink.begin(self.status or 0, self._shown, base=self._base)

    async def _take(self, piece: bytes) -> None:
        self._passed_bytes += len(piece)
        self._budget.go_on()
        self._scan.feed(piece)
        self._budget.pause()
        if self._is_short:
            self._held += piece
            self._is_short = len(self._held) <= self._kept_bytes
        if not self.has_begun and not self._is_short:
            piece = bytes(self._held)
            await self._begin()
        if not self._is_short:
            self._held.clear()
        if self.has_begun:
            await self._sink.pass_on(piece)


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() in EVENT_STREAMS
