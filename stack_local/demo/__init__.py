"""The demo and the self-test: the main job played in a throw-away appliance, with every claim checked."""

from stack_local.demo.play import play
from stack_local.demo.self_test import self_test

__all__ = ["play", "self_test"]
