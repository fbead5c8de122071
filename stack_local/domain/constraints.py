"""Constraints on a call: `{path, op, value}`, all of which must hold (product.md 5.3). They only ever tighten."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from stack_local.domain.call_fields import Absent, check_path
from stack_local.domain.call_reading import Reading
from stack_local.domain.canonical import MAX_NUMBER_CHARACTERS, Json, read_json, write_json
from stack_local.domain.errors import InvalidRequest

MAX_CONSTRAINTS = 32
"""Per connection, on a grant and on each passport."""

MAX_PATTERN_CHARACTERS = 256
MAX_VALUES = 64
"""Members of a list for `in` and `not_in`."""

MAX_VALUE_BYTES = 8192
"""Of a value, written as JSON."""

MAX_SEEN = 80
"""Characters of a value as a denial shows it."""

Matches = Callable[[str], bool]
"""Whether a text matches a pattern as a whole."""


class Op(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NOT_EQ = "not_eq"
    IN = "in"
    NOT_IN = "not_in"
    MATCHES = "matches"
    STARTS_WITH = "starts_with"


_NEGATIVE = frozenset({Op.NOT_EQ, Op.NOT_IN})


@dataclass(frozen=True, slots=True)
class Constraint:
    """One comparison. A field that the call does not have, or that nobody has seen, fails it whatever the operator."""

    path: str
    op: Op
    value: Json
    matches: Matches | None = field(default=None, compare=False, repr=False)
    """The compiled pattern of `matches`: linear in the text (RE2), handed in."""

    @property
    def text(self) -> str:
        """In words a person and an agent read."""
        return f"{self.path} {self.op.replace('_', ' ')} {write_json(self.value).decode()}"

    def holds(self, call: Reading) -> bool:
        """Whether the call passes for certain: also for a service that takes `"5"` for 5, or a list of one for it."""
        seen = call.seen(self.path)
        if isinstance(seen, Absent):
            return False
        return not self._names(_taken_for(seen)) if self.op in _NEGATIVE else self._names([seen])

    def may_hold(self, call: Reading) -> bool:
        """Whether some reader of the call could find that it holds: what tightens goes by that."""
        seen = call.seen(self.path)
        if isinstance(seen, Absent):
            return self.op in _NEGATIVE or call.is_unclear(self.path)
        return not self._names([seen]) if self.op in _NEGATIVE else self._names(_taken_for(seen))

    def _names(self, found: list[Json]) -> bool:
        """Whether one of these is what the value names."""
        match self.op:
            case Op.EQ | Op.NOT_EQ:
                return any(_same(one, self.value) for one in found)
            case Op.IN | Op.NOT_IN:
                return any(_same(one, named) for one in found for named in _members(self.value))
            case Op.STARTS_WITH:
                start = self.value
                return isinstance(start, str) and any(isinstance(one, str) and one.startswith(start) for one in found)
            case Op.MATCHES:
                matches = self.matches
                return matches is not None and any(isinstance(one, str) and matches(one) for one in found)


def first_broken(constraints: Iterable[Constraint], call: Reading) -> Constraint | None:
    """The first one that the call does not pass."""
    return next((one for one in constraints if not one.holds(call)), None)


def shown(call: Reading, path: str) -> str:
    """What was seen, cut short; a body's or a header's value only by its kind, for it may hold anything."""
    seen = call.seen(path)
    if isinstance(seen, Absent):
        return "(unclear)" if call.is_unclear(path) else "(none)"
    if path.partition(".")[0] in ("body", "headers", "query"):
        return f"({_KINDS.get(type(seen), 'a value')})"
    return str(seen)[:MAX_SEEN]


_KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def check(constraint: Constraint) -> None:
    """Refuse one that could never be what its author meant.

    Raises:
        InvalidRequest: the path names nothing, or the value does not fit the operator.
    """
    check_path(constraint.path)
    _check_length(constraint.value)
    named = _members(constraint.value) if constraint.op in (Op.IN, Op.NOT_IN) else [constraint.value]
    if constraint.op in (Op.IN, Op.NOT_IN) and not 0 < len(named) <= MAX_VALUES:
        raise InvalidRequest("the value is not a list", field="value", rule=f"a list of 1 to {MAX_VALUES} values")
    if constraint.op in (Op.MATCHES, Op.STARTS_WITH) and not isinstance(constraint.value, str):
        raise InvalidRequest("the value is not a text", field="value", rule="a text for matches and starts_with")
    is_text = constraint.path == "method" or constraint.path.partition(".")[0] in ("url", "headers", "query")
    if is_text and not all(isinstance(value, str) for value in named):
        raise InvalidRequest(
            f"{constraint.path} is always a text", field="value", rule="texts", hint='write a number as "10"'
        )
    if constraint.path == "method" and any(value != str(value).upper() for value in named):
        raise InvalidRequest("a method is in capitals", field="value", rule="GET, POST, …")


def _check_length(value: Json) -> None:
    try:
        written = write_json(value)
    except (ValueError, RecursionError):
        raise InvalidRequest("the value cannot be written as JSON", field="value", rule="JSON") from None
    if len(written) > MAX_VALUE_BYTES:
        raise InvalidRequest("the value is too long", field="value", rule=f"at most {MAX_VALUE_BYTES} bytes as JSON")


def _members(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _same(seen: Json, wanted: Json) -> bool:
    """Equal as JSON, at every depth: true is not 1, and a text is not a number."""
    if isinstance(seen, list) and isinstance(wanted, list):
        return len(seen) == len(wanted) and all(map(_same, seen, wanted))
    if isinstance(seen, dict) and isinstance(wanted, dict):
        return seen.keys() == wanted.keys() and all(_same(seen[name], wanted[name]) for name in seen)
    if isinstance(seen, bool) or isinstance(wanted, bool):
        return seen is wanted
    return seen == wanted


def _taken_for(seen: Json) -> list[Json]:
    """What a lenient service may take a value for: a list for each of its members, a text for the number it spells."""
    listed = [seen, *_members(seen)]
    return [*listed, *(other for one in listed for other in _spelled_otherwise(one))]


def _spelled_otherwise(value: Json) -> list[Json]:
    if isinstance(value, dict | list):
        return []
    if not isinstance(value, str):
        return [write_json(value).decode()]
    if len(value) > MAX_NUMBER_CHARACTERS:
        return []
    try:
        return [read_json(value.encode())]
    except InvalidRequest:
        return []
