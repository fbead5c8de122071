"""A secret does not show itself."""

import copy
import json
import pickle

import pytest

from stack_local.domain.secrets import Secret

SECRET = Secret("hunter22")


def test_a_secret_opens_by_reveal_alone() -> None:
    assert SECRET.reveal() == "hunter22"
    shown = [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET!r:>40}", f"{SECRET:s}", f"{[SECRET]}"]
    assert not any("hunter" in text for text in shown)


@pytest.mark.parametrize("leak", [hash, json.dumps, pickle.dumps, copy.deepcopy, copy.copy, vars, iter, len, bytes])
def test_a_secret_is_not_turned_into_anything_else(leak: object) -> None:
    with pytest.raises(TypeError):
        leak(SECRET)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("other", "is_same"), [("hunter22", True), ("hunter23", False), ("", False), ("hünter22", False)]
)
def test_a_secret_matches_its_own_text_alone(other: str, is_same: bool) -> None:
    assert SECRET.matches(other) is is_same
    assert (Secret(other) == SECRET) is is_same


def test_a_secret_is_not_equal_to_its_text() -> None:
    assert SECRET != "hunter22"
    assert SECRET != b"hunter22"
