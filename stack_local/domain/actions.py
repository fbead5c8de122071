"""What a service's calls do: which read and which write, under which name, and in which words a person is asked."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from stack_local.domain.call_fields import ABSENT, Absent, body_tree, plain_path, read_field
from stack_local.domain.calls import READING_METHODS, Call
from stack_local.domain.canonical import Json, write_json
from stack_local.domain.graphql import only_reads

MAX_SHOWN = 120
"""Characters of one value in a summary."""

NO_MINOR_UNIT = frozenset({"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV"})
"""Currencies that are counted whole; together with XAF, XOF and XPF, which begin with X (ISO 4217)."""

PLACEHOLDER = re.compile(r"\{([a-zA-Z0-9_.\-\[\]]+)(?:\|(money):([a-zA-Z0-9_.\-]+))?\}")
"""A value in a summary: `{body.text}`, or `{body.amount|money:body.currency}` for an amount in minor units."""


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
    return re.compile("".join(_part(part) for part in parts))


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
        is_plain = self.methods_decide and (not self.actions or plain_path(call.url.raw_path) is not None)
        return Effect.READ if is_plain and call.method in READING_METHODS else Effect.WRITE

    def reads_body_of(self, call: Call) -> bool:
        """Whether it is the call's body that says what it does."""
        found = self.action_of(call) if self.actions else None
        return found is not None and found[0].effect is Effect.GRAPHQL

    def summary_of(self, call: Call) -> str | None:
        """The call in one sentence, where its action has one."""
        found = self.action_of(call)
        if found is None or found[0].summary is None:
            return None
        action, segments = found
        return summarize(found[0].summary, call, segments) if action.summary else None


CUSTOM = ServiceRules()
"""A service without a template: GET and HEAD read, everything else writes (house decision 4)."""


def _settled(effect: Effect, call: Call) -> Effect:
    if effect is not Effect.GRAPHQL:
        return effect
    tree = body_tree(call) if call.method == "POST" else _query_tree(call)
    return Effect.READ if not isinstance(tree, Absent) and only_reads(tree) else Effect.WRITE


def _query_tree(call: Call) -> Json | Absent:
    document = read_field(call, "query.query")
    return ABSENT if isinstance(document, Absent) else {"query": document}


def summarize(sentence: str, call: Call, segments: dict[str, str]) -> str:
    """The sentence with the call's own values in it; what the call does not have is shown as `(none)`."""

    def filled(match: re.Match[str]) -> str:
        value = _value(match[1], call, segments)
        if match[2] == "money":
            return _money(value, _value(match[3], call, segments))
        return _shown(value)

    return PLACEHOLDER.sub(filled, sentence)


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
    """An amount in the currency's minor unit, as people write it; as it stands where it is no whole number."""
    unit = _shown(currency).upper()
    text = str(amount) if isinstance(amount, int) and not isinstance(amount, bool) else _shown(amount)
    if not re.fullmatch(r"[0-9]{1,15}", text):
        return f"{text} {unit}"
    if unit in NO_MINOR_UNIT or unit in ("XAF", "XOF", "XPF"):
        return f"{int(text)} {unit}"
    return f"{int(text) // 100}.{int(text) % 100:02} {unit}"
