"""What a call carries to a service and back, looked at for planted instructions: findings, never a word of the content.

A critical one in what the agent sends blocks an enforced agent's call. What others wrote only marks the answer, and
revokes nothing (house decision 14). A scan that ran out of time is a finding of its own: never silently clean.
"""

import asyncio
import time
from collections.abc import Mapping

from stack_local.domain.calls import Call
from stack_local.domain.canonical import read_json
from stack_local.domain.detection import Finding, Severity
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.scanning import HasTime, Scanned, Scanner, Verdict, scan_content

SECONDS = 0.05
"""Processor time for one body; what is left of it then was not looked at, and that is said."""

LARGE_BYTES = 64 * 1024
"""A body of more is looked at in a thread of its own: the loop goes on."""

SHORT_QUERY = 16
"""A query of fewer characters holds no sentence."""

DETECTOR = "prompt_injection"
"""The key of these findings (product.md 6.2)."""


class Budget:
    """Processor time of one scan; what the thread does between two pieces is not counted."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._until = time.thread_time() + seconds
        self._paused_at: float | None = None

    def __call__(self) -> bool:
        """Whether there is time left."""
        return time.thread_time() < self._until

    def pause(self) -> None:
        """Nothing is looked at until `go_on`."""
        self._paused_at = time.thread_time()

    def go_on(self) -> None:
        """The next piece is looked at, in the same thread."""
        if self._paused_at is not None:
            self._until += time.thread_time() - self._paused_at
            self._paused_at = None


async def look_at_request(call: Call) -> Finding | None:
    """What is found in a call before it is decided on; nothing is looked for where there is no text."""
    body_bytes = len(call.body or b"")
    if not body_bytes and len(call.url.raw_query or "") < SHORT_QUERY:
        return None
    if body_bytes <= LARGE_BYTES:
        return scan_request(call, Budget())
    return await asyncio.to_thread(lambda: scan_request(call, Budget()))


async def look_at_answer(body: bytes) -> str | None:
    """What is found in a whole, scrubbed answer, in words."""
    if len(body) <= LARGE_BYTES:
        return _words_on(body)
    return await asyncio.to_thread(_words_on, body)


def _words_on(body: bytes) -> str | None:
    scan = ResponseScan(Budget())
    scan.feed(body)
    found = scan.end()
    return None if found is None else found.message


def scan_request(call: Call, has_time: HasTime) -> Finding | None:
    """What is found in the query and the body of a call; a body that goes out as it comes is not seen here."""
    of_query = scan_content(call.url.raw_query or "", has_time)
    if of_query.verdict is Verdict.CRITICAL:
        return _finding(of_query, "query of the call", blocks=True)
    of_body = scan_content(_body(call), has_time)
    if of_body.verdict.rank >= of_query.verdict.rank:
        worst, place = of_body, "body of the call"
    else:
        worst, place = of_query, "query of the call"
    if worst.match is None and not (of_query.complete and of_body.complete):
        return _unfinished("call")
    return _finding(worst, place, blocks=worst.verdict is Verdict.CRITICAL)


class ResponseScan:
    """Looks at an answer as it passes by, in scrubbed pieces."""

    def __init__(self, has_time: HasTime) -> None:
        self._scanner = Scanner(has_time)

    @property
    def scanned(self) -> Scanned:
        """What is thought of it so far."""
        return self._scanner.scanned

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        self._scanner.feed(piece)

    def end(self) -> Finding | None:
        """There is no more: what was found marks the answer, and blocks nothing."""
        self._scanner.end()
        if self.scanned.match is None and not self.scanned.complete:
            return _unfinished("answer")
        return _finding(self.scanned, "answer", blocks=False)


def _body(call: Call) -> str | Mapping[str, object]:
    """An object for its fields, and anything else as text."""
    body = call.body or b""
    if call.is_json and body.lstrip().startswith(b"{"):
        try:
            tree = read_json(body)
        except InvalidRequest:
            tree = None
        if isinstance(tree, dict):
            return tree
    return body.decode("utf-8", "replace")


def _finding(scanned: Scanned, place: str, *, blocks: bool) -> Finding | None:
    match = scanned.match
    if match is None:
        return None
    severity = Severity.CRITICAL if match.verdict is Verdict.CRITICAL else Severity.WARNING
    hidden = "" if match.decoder is None else f", hidden by {match.decoder}"
    return Finding(DETECTOR, severity, f"{match.pattern_id} in the {place}{hidden}", blocks=blocks)


def _unfinished(place: str) -> Finding:
    return Finding(DETECTOR, Severity.INFO, f"not all of the {place} was looked at in time")
