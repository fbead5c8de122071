"""Searches whose time is linear in the text whatever is searched for: RE2."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache

import re2  # type: ignore[import-untyped]  # it ships no types

from stack_local.domain.constraints import MAX_PATTERN_CHARACTERS, Matches
from stack_local.domain.errors import InvalidRequest

PROGRAM_BYTES = 256 * 1024
"""Memory of one compiled pattern."""

COMPILED = 512
"""Patterns kept compiled."""


Finds = Callable[[bytes, int], int]
"""From a text and a place in it to the first place, from there on, where something stands; -1 if there is none."""


def any_of(parts: Collection[bytes]) -> Finds:
    """Finds the first of these byte strings: in one pass, however many there are."""
    if not parts:
        return lambda text, at: -1
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    program = re2.compile(b"|".join(map(re.escape, sorted(parts))), options)

    def find(text: bytes, at: int) -> int:
        found = program.search(text, at)
        return -1 if found is None else found.start()

    return find


@lru_cache(maxsize=COMPILED)
def compiled(pattern: str) -> Matches:
    """Whether a text matches, as a whole, a pattern that somebody else wrote.

    Raises:
        InvalidRequest: it is too long, or not in RE2's syntax.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise InvalidRequest(
            "the pattern is too long", field="value", rule=f"at most {MAX_PATTERN_CHARACTERS} characters"
        )
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    options.max_mem = PROGRAM_BYTES
    try:
        program = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        raise InvalidRequest(
            "the pattern is not one we can run",
            field="value",
            rule="RE2 syntax",
            hint="no look-around and no back-references: see github.com/google/re2/wiki/Syntax",
        ) from None
    return lambda text: program.fullmatch(text) is not None
