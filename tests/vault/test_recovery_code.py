"""Forgiving of handwriting, strict about slips."""

import re

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.vault import recovery_code
from tests.simulators.clock import TestSystem

VAULT = "00" * 16
CODE = recovery_code.generate(TestSystem(seed="code 3")).reveal()
KEY = recovery_code.derive(Secret(CODE), vault_id=VAULT)


class ConstantSystem(TestSystem):
    """Gives the same random bytes each time."""

    def random_bytes(self, count: int) -> bytes:
        return bytes([0x00, 0x44] * count)[:count]


LOOKALIKES = recovery_code.generate(ConstantSystem()).reveal()  # full of 0 and 1


def test_a_code_is_nine_groups_of_four() -> None:
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){8}[0-9A-HJKMNP-TV-Z]{4}", CODE)


FORGIVEN = {
    "lower case": str.lower,
    "no dashes": lambda code: code.replace("-", ""),
    "blanks for dashes": lambda code: code.replace("-", " "),
    "blanks around": lambda code: f"  {code}\n",
    "O for 0": lambda code: code.replace("0", "O"),
    "o for 0": lambda code: code.replace("0", "o"),
    "I for 1": lambda code: code.replace("1", "I"),
    "l for 1": lambda code: code.replace("1", "l"),
}


@pytest.mark.parametrize("change", FORGIVEN.values(), ids=FORGIVEN.keys())
@pytest.mark.parametrize("code", [CODE, LOOKALIKES], ids=["plain", "look-alikes"])
def test_another_spelling_is_the_same_code(code: str, change: object) -> None:
    assert callable(change)
    derived = recovery_code.derive(Secret(change(code)), vault_id=VAULT)
    assert derived == recovery_code.derive(Secret(code), vault_id=VAULT)


REFUSED = {
    "empty": "",
    "short": CODE[:-1],
    "long": CODE + "0",
    "without checksum": CODE[:-5],
    "a U": "U" + CODE[1:],
    "not ascii": "é" + CODE[1:],
    "full-width": CODE.replace("-", "－"),
    "one megabyte": "0" * 1_000_000,
}


@pytest.mark.parametrize("typed", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_code_is_refused_by_field(typed: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        recovery_code.derive(Secret(typed), vault_id=VAULT)
    assert refusal.value.details["field"] == "recovery_code"


def test_every_single_wrong_character_is_noticed() -> None:
    for place, character in enumerate(CODE):
        if character != "-":
            other = "7" if character != "7" else "8"
            with pytest.raises(InvalidRequest):
                recovery_code.derive(Secret(CODE[:place] + other + CODE[place + 1 :]), vault_id=VAULT)


def test_swapped_neighbors_are_noticed() -> None:
    swapped = next(place for place in range(3) if CODE[place] != CODE[place + 1])
    typed = CODE[:swapped] + CODE[swapped + 1] + CODE[swapped] + CODE[swapped + 2 :]
    with pytest.raises(InvalidRequest):
        recovery_code.derive(Secret(typed), vault_id=VAULT)


def test_the_key_is_of_this_vault_alone() -> None:
    assert recovery_code.derive(Secret(CODE), vault_id="11" * 16) != KEY
