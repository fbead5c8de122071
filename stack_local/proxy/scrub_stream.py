"""Taking every echo of a credential out of an answer that comes in pieces, and keeping no piece longer than it must."""

from stack_local.proxy.echoes import SHORTEST
from stack_local.proxy.needles import MARK, Needles, Span, joined, marked
from stack_local.proxy.unwrap import bare, is_plain, traced, unwrapped, whole_bytes, without_begun_line

HELD_FORMS = 4
"""What is held back is at most this many times as long as the longest form; more than that is padding."""

_SIGHT_BYTES = 256
"""How far from the end of the content it is looked first where something begins in it."""

_NOISE_BYTES = 64
"""What an escape that is cut in two makes, unwrapped, at most."""

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n")
"""What ends a server-sent event (WHATWG HTML, 9.2)."""


class StreamScrubber:
    """Finds secrets in one answer, as written and as read, wherever it is cut.

    What may be the beginning of a form is held back. Two beginnings go out all the same, so that events flow and memory
    is bounded: one of fewer than SHORTEST characters before the end of an event, and one before very much padding, as a
    mark if it is longer. Both are remembered: once the form is whole, the rest of it is taken out.
    """

    def __init__(self, written: Needles, read: Needles, *, is_read_enough: bool) -> None:
        """`written` are the forms, `read` the same unwrapped; `is_read_enough`: nothing is among the first alone."""
        self._written = written
        self._read = read
        self._is_read_enough = is_read_enough
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
        text = self._text(content[:whole])
        spans = self._spans(content, whole, text)
        begun = self._begun_at(text)
        if begun == len(text):
            self._gone = b""
            return self._pass(content, spans, min(whole, self._written_begun_at(content)))
        first = self._first_byte(content[:whole], len(text) - max(begun, len(self._gone)))
        is_short = len(text) - begun < SHORTEST
        is_padding = len(content) - first > self._most_held
        if is_padding or (is_short and content.endswith(_EVENT_ENDS)):
            self._gone = text[begun:]
            return self._pass(content, spans if is_short else joined([*spans, (first, whole)]), whole)
        self._gone = text[begun : len(self._gone)]
        return self._pass(content, spans, min(first, self._written_begun_at(content)))

    def end(self) -> bytes:
        """What is left when the answer is over."""
        content = self._held
        spans = self._spans(content, len(content), self._text(content))
        return self._pass(content, spans, len(content))

    def _text(self, content: bytes) -> bytes:
        """What is searched: the content as a reader has it, behind what went out and may belong to it."""
        return self._gone + (bare(content) if is_plain(content) else unwrapped(content))

    def _spans(self, content: bytes, whole: int, text: bytes) -> list[Span]:
        """Where in the content secrets stand, and in front what remains of one that is marked."""
        spans = [(0, self._marked)] if self._marked else []
        if not self._is_read_enough or not is_plain(content):
            spans += self._written.spans(content.lower())
        before = len(self._gone)
        read = self._read.spans(text, after=before)
        if read:
            trace = traced(content[:whole])
            spans += [(trace.starts[max(0, start - before)], trace.ends[end - before - 1]) for start, end in read]
        return joined(spans)

    def _begun_at(self, text: bytes) -> int:
        """Where in the text a form may begin that is not whole yet."""
        stem = without_begun_line(text)
        begun, begun_before_line = self._read.begun_at(text), self._read.begun_at(stem)
        return begun if begun_before_line == len(stem) else min(begun, begun_before_line)

    def _written_begun_at(self, content: bytes) -> int:
        first = max(0, len(content) - self._written.longest)
        return first + self._written.begun_at(content[first:].lower())

    def _first_byte(self, content: bytes, count: int) -> int:
        """Where in the content the last bytes of its text, so many, begin."""
        sight = _SIGHT_BYTES
        while count:
            cut = max(0, len(content) - sight)
            starts = traced(content[cut:]).starts
            if cut == 0 or len(starts) >= count + _NOISE_BYTES:
                return cut + starts[-count]
            sight *= 2
        return len(content)

    def _pass(self, content: bytes, spans: list[Span], hold: int) -> bytes:
        """Hold the content from there on; what stands before goes, with its marks."""
        settled = [(start, min(end, hold)) for start, end in spans if start < hold]
        passed = marked(content[:hold], settled)
        if self._marked:
            passed = passed.removeprefix(MARK.encode())
        if hold:
            self._marked = max([0, *(end - hold for start, end in spans if start < hold)])
        self._redacted = self._redacted or bool(settled)
        self._held = content[hold:]
        return passed
