"""What each bearer holds: the committed table of house decision 2."""

import pytest

from stack_local.domain import scopes

HELD = {
    "agents:read": "agent oauth readonly admin approver session",
    "agents:write": "agent admin session",
    "services:read": "agent oauth readonly admin passport session",
    "services:write": "agent oauth admin session",
    "credentials:read": "agent oauth admin session",
    "credentials:reveal": "agent oauth passport session",
    "passports:read": "agent oauth readonly admin passport session",
    "passports:write": "agent oauth admin passport session",
    "intents:read": "agent oauth readonly admin approver passport session",
    "intents:write": "agent oauth admin passport session",
    "intents:reject": "agent oauth admin approver session",
    "intents:decide": "approver session",
    "proxy:write": "agent oauth admin passport session",
    "scan:write": "agent oauth admin passport session",
    "audit:read": "agent oauth readonly admin approver passport session",
    "governance:decide": "session",
    "clients:read": "readonly admin session",
    "clients:write": "admin session",
    "clients:decide": "session",
    "keys:read": "readonly admin session",
    "keys:write": "session",
    "vault:write": "session",
}
BEARERS = scopes.PRESETS | {"oauth": scopes.OAUTH, "passport": scopes.PASSPORT, "session": scopes.SESSION}


@pytest.mark.parametrize("scope", HELD)
def test_a_scope_is_held_by_exactly_these_bearers(scope: str) -> None:
    assert {bearer for bearer, held in BEARERS.items() if scope in held} == set(HELD[scope].split())


def test_the_table_knows_every_scope_and_every_scope_has_its_words() -> None:
    assert set(HELD) == scopes.ALL == set(scopes.DESCRIPTIONS)
    assert all(scopes.DESCRIPTIONS.values())


def test_deciding_and_minting_are_a_persons_but_for_the_approver() -> None:
    for preset, held in scopes.PRESETS.items():
        assert held & scopes.PERSON_ONLY == ({"intents:decide"} if preset == "approver" else set())
    assert not (scopes.PASSPORT | scopes.OAUTH) & scopes.PERSON_ONLY
    assert scopes.OAUTH_USUAL < scopes.OAUTH
