"""What a call carries to a service and back, looked at for planted instructions: findings, never a word of the content.

A critical one in what the agent sends blocks an enforced agent's call. What others wrote only marks the answer, and
revokes nothing (house decision 14). A scan that ran out of time is a finding of its own: never silently clean.
"""

from collections.abc import Mapping

from stack_local.domain.calls import Call
from stack_local.domain.canonical import read_json
from stack_local.domain.detection import Finding, Severity
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.scanning import HasTime, Scanned, Scanner, Verdict, scan_content

DETECTOR = "prompt_injection"
"""The key of these findings (product.md 6.2)."""


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
