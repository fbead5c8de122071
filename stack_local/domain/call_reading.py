"""One call as rules compare it: each field has one value, or is unclear where two readers could find two."""

import re
from collections import Counter
from functools import cached_property
from urllib.parse import unquote_plus

from stack_local.domain.call_fields import (
    ABSENT,
    MAX_FORM_FIELDS,
    Absent,
    at,
    body_tree,
    is_form,
    plain_path,
    read_field,
)
from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json


class Reading:
    """Reads a call's body once, however many rules look at it: a long one takes its time."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._spellings: dict[int, Counter[str]] = {}

    def seen(self, path: str) -> Json | Absent:
        """The value at a path; what is unclear counts as absent."""
        if self.is_unclear(path):
            return ABSENT
        head, _, rest = path.partition(".")
        if path == "url.pathname":
            plain = plain_path(self._call.url.raw_path) or ""
            return plain.rstrip("/") or "/"
        if head == "body":
            return self._in_body(rest)
        return read_field(self._call, path)

    def is_unclear(self, path: str) -> bool:
        """Whether two readers could find different values there, or nobody has read it."""
        head, _, rest = path.partition(".")
        if path == "url.pathname":
            return plain_path(self._call.url.raw_path) is None
        if head == "query":
            return _is_doubtful(self._call.url.raw_query or "", (rest,))
        return head == "body" and self._is_body_unclear(rest)

    def _is_body_unclear(self, path: str) -> bool:
        if self._call.is_streamed:
            return True
        if not self._call.body:
            return False
        if isinstance(self._tree, Absent):
            return True
        if not path:
            return False
        if is_form(self._call):
            return _is_doubtful(self._call.body.decode("ascii"), (path, _bracketed(path)))
        return not self._is_spelled_one_way(path)

    @cached_property
    def _tree(self) -> Json | Absent:
        return body_tree(self._call)

    def _in_body(self, path: str) -> Json | Absent:
        if not self._call.body or isinstance(self._tree, Absent):
            return ABSENT
        return at(self._tree, path, is_form=is_form(self._call)) if path else self._tree

    def _is_spelled_one_way(self, path: str) -> bool:
        """Whether no member on the way has a twin in other capitals: some readers take either for the other."""
        tree: Json | Absent = ABSENT if isinstance(self._tree, Absent) else self._tree
        for part in path.split("."):
            if isinstance(tree, dict) and self._spelled(tree)[part.lower()] != (part in tree):
                return False
            tree = ABSENT if isinstance(tree, Absent) else at(tree, part)
        return True

    def _spelled(self, members: dict[str, Json]) -> Counter[str]:
        # The tree lives as long as this object, so that an id stands for one object of it.
        if id(members) not in self._spellings:
            self._spellings[id(members)] = Counter(name.lower() for name in members)
        return self._spellings[id(members)]


def _bracketed(path: str) -> str:
    """`a.b` as a form spells it: `a[b]`."""
    first, *others = path.split(".")
    return first + "".join(f"[{part}]" for part in others)


def _is_doubtful(encoded: str, spellings: tuple[str, ...]) -> bool:
    """Whether a name stands there otherwise than once and exactly: twice, in capitals, as `name[]`, by a `;`."""
    if encoded.count("&") + encoded.count(";") >= MAX_FORM_FIELDS:
        return True
    names = [unquote_plus(pair.partition("=")[0]) for pair in re.split("[&;]", encoded)]
    wanted = {spelling.lower() for spelling in spellings}
    alike = [name for name in names if {name.strip().lower(), name.strip().lower().partition("[")[0]} & wanted]
    return len(alike) > 1 or any(name not in spellings for name in alike) or (bool(alike) and ";" in encoded)
