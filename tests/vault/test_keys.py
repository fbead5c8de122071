"""A key shows itself nowhere."""

import copy
import json
import pickle

import pytest

from stack_local.domain.errors import Broken
from stack_local.vault.keys import KeyMaterial, Keys
from tests.simulators.clock import TestSystem

KEY = KeyMaterial(b"k" * 32)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r}".format], ids=["repr", "str", "format", "format !r"])
def test_a_key_is_not_shown(show: object) -> None:
    assert callable(show)
    assert "kkk" not in show(KEY)
    assert "kkk" not in show(Keys(KEY, KEY))


@pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy, json.dumps, hash])
def test_a_key_is_not_copied_out(leak: object) -> None:
    assert callable(leak)
    with pytest.raises(TypeError):
        leak(KEY)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_broken(size: int) -> None:
    with pytest.raises(Broken):
        KeyMaterial(b"k" * size)


def test_equal_keys_are_equal_and_others_not() -> None:
    assert KeyMaterial(b"k" * 32) == KEY
    assert KeyMaterial(b"l" * 32) != KEY


def test_subkeys_differ_by_label_and_salt() -> None:
    subkeys = {KEY.derive("a").reveal(), KEY.derive("b").reveal(), KEY.derive("a", salt=b"s").reveal(), KEY.reveal()}
    assert len(subkeys) == 4
    assert KEY.derive("a") == KEY.derive("a")


def test_generated_keys_differ() -> None:
    system = TestSystem()
    assert KeyMaterial.generate(system) != KeyMaterial.generate(system)
