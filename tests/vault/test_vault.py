"""The open vault: whose tokens it takes, and what it does and does not do while it is locked."""

from typing import Any

import pytest

from stack_local.domain.errors import Locked, Unauthorized, Unavailable
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.signing import Signer
from stack_local.vault.vault import AUDIENCE, REMEMBERED_TOKENS, State, Vault
from tests.simulators.clock import TestSystem

SYSTEM = TestSystem(seed="vault")
KEYS = Keys(KeyMaterial.generate(SYSTEM), KeyMaterial.generate(SYSTEM))
NEWER, OLDER, STRANGER = (Signer.generate(SYSTEM) for _ in range(3))
ISSUER = "http://127.0.0.1:7822"
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "agt_1",
    "jti": "ppt_1",
    "iat": 1_800_000_000,
    "nbf": 1_800_000_000,
    "exp": 1_800_000_900,
}
BINDING: dict[str, Any] = {"row_id": "scon_1", "service": "github", "hosts": ("api.github.com",), "version": 1}


def holding(*signers: Signer, keys: Keys = KEYS) -> Vault:
    vault = Vault(SYSTEM, keys)
    vault.hold_signers(list(signers))
    return vault


@pytest.fixture
def vault() -> Vault:
    return holding(NEWER, OLDER)


def test_a_token_of_ours_says_what_was_signed_each_time_it_is_asked(vault: Vault) -> None:
    token = vault.sign(CLAIMS).reveal()
    assert [vault.verify(token, issuer=ISSUER) for _ in range(2)] == [CLAIMS, CLAIMS]


def test_the_newest_key_signs_and_all_verify(vault: Vault) -> None:
    by_newer, by_older = holding(NEWER).sign(CLAIMS).reveal(), holding(OLDER).sign(CLAIMS).reveal()
    assert vault.sign(CLAIMS).reveal() == by_newer != by_older
    assert vault.verify(by_older, issuer=ISSUER) == CLAIMS
    assert {key["kid"] for key in vault.jwks()} == {NEWER.kid, OLDER.kid}


def test_the_token_of_a_strangers_key_is_refused(vault: Vault) -> None:
    with pytest.raises(Unauthorized):
        vault.verify(holding(STRANGER).sign(CLAIMS).reveal(), issuer=ISSUER)


@pytest.mark.parametrize("change", [{"iss": "http://127.0.0.1:7823"}, {"aud": "stack:session"}], ids=["issuer", "aud"])
def test_a_token_for_another_appliance_or_purpose_is_refused_each_time(vault: Vault, change: dict[str, str]) -> None:
    token = vault.sign({**CLAIMS, **change}).reveal()
    for _ in range(2):
        with pytest.raises(Unauthorized):
            vault.verify(token, issuer=ISSUER)


def test_a_remembered_token_is_still_asked_for_its_issuer(vault: Vault) -> None:
    token = vault.sign(CLAIMS).reveal()
    vault.verify(token, issuer=ISSUER)
    with pytest.raises(Unauthorized):
        vault.verify(token, issuer="http://127.0.0.1:7823")


def test_a_token_with_any_byte_changed_is_refused_after_the_right_one_too(vault: Vault) -> None:
    token = vault.sign(CLAIMS).reveal()
    vault.verify(token, issuer=ISSUER)
    for at, character in enumerate(token):
        with pytest.raises(Unauthorized):
            vault.verify(token[:at] + ("A" if character != "A" else "B") + token[at + 1 :], issuer=ISSUER)


def test_a_token_that_was_forgotten_among_many_is_verified_anew(vault: Vault) -> None:
    tokens = [vault.sign({**CLAIMS, "jti": f"ppt_{n}"}).reveal() for n in range(REMEMBERED_TOKENS + 1)]
    for token in tokens:
        vault.verify(token, issuer=ISSUER)
    assert vault.verify(tokens[0], issuer=ISSUER)["jti"] == "ppt_0"


def test_every_token_of_ours_and_no_other_begins_with_a_mark(vault: Vault) -> None:
    for signer, is_ours in ((NEWER, True), (OLDER, True), (STRANGER, False)):
        token = holding(signer).sign(CLAIMS).reveal()
        assert token.startswith(vault.token_marks()) is is_ours


def test_a_locked_vault_seals_and_opens_no_credential_until_it_is_unlocked(vault: Vault) -> None:
    sealed = vault.seal_credential(b"ghp_token", **BINDING)
    vault.lock()
    assert (vault.state, vault.is_unlocked) == (State.LOCKED, False)
    with pytest.raises(Locked):
        vault.open_credential(sealed, **BINDING)
    with pytest.raises(Locked):
        vault.seal_credential(b"ghp_token", **BINDING)
    vault.unlock(KEYS)
    assert (vault.state, vault.is_unlocked) == (State.UNLOCKED, True)
    assert vault.open_credential(sealed, **BINDING) == b"ghp_token"


def test_a_vault_without_a_credential_key_begins_locked_and_still_signs_and_keeps_bodies() -> None:
    vault = holding(NEWER, keys=Keys(KEYS.database_key, None))
    assert vault.state is State.LOCKED
    assert vault.verify(vault.sign(CLAIMS).reveal(), issuer=ISSUER) == CLAIMS
    assert vault.open_content(vault.seal_content(b"body", row_id="opn_1"), row_id="opn_1") == b"body"


def test_the_lock_tells_everyone_who_holds_something_opened(vault: Vault) -> None:
    told: list[tuple[str, State]] = []
    vault.on_lock(lambda: told.append(("cache", vault.state)))
    vault.on_lock(lambda: told.append(("sessions", vault.state)))
    assert told == []
    vault.lock()
    assert told == [("cache", State.LOCKED), ("sessions", State.LOCKED)]


def test_a_body_opens_for_its_own_row_only(vault: Vault) -> None:
    sealed = vault.seal_content(b"body", row_id="opn_1")
    assert vault.open_content(sealed, row_id="opn_1") == b"body"
    with pytest.raises(Unavailable):
        vault.open_content(sealed, row_id="opn_2")


def test_a_token_ends_with_the_key_that_signed_it() -> None:
    vault = holding(OLDER)
    token = vault.sign(CLAIMS).reveal()
    assert vault.verify(token, issuer=ISSUER) == CLAIMS
    vault.hold_signers([NEWER])
    with pytest.raises(Unauthorized):
        vault.verify(token, issuer=ISSUER)


def test_half_a_character_is_no_token() -> None:
    with pytest.raises(Unauthorized):
        holding(NEWER).verify("\ud800", issuer=ISSUER)
