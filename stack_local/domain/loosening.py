"""House decision 3: which changes loosen a control. A key or passport that asks for one gets a pending decision."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

Rule = Callable[[Mapping[str, object], Mapping[str, object]], tuple[str, ...]]
"""`(current, wanted) → the fields that loosen`; empty means the change only tightens or is neutral."""

_FROM_STRICT_TO_LOOSE: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "accountability_mode": ("enforced", "logged", "standard"),
        "credential_access": ("proxy_only", "proxy_preferred", "direct"),
        "approvals": ("always", "writes", "observe", "never"),
        "on_warning": ("block", "notify"),
        "on_critical": ("block", "notify"),
        "status": ("suspended", "active"),
    }
)

DEFAULT_AGENT: Mapping[str, object] = MappingProxyType(
    {
        "accountability_mode": "enforced",
        "credential_access": "proxy_only",
        "approvals": "writes",
        "on_warning": "notify",
        "on_critical": "notify",
        "status": "active",
    }
)
"""What a new agent is unless its registration says otherwise."""


def agent_controls(current: Mapping[str, object], wanted: Mapping[str, object]) -> tuple[str, ...]:
    """Fields of an agent that would become weaker than they are (or, at registration, than the default)."""
    return tuple(
        name
        for name, order in _FROM_STRICT_TO_LOOSE.items()
        if wanted.get(name) is not None and order.index(str(wanted[name])) > order.index(str(current[name]))
    )


def always(current: Mapping[str, object], wanted: Mapping[str, object]) -> tuple[str, ...]:
    """A change that loosens whatever its fields: connecting, granting, binding a host, unblocking."""
    return ("*",)


A_PERSON_ONLY = frozenset({"credential_access"})
"""What an `admin` key may not loosen either: a credential is shown to an agent that a person set to direct."""

RULES: Mapping[str, Rule] = MappingProxyType({"agent_controls": agent_controls, "always": always})
"""The rules by the name an operation states in `loosens=`."""
