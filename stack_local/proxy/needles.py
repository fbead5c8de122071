"""What is searched for in a text: any of many forms, whole or begun at its end."""

import re
from collections.abc import Iterable

Span = tuple[int, int]
"""From where to where something stands in a text; the end is the first byte after it."""

MARK = "[redacted]"
"""What stands in the place of a secret."""

_LEAD_BYTES = 3
"""A form that is begun is found by so many of its bytes, or by fewer at the very end."""


class Needles:
    """Forms in small letters. Each is found by a plain search of its own, which is fast in C."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = sorted(set(forms), key=lambda form: (-len(form), form))
        # Where a longer form is, a shorter one that is part of it is too, if only further in front.
        self._telling = [form for form in self._forms if not any(part in form for part in self._forms if part != form)]
        self._ends = [tuple({form[:size] for form in self._forms}) for size in range(_LEAD_BYTES)]
        self.longest = max(map(len, self._forms), default=0)

    def are_in(self, text: bytes, *, after: int = 0) -> bool:
        """Whether one of them stands in the text and ends behind its first bytes."""
        if not after:
            return any(form in text for form in self._telling)
        return any(text.find(form, max(0, after - len(form) + 1)) >= 0 for form in self._forms)

    def spans(self, text: bytes, *, after: int = 0) -> list[Span]:
        """Where they stand and end behind the text's first bytes, in order; those that overlap are one."""
        if not self.are_in(text, after=after):
            return []
        # The longest first: at one place it is the one that is taken.
        pattern = re.compile(b"|".join(re.escape(form) for form in self._forms if form in text))
        found: list[Span] = []
        match = pattern.search(text, max(0, after - self.longest + 1))
        while match is not None:
            start, end = match.span()
            if end > after:
                found.append((start, end))
            match = pattern.search(text, start + 1)
        return joined(found)

    def begun_at(self, text: bytes) -> int:
        """Where the longest end of the text begins that more text may make one of them; its length if there is none."""
        begun = len(text)
        for size in range(1, min(_LEAD_BYTES, len(text) + 1)):
            if text.endswith(self._ends[size]):
                begun = len(text) - size
        for form in self._forms:
            lead = form[:_LEAD_BYTES]
            at = text.find(lead, max(0, len(text) - len(form) + 1))
            while 0 <= at < begun:
                if form.startswith(text[at:]):
                    begun = at
                at = text.find(lead, at + 1)
        return begun


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, each two that overlap as one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def marked(content: bytes, spans: Iterable[Span]) -> bytes:
    """The content with the mark in the place of each span."""
    parts, at = [], 0
    for start, end in spans:
        parts += [content[at:start], MARK.encode()]
        at = end
    return b"".join([*parts, content[at:]])
