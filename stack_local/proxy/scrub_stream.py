"""Taking every echo of a credential out of an answer that comes in pieces, and keeping no piece longer than it must."""

from stack_local.proxy.echoes import SHORTEST
from stack_local.proxy.needles import MARK, Needles, Span, joined, marked
from stack_local.proxy.unwrap import is_plain, traced, unwrapped, whole_bytes, without_begun_line

HELD_FORMS = 4
"""What is held back is at most this many times as long as the longest form; more than that is padding."""

_SIGHT_BYTES = 256
"""How far from its end a piece is looked at first, to find where something begins in it."""

_NOISE_BYTES = 64
"""Unwrapped bytes that an escape makes at most if it is cut in two."""

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
"""What ends a server-sent event (WHATWG HTML, 9.2)."""


class StreamScrubber:
    """Finds secrets in one answer, as written and as read, wherever it is cut.

    Held back is what may be the beginning of a form. Two things go out all the same, so that events flow and memory is
    bounded: fewer than SHORTEST characters of a beginning before the end of an event, and before very much padding. They
    are remembered: when the form is whole, the rest of it is taken out.
    """

    def __init__(self, written: Needles, read: Needles) -> None:
        """`written` are the forms themselves, `read` the same unwrapped."""
        self._written = written
        self._read = read
        self._most_held = HELD_FORMS * max(written.longest, read.longest) + _SIGHT_BYTES
        self._held = b""
        self._marked = 0
        """So many of the held bytes belong to a secret whose mark went out."""
        self._gone = b""
        """What went out, unwrapped, and may still be the beginning of a form."""
        self._redacted = False

    @property
    def redacted(self) -> bool:
        """Whether a secret was there."""
        return self._redacted

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece; what may be passed on now."""
        content = self._held + piece
        whole = whole_bytes(content)
        text = self._gone + unwrapped(content[:whole])
        spans = self._spans(content, whole, text)
        begun = self._begun_at(text)
        hold = min(whole, self._written_begun_at(content))
        if begun == len(text):
            self._gone = b""
            return self._pass(content, spans, hold)
        first = self._first_byte(content[:whole], len(text) - max(begun, len(self._gone)))
        is_short = len(text) - begun < SHORTEST
        is_padded = len(content) - first > self._most_held
        if is_padded or (is_short and content.endswith(_EVENT_ENDS)):
            self._gone = text[begun:]
            return self._pass(content, spans if is_short else joined([*spans, (first, whole)]), whole)
        self._gone = text[begun : len(self._gone)]
        return self._pass(content, spans, min(hold, first))

    def end(self) -> bytes:
        """What is left when the answer is over."""
        content, whole = self._held, len(self._held)
        spans = self._spans(content, whole, self._gone + unwrapped(content))
        return self._pass(content, spans, whole)

    def _spans(self, content: bytes, whole: int, text: bytes) -> list[Span]:
        """Where in the content secrets stand, the one that was already marked first."""
        spans = [(0, self._marked)] if self._marked else []
        if not is_plain(content):
            lowered = content.lower()
            if self._written.are_in(lowered):
                spans += self._written.spans(lowered)
        before = len(self._gone)
        if self._read.are_in(text, after=before):
            trace = traced(content[:whole])
            read = self._read.spans(text, after=before)
            spans += [(trace.starts[max(0, start - before)], trace.ends[end - before - 1]) for start, end in read]
        return joined(spans)

    def _begun_at(self, text: bytes) -> int:
        """Where in the unwrapped text a form may begin that is not whole yet."""
        begun, stem = self._read.begun_at(text), without_begun_line(text)
        begun_before_line = self._read.begun_at(stem)
        return begun if begun_before_line == len(stem) else min(begun, begun_before_line)

    def _written_begun_at(self, content: bytes) -> int:
        first = max(0, len(content) - self._written.longest)
        return first + self._written.begun_at(content[first:].lower())

    def _first_byte(self, content: bytes, count: int) -> int:
        """Where in the content its last unwrapped bytes, so many, begin."""
        sight = _SIGHT_BYTES
        while True:
            cut = max(0, len(content) - sight)
            starts = traced(content[cut:]).starts
            if cut == 0 or len(starts) >= count + _NOISE_BYTES:
                return cut + starts[-count] if count else len(content)
            sight *= HELD_FORMS

    def _pass(self, content: bytes, spans: list[Span], hold: int) -> bytes:
        """Hold the content from there on; what stands before goes, with its marks."""
        settled = [(start, min(end, hold)) for start, end in spans if start < hold]
        passed = marked(content[:hold], settled)
        if self._marked:
            passed = passed.removeprefix(MARK.encode())
        self._redacted = self._redacted or bool(settled)
        if hold:
            self._marked = max([0, *(end - hold for start, end in spans if start < hold)])
        self._held = content[hold:]
        return passed
