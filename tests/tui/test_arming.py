"""Tests of the arming delay."""

from tests.simulators.clock import TestSystem
from tui.arming import DELAY_SECONDS, Arming


def test_what_has_just_appeared_is_not_armed() -> None:
    clock = TestSystem()
    arming = Arming(clock)
    clock.advance(10)
    arming.show("row 1")
    clock.advance(DELAY_SECONDS - 0.01)
    assert not arming.is_armed
    clock.advance(0.02)
    assert arming.is_armed


def test_the_same_again_keeps_it_armed_and_another_does_not() -> None:
    clock = TestSystem()
    arming = Arming(clock)
    arming.show("row 1")
    clock.advance(1)
    arming.show("row 1")
    assert arming.is_armed
    arming.show("row 2")
    assert not arming.is_armed


def test_the_wall_clock_does_not_arm() -> None:
    clock = TestSystem()
    arming = Arming(clock)
    arming.show("row 1")
    clock.turn(3600)
    assert not arming.is_armed
