"""Everything that crosses a boundary, and only that. Importing it fills the catalogue."""

from stack_local.wire import (
    access,
    agents,
    audit,
    connecting,
    consents,
    credentials,
    decisions,
    intents,
    keys,
    passports,
    policy,
    proposals,
    proxy,
    services,
    tools,
    vault,
)

__all__ = [
    "access",
    "agents",
    "audit",
    "connecting",
    "consents",
    "credentials",
    "decisions",
    "intents",
    "keys",
    "passports",
    "policy",
    "proposals",
    "proxy",
    "services",
    "tools",
    "vault",
]
