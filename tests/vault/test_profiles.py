"""Floors, ceilings, and never more than two at once."""

import pytest

from stack_local.domain.errors import TooMany, Unavailable
from stack_local.vault import profiles
from stack_local.vault.profiles import CHEAPEST, LOW_MEMORY, STRONG, Deriver, Profile

OUT_OF_BOUNDS = {
    "8 KiB": Profile(8, 3, 4),
    "one below the floor of memory": Profile(19 * 1024 - 1, 2, 1),
    "one above the ceiling of memory": Profile(2 * 1024 * 1024 + 1, 2, 1),
    "2**32-1 KiB": Profile(2**32 - 1, 2, 1),
    "one pass": Profile(65536, 1, 4),
    "17 passes": Profile(65536, 17, 4),
    "2**31 passes": Profile(65536, 2**31, 4),
    "no lanes": Profile(65536, 3, 0),
    "17 lanes": Profile(65536, 3, 17),
    "negative": Profile(-65536, 3, 1),
}


@pytest.mark.parametrize("profile", [STRONG, LOW_MEMORY, CHEAPEST, Profile(2 * 1024 * 1024, 16, 16)])
def test_the_named_profiles_and_the_ceiling_are_acceptable(profile: Profile) -> None:
    assert profile.is_acceptable()


@pytest.mark.parametrize("profile", OUT_OF_BOUNDS.values(), ids=OUT_OF_BOUNDS.keys())
def test_out_of_bounds_is_refused_before_any_run(profile: Profile) -> None:
    assert not profile.is_acceptable()
    with pytest.raises(Unavailable):
        Deriver().derive(b"secret", profile, salt=b"s" * 16)


@pytest.mark.parametrize("size", [0, 8, 15, 17, 2**20])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(Unavailable):
        Deriver().derive(b"secret", CHEAPEST, salt=b"s" * size)


def test_the_derivation_stays_what_it_was() -> None:
    # A pin made by this code and not by another: a change here means that no vault there is opens any more.
    key = Deriver().derive(b"correct horse battery", CHEAPEST, salt=b"0123456789abcdef")
    assert key.reveal().hex() == "ebd23ba828c34ec430850a85be94098aa108d25190bf10bce1f5c4d0ab7171ae"


def test_a_third_run_waits_and_then_gives_up() -> None:
    deriver = Deriver(max_wait_seconds=0.01)
    with deriver._turn(), deriver._turn(), pytest.raises(TooMany):
        deriver.derive(b"secret", CHEAPEST, salt=b"s" * 16)
    assert deriver.derive(b"secret", CHEAPEST, salt=b"s" * 16)


def test_a_failed_run_gives_its_turn_back() -> None:
    deriver = Deriver(max_wait_seconds=0.01)
    for _ in range(profiles.MAX_RUNS_AT_ONCE + 1):
        with pytest.raises(ValueError, match="x"), deriver._turn():
            raise ValueError("x")
    with deriver._turn():
        pass
