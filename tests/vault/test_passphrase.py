"""What is demanded of a passphrase."""

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.vault.passphrase import MAX_BYTES, WrongPassphrase, encode, encode_new

REFUSED = {
    "empty": "",
    "11 characters": "elevenchars",
    "12 code points that compose to 11": "tencharactu\u0308",
    "a lone surrogate": "twelve chars\udc80",
    "a file by mistake": "x" * (MAX_BYTES + 1),
    "too many bytes": "ü" * MAX_BYTES,
}


@pytest.mark.parametrize("typed", REFUSED.values(), ids=REFUSED.keys())
def test_a_new_passphrase_is_refused_by_field(typed: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        encode_new(Secret(typed))
    assert refusal.value.details["field"] == "passphrase"


def test_twelve_characters_are_enough() -> None:
    assert encode_new(Secret("twelve chars")) == b"twelve chars"


def test_composed_and_decomposed_are_the_same() -> None:
    assert encode(Secret("gr\u00fcne wiesen weit")) == encode(Secret("gru\u0308ne wiesen weit"))


def test_compatibility_forms_are_not_folded() -> None:
    assert encode(Secret("x² und mehr davon")) != encode(Secret("x2 und mehr davon"))


def test_blanks_and_newlines_belong_to_it() -> None:
    assert encode(Secret("twelve chars \n")) == b"twelve chars \n"


@pytest.mark.parametrize("typed", ["x\udc80", "x" * 1_000_000], ids=["lone surrogate", "one megabyte"])
def test_what_no_vault_can_have_is_wrong(typed: str) -> None:
    with pytest.raises(WrongPassphrase) as refusal:
        encode(Secret(typed))
    assert refusal.value.code == "WRONG_PASSPHRASE"
