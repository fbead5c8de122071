"""One handler per operation. Importing it binds them all."""

from stack_local.operations import (
    access,
    agents,
    audit,
    consents,
    credentials,
    decisions,
    intents,
    keys,
    passports,
    proxy,
    services,
    tools,
    vault,
    verifying,
)

__all__ = [
    "access",
    "agents",
    "audit",
    "consents",
    "credentials",
    "decisions",
    "intents",
    "keys",
    "passports",
    "proxy",
    "services",
    "tools",
    "vault",
    "verifying",
]
