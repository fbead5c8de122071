"""Taking every echo of a credential out of an answer that comes in pieces, and keeping no piece longer than it must."""

from collections.abc import Sequence

from stack_local.proxy.echoes import SHORTEST
from stack_local.proxy.needles import MARK, Needles, Span, joined, marked
from stack_local.proxy.views import UNESCAPED, View, is_plain

HELD_FORMS = 4
"""What is held back is at most this many times as long as the longest form; more than that is padding."""

_SIGHT_BYTES = 256
"""How far from the end of the content it is looked first where something begins in it."""

_NOISE_BYTES = 64
"""What an escape that is cut in two makes, undone, at most."""

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n")
"""What ends a server-sent event (WHATWG HTML, 9.2)."""


class StreamScrubber:
    """Finds secrets in one answer, wherever it is cut: one stage for each way of reading, each of what the last gave.

    What may be the beginning of a form is held back. Two beginnings go out all the same, so that events flow and memory
    is bounded: one of fewer than SHORTEST characters before the end of an event, and one before very much padding, as a
    mark if it is longer. Both are remembered: once the form is whole, the rest of it is taken out.
    """

    def __init__(self, stages: Sequence["Stage"]) -> None:
        self._stages = stages

    @property
    def redacted(self) -> bool:
        """Whether a secret was there."""
        return any(stage.redacted for stage in self._stages)

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece; what may be passed on now."""
        for stage in self._stages:
            piece = stage.feed(piece)
        return piece

    def end(self) -> bytes:
        """What is left when the answer is over."""
        rest = b""
        for stage in self._stages:
            rest = stage.feed(rest) + stage.end()
        return rest


class Stage:
    """Finds needles in one view of a stream."""

    def __init__(self, needles: Needles, view: View) -> None:
        self._needles = needles
        self._view = view
        self._most_held = HELD_FORMS * needles.longest + _SIGHT_BYTES
        self._held = b""
        self._marked = 0
        """So many of the held bytes belong to a secret whose mark went out."""
        self._gone = b""
        """The text of what went out and may still be the beginning of a form."""
        self.redacted = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece; what may be passed on now."""
        content = self._held + piece
        whole = self._view.whole_bytes(content)
        text = self._gone + self._view.text(content[:whole])
        spans = self._spans(content, whole, text)
        begun = self._begun_at(text)
        if begun == len(text):
            self._gone = b""
            return self._pass(content, spans, whole)
        first = self._first_byte(content[:whole], len(text) - max(begun, len(self._gone)))
        is_short = len(text) - begun < SHORTEST
        is_padding = len(content) - first > self._most_held
        if is_padding or (is_short and content.endswith(_EVENT_ENDS)):
            self._gone = text[begun:]
            return self._pass(content, spans if is_short else joined([*spans, (first, whole)]), whole)
        self._gone = text[begun : len(self._gone)]
        return self._pass(content, spans, first)

    def end(self) -> bytes:
        """What is left when the answer is over."""
        content = self._held
        spans = self._spans(content, len(content), self._gone + self._view.text(content))
        return self._pass(content, spans, len(content))

    def _spans(self, content: bytes, whole: int, text: bytes) -> list[Span]:
        """Where in the content secrets stand, and in front what remains of one that is marked."""
        spans = [(0, self._marked)] if self._marked else []
        before = len(self._gone)
        if self._view is UNESCAPED and not before and is_plain(content):
            return spans  # the stage before has read the same
        found = self._needles.spans(text, after=before)
        if found:
            trace = self._view.traced(content[:whole])
            spans += [(trace.starts[max(0, start - before)], trace.ends[end - before - 1]) for start, end in found]
        return joined(spans)

    def _begun_at(self, text: bytes) -> int:
        """Where in the text a form may begin that is not whole yet."""
        stem = self._view.stem(text)
        begun, begun_before = self._needles.begun_at(text), self._needles.begun_at(stem)
        return begun if begun_before == len(stem) else min(begun, begun_before)

    def _first_byte(self, content: bytes, count: int) -> int:
        """Where in the content the last bytes of its text, so many, begin."""
        sight = _SIGHT_BYTES
        while count:
            cut = max(0, len(content) - sight)
            starts = self._view.traced(content[cut:]).starts
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
        self.redacted = self.redacted or bool(settled)
        self._held = content[hold:]
        return passed
