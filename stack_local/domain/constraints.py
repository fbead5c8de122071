"""Constraints on a call: `{path, op, value}`, all of which must hold (product.md 5.3). They only ever tighten."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from stack_local.domain.call_fields import ABSENT, Absent, check_path, plain_path, read_field
from stack_local.domain.calls import Call
from stack_local.domain.canonical import Json, write_json
from stack_local.domain.errors import InvalidRequest

MAX_CONSTRAINTS = 32
"""Per connection, on a grant and on each passport."""

MAX_PATTERN_CHARACTERS = 256
MAX_VALUES = 64
"""Members of a list for `in` and `not_in`."""

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

    def holds(self, call: Call) -> bool:
        """Whether the call passes."""
        seen = seen_by(call, self.path)
        if isinstance(seen, Absent):
            return False
        match self.op:
            case Op.EQ:
                return _same(seen, self.value)
            case Op.NOT_EQ:
                return not _same(seen, self.value)
            case Op.IN:
                return any(_same(seen, one) for one in _members(self.value))
            case Op.NOT_IN:
                return not any(_same(seen, one) for one in _members(self.value))
            case Op.STARTS_WITH:
                return isinstance(seen, str) and isinstance(self.value, str) and seen.startswith(self.value)
            case Op.MATCHES:
                return isinstance(seen, str) and self.matches is not None and self.matches(seen)


def seen_by(call: Call, path: str) -> Json | Absent:
    """The value that a constraint compares; a path that two readers could understand differently counts as absent."""
    if path == "url.pathname":
        plain = plain_path(call.url.raw_path)
        return ABSENT if plain is None else plain.rstrip("/") or "/"
    if path.partition(".")[0] == "body" and call.is_streamed:
        return ABSENT
    return read_field(call, path)


def first_broken(constraints: Iterable[Constraint], call: Call) -> Constraint | None:
    """The first one that the call does not pass."""
    return next((one for one in constraints if not one.holds(call)), None)


def shown(call: Call, path: str) -> str:
    """What was seen, cut short; a body's or a header's value only by its kind, for it may hold anything."""
    seen = seen_by(call, path)
    if isinstance(seen, Absent):
        return "(none)"
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
    is_list = isinstance(constraint.value, list)
    if constraint.op in (Op.IN, Op.NOT_IN) and (not is_list or not 0 < len(_members(constraint.value)) <= MAX_VALUES):
        raise InvalidRequest("the value is not a list", field="value", rule=f"a list of 1 to {MAX_VALUES} values")
    if constraint.op in (Op.MATCHES, Op.STARTS_WITH) and not isinstance(constraint.value, str):
        raise InvalidRequest("the value is not a text", field="value", rule="a text for matches and starts_with")
    is_text = constraint.path == "method" or constraint.path.partition(".")[0] in ("url", "headers", "query")
    values = _members(constraint.value) if is_list else [constraint.value]
    if is_text and not all(isinstance(value, str) for value in values):
        raise InvalidRequest(
            f"{constraint.path} is always a text", field="value", rule="texts", hint='write a number as "10"'
        )
    if constraint.path == "method" and any(value != str(value).upper() for value in values):
        raise InvalidRequest("a method is in capitals", field="value", rule="GET, POST, …")


def _members(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _same(seen: Json, wanted: Json) -> bool:
    """Equal as JSON: true is not 1, and a text is not a number."""
    if isinstance(seen, bool) or isinstance(wanted, bool):
        return seen is wanted
    return seen == wanted
