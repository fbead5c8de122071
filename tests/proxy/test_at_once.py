"""Calls under way are counted for each agent."""

from stack_local.proxy.at_once import AtOnce


def test_calls_are_counted_up_and_down_for_each_agent_apart() -> None:
    calls = AtOnce()
    for agent, step in (("one", 1), ("one", 1), ("two", 1), ("one", -1)):
        calls.add(agent, step)
    assert [calls.count(agent) for agent in ("one", "two", "three")] == [1, 1, 0]
