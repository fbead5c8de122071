"""What is searched for in a text: any of many forms, whole or begun at its end."""

import re
from collections.abc import Iterable

from stack_local.patterns import any_of

Span = tuple[int, int]
"""From where to where something stands in a text; the end is the first byte after it."""

MARK = "[redacted]"
"""What stands in the place of a secret."""

_HEAD_BYTES = 8
"""By so many of its bytes a form is looked for; only where they stand it is compared as a whole."""

_LEAD_BYTES = 3
"""A form that is begun is found by so many of its bytes, or by fewer at the very end."""


class Needles:
    """Forms in small letters. One pass finds the heads of all of them, and nearly every text has none."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = sorted(set(forms), key=lambda form: (-len(form), form))
        # Where a longer form is, a shorter one that is part of it is too, if only further in front.
        telling = [form for form in self._forms if not any(part in form for part in self._forms if part != form)]
        self._find_head = any_of({form[:_HEAD_BYTES] for form in telling})
        self._find_lead = any_of({form[:_LEAD_BYTES] for form in self._forms})
        self._ends = [tuple({form[:size] for form in self._forms}) for size in range(_LEAD_BYTES)]
        self.longest = max(map(len, self._forms), default=0)

    def are_in(self, text: bytes, *, after: int = 0) -> bool:
        """Whether one of them stands in the text and ends behind its first bytes."""
        if self._find_head(text, max(0, after - self.longest + 1)) < 0:
            return False
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
        at = self._find_lead(text, max(0, len(text) - self.longest + 1))
        while at >= 0:
            rest = text[at:]
            if any(form.startswith(rest) and len(form) > len(rest) for form in self._forms):
                return at
            at = self._find_lead(text, at + 1)
        for size in range(min(_LEAD_BYTES - 1, len(text)), 0, -1):
            if text.endswith(self._ends[size]):
                return len(text) - size
        return len(text)


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
