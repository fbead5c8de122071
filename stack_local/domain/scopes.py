"""Our own scopes: what a bearer may ask of the appliance, and the presets of API keys (house decision 2)."""

DESCRIPTIONS = {
    "agents:read": "see agents and what they may reach",
    "agents:write": "register, change and delete agents",
    "services:read": "see which services are connected",
    "services:write": "connect and disconnect services, and grant them to agents",
    "credentials:read": "see which credentials exist",
    "credentials:reveal": "read a credential, where a person set the agent to direct",
    "passports:read": "see passports and their reports",
    "passports:write": "issue, refresh, delegate and revoke passports",
    "intents:read": "see submitted intents and their decisions",
    "intents:write": "simulate and submit intents",
    "intents:reject": "reject what agents ask",
    "intents:decide": "approve what agents ask, or send it back",
    "proxy:write": "make calls through the proxy",
    "scan:write": "have contents scanned for planted instructions",
    "audit:read": "read and verify the audit log",
    "governance:decide": "approve changes that loosen a control",
    "clients:read": "see which OAuth clients were let in",
    "clients:write": "end what an OAuth client was allowed",
    "clients:decide": "let an OAuth client in, or refuse it",
    "keys:read": "see which API keys exist",
    "keys:write": "mint and revoke API keys",
    "vault:write": "lock and seal the vault",
}
"""Every scope with its words for the consent page and the help."""

ALL = frozenset(DESCRIPTIONS)

PERSON_ONLY = frozenset({"intents:decide", "governance:decide", "clients:decide", "keys:write", "vault:write"})
"""Deciding, minting and locking: never a key's, with the one exception of the `approver` preset."""

_READS = frozenset(scope for scope in ALL if scope.endswith(":read"))

PRESETS = {
    "agent": frozenset(
        {
            "agents:read",
            "agents:write",
            "services:read",
            "services:write",
            "credentials:read",
            "credentials:reveal",
            "passports:read",
            "passports:write",
            "intents:read",
            "intents:write",
            "intents:reject",
            "proxy:write",
            "scan:write",
            "audit:read",
        }
    ),
    "readonly": _READS - {"credentials:read"},
    "admin": ALL - PERSON_ONLY - {"credentials:reveal"},
    "approver": frozenset({"intents:read", "intents:decide", "intents:reject", "agents:read", "audit:read"}),
}
"""What an API key of each preset holds."""

PASSPORT = frozenset(
    {
        "services:read",
        "credentials:reveal",
        "passports:read",
        "passports:write",
        "intents:read",
        "intents:write",
        "proxy:write",
        "scan:write",
        "audit:read",
    }
)
"""What a passport as the bearer holds: its own work, and nothing beyond."""

OAUTH = PRESETS["agent"] - {"agents:write"}
"""What an OAuth client may ask for: an agent key's, but that it stands for one agent and registers no other."""

OAUTH_USUAL = OAUTH - {"credentials:read", "credentials:reveal", "services:write", "intents:reject"}
"""What it gets when it names no scope: enough to list, to ask, to call and to see what became of it."""

SESSION = ALL
"""What a person at the terminal holds."""
