"""What is served while sealed, and found out when it was altered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import Unavailable
from stack_local.vault.public_file import PublicFacts, find_public_file, verify, write_public_file
from stack_local.vault.signing import Signer
from tests.simulators.clock import TestSystem

SYSTEM = TestSystem(seed="public")
SIGNER, OLD_SIGNER = Signer.generate(SYSTEM), Signer.generate(SYSTEM)
FACTS = PublicFacts("http://127.0.0.1:7822", "op_1", (SIGNER.public, OLD_SIGNER.public))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_public_file(tmp_path / "public.json", SIGNER, FACTS)
    return tmp_path / "public.json"


def test_the_file_is_read_verified_and_private(path: Path) -> None:
    found = find_public_file(path)
    assert found is not None
    assert verify(found, SIGNER.public) == FACTS
    assert path.stat().st_mode & 0o777 == 0o600
    assert SIGNER.raw_bytes().reveal().hex() not in path.read_text()


def test_an_absent_file_is_none(tmp_path: Path) -> None:
    assert find_public_file(tmp_path / "absent") is None


ALTERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "issuer": lambda f: f.update(issuer="http://evil.example"),
    "operator": lambda f: f.update(operator_id="op_2"),
    "a key less": lambda f: f["jwks"]["keys"].pop(),
    "keys swapped": lambda f: f["jwks"]["keys"].reverse(),
    "a key of another": lambda f: f["jwks"]["keys"].append(Signer.generate(SYSTEM).public.jwk()),
    "signature": lambda f: f.update(signature="AA" + f["signature"][2:]),
    "signature empty of meaning": lambda f: f.update(signature="AA"),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED.keys())
def test_an_altered_file_is_found_out_when_the_vault_opens(
    path: Path, alter: Callable[[dict[str, Any]], object]
) -> None:
    fields = json.loads(path.read_bytes())
    alter(fields)
    path.write_text(json.dumps(fields))
    found = find_public_file(path)
    assert found is not None
    with pytest.raises(Unavailable) as refusal:
        verify(found, SIGNER.public)
    assert refusal.value.code == "PUBLIC_FILE_ALTERED"


def test_a_signature_of_another_vault_is_refused(path: Path) -> None:
    found = find_public_file(path)
    assert found is not None
    with pytest.raises(Unavailable):
        verify(found, OLD_SIGNER.public)


DAMAGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a member more": lambda f: f.update(extra=1),
    "a member less": lambda f: f.pop("issuer"),
    "issuer a number": lambda f: f.update(issuer=1),
    "jwks a list": lambda f: f.update(jwks=[]),
    "keys an object": lambda f: f.update(jwks={"keys": {}}),
    "a key a text": lambda f: f.update(jwks={"keys": ["x"]}),
    "a private part": lambda f: f["jwks"]["keys"][0].update(d="AA"),
    "a kid that is no thumbprint": lambda f: f["jwks"]["keys"][0].update(kid="other"),
    "a weak key": lambda f: f["jwks"]["keys"][0].update(x="A" * 43),
    "17 keys": lambda f: f.update(jwks={"keys": f["jwks"]["keys"][:1] * 17}),
    "signature padded": lambda f: f.update(signature=f["signature"] + "=="),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_file_of_another_form_is_not_served(path: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads(path.read_bytes())
    damage(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(Unavailable) as refusal:
        find_public_file(path)
    assert refusal.value.code == "PUBLIC_FILE_DAMAGED"


def test_every_truncation_is_refused(path: Path) -> None:
    raw = path.read_bytes()
    for length in range(len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(Unavailable):
            find_public_file(path)
