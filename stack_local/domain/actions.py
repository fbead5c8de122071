"""What a service's calls do: which read and which write, under which name, and in which words a person is asked."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from stack_local.domain.call_fields import ABSENT, Absent, body_tree, is_form, plain_path, read_field
from stack_local.domain.calls import READING_METHODS, Call
from stack_local.domain.canonical import Json, write_json
from stack_local.domain.graphql import only_reads

MAX_SHOWN = 120
"""Characters of one value in a summary."""

_WHOLE_CURRENCIES = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "JPY",
    "KMF",
    "KRW",
    "MGA",
    "PYG",
    "RWF",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")

MINOR_DIGITS = {**dict.fromkeys(_WHOLE_CURRENCIES, 0), **dict.fromkeys(_THOUSANDTHS, 3)}
"""Digits behind the point, where they are not two (ISO 4217)."""

UNSETTLED_MINOR_DIGITS = frozenset({"ISK", "UGX"})
"""Whole in ISO 4217, but services that counted hundredths before still do (https://docs.stripe.com/currencies)."""

PLACEHOLDER = re.compile(r"\{([a-zA-Z0-9_.\-]+)(?:\|(money):([a-zA-Z0-9_.\-]+))?\}")
"""A value in a summary: `{body.text}`, or `{body.amount|money:body.currency}` for an amount in minor units."""

_CURRENCY = re.compile(r"[A-Za-z]{3}")
_WHOLE = re.compile(r"[0-9]{1,15}")

OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
"""A part of a summary that is said only where the call has its values: `Create customer[ {body.name}]`."""


class Effect(StrEnum):
    """What a call does at the service."""

    READ = "read"
    WRITE = "write"
    GRAPHQL = "graphql"
    """What its document says: queries read, everything else writes."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """`/repos/{owner}/{repo}/issues`: a name in braces is one segment, `{rest...}` at the end is what remains."""

    text: str

    def match(self, path: str) -> dict[str, str] | None:
        """The named segments of a path, or None."""
        found = _compiled(self.text).fullmatch(path)
        return None if found is None else found.groupdict()


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[a-z_][a-z0-9_]*(?:\.\.\.)?\})", text)
    return re.compile("".join(_part(part) for part in parts), re.DOTALL)


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part[1:-1]
    return f"(?P<{name[:-3]}>.+)" if name.endswith("...") else f"(?P<{name}>[^/]+)"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done at a service."""

    name: str
    """After the provider's slug it is the named intent: `refunds:create` is `stripe:refunds:create`."""
    method: str
    path: PathPattern
    effect: Effect
    summary: str | None = None
    host: str | None = None
    """On this host alone, where paths of several hosts would be mixed up."""

    def match(self, call: Call, path: str) -> dict[str, str] | None:
        """The named segments where the call is this action."""
        if call.method != self.method or (self.host is not None and call.url.host != self.host):
            return None
        return self.path.match(path)


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What the law reads of a service's template."""

    version: str = ""
    """SHA-256 of the template; empty for a custom service."""
    actions: tuple[Action, ...] = ()
    methods_decide: bool = True
    """Whether GET and HEAD read where no action says so; not where a service writes by GET."""
    headers: frozenset[str] = field(default_factory=frozenset)
    """What an agent may set besides what any agent may."""
    default_headers: tuple[tuple[str, str], ...] = ()
    idempotency_header: str | None = None
    """Where the service takes an operation id, so that it too makes a write once."""
    request_id_header: str | None = None
    object_id: str | None = None
    """Dotted path of the id of what a write made."""

    def action_of(self, call: Call) -> tuple[Action, dict[str, str]] | None:
        """The first action that the call is, with the segments of its path."""
        path = plain_path(call.url.raw_path)
        if path is None:
            return None
        for action in self.actions:
            segments = action.match(call, path)
            if segments is not None:
                return action, segments
        return None

    def effect_of(self, call: Call) -> Effect:
        """Whether the call reads or writes; what cannot be told writes."""
        found = self.action_of(call) if self.actions else None
        if found is not None:
            return _settled(found[0].effect, call)
        may_read = self.methods_decide and call.method in READING_METHODS and self._is_told_by_method(call)
        return Effect.READ if may_read else Effect.WRITE

    def _is_told_by_method(self, call: Call) -> bool:
        """Whether the path hides nothing: it is plain, and none that answers GraphQL by another method."""
        if not self.actions:
            return True
        path = plain_path(call.url.raw_path)
        if path is None:
            return False
        graphql = (action for action in self.actions if action.effect is Effect.GRAPHQL)
        return all(action.path.match(path) is None for action in graphql)

    def reads_body_of(self, call: Call) -> bool:
        """Whether it is the call's body that says what it does."""
        found = self.action_of(call) if self.actions else None
        return found is not None and found[0].effect is Effect.GRAPHQL

    def summary_of(self, call: Call) -> str | None:
        """The call in one sentence, where its action has one."""
        found = self.action_of(call)
        if found is None or found[0].summary is None:
            return None
        return summarize(found[0].summary, call, found[1])


CUSTOM = ServiceRules()
"""A service without a template: GET and HEAD read, everything else writes (house decision 4)."""


def _settled(effect: Effect, call: Call) -> Effect:
    if effect is Effect.READ:
        return Effect.WRITE if _overrides_method(call) else effect
    if effect is Effect.WRITE:
        return effect
    tree = _graphql_request(call)
    return Effect.READ if not isinstance(tree, Absent) and only_reads(tree) else Effect.WRITE


def _overrides_method(call: Call) -> bool:
    """Whether the body names another method, as some servers obey; in the URL it is refused before."""
    if call.body is None:
        return False
    escape = b"\\u" if call.is_json else b"%"
    if b"_method" not in call.body.lower() and escape not in call.body:
        return False
    if not call.is_json and not is_form(call):
        return True
    tree = body_tree(call)
    names = tree if isinstance(tree, dict) else ()
    return isinstance(tree, Absent) or any(name.lower().partition("[")[0] == "_method" for name in names)


def _graphql_request(call: Call) -> Json | Absent:
    """The request where it stands in one place: some servers prefer a document in the URL to the one in the body."""
    if call.body is not None:
        return ABSENT if call.url.raw_query else body_tree(call)
    document = read_field(call, "query.query")
    return ABSENT if isinstance(document, Absent) or call.method not in READING_METHODS else {"query": document}


def summarize(sentence: str, call: Call, segments: dict[str, str]) -> str:
    """The sentence with the call's own values in it.

    What the call does not have is shown as `(none)`; an optional part is left out where one of its values is missing.
    """

    def filled(match: re.Match[str]) -> str:
        value = _value(match[1], call, segments)
        if match[2] == "money":
            return _money(value, _value(match[3], call, segments))
        return _shown(value)

    def said(part: re.Match[str]) -> str:
        values = (_value(name[1], call, segments) for name in PLACEHOLDER.finditer(part[1]))
        return part[1] if all(not isinstance(value, Absent) and value is not None for value in values) else ""

    # The optional parts go first: what a value says is never read as a part.
    return PLACEHOLDER.sub(filled, OPTIONAL.sub(said, sentence))


def _value(path: str, call: Call, segments: dict[str, str]) -> Json | Absent:
    if path.startswith("path."):
        return segments.get(path.removeprefix("path."), ABSENT)
    return read_field(call, path)


def _shown(value: Json | Absent) -> str:
    if isinstance(value, Absent) or value is None:
        return "(none)"
    text = value if isinstance(value, str) else write_json(value).decode()
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _money(amount: Json | Absent, currency: Json | Absent) -> str:
    """An amount in the currency's minor unit, as people write it; as it stands where that cannot be told."""
    if isinstance(amount, Absent) or amount is None:
        return _shown(amount)
    text = str(amount) if isinstance(amount, int) and not isinstance(amount, bool) else _shown(amount)
    if isinstance(currency, Absent) or currency is None:
        return f"{text} in minor units"
    unit = _shown(currency)
    if not _CURRENCY.fullmatch(unit) or unit.upper() in UNSETTLED_MINOR_DIGITS or not _WHOLE.fullmatch(text):
        return f"{text} {unit} in minor units"
    digits = MINOR_DIGITS.get(unit.upper(), 2)
    whole, rest = divmod(int(text), 10**digits)
    return f"{whole}.{rest:0{digits}} {unit.upper()}" if digits else f"{whole} {unit.upper()}"
