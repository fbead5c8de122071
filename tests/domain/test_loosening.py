"""Which changes loosen: every field of an agent, from each value to each."""

from itertools import product

import pytest

from stack_local.domain.agents import Access, AgentStatus, Asks, OnFlag
from stack_local.domain.loosening import DEFAULT_AGENT, RULES, agent_controls, always
from stack_local.domain.passports import Mode

FROM_STRICT_TO_LOOSE = {
    "accountability_mode": ["enforced", "logged", "standard"],
    "credential_access": ["proxy_only", "proxy_preferred", "direct"],
    "approvals": ["always", "writes", "observe", "never"],
    "on_warning": ["block", "notify"],
    "on_critical": ["block", "notify"],
    "status": ["suspended", "active"],
}
"""House decision 3, written here a second time on purpose."""

CHANGES = [
    (field, current, wanted)
    for field, order in FROM_STRICT_TO_LOOSE.items()
    for current, wanted in product(order, order)
]


@pytest.mark.parametrize(("field", "current", "wanted"), CHANGES)
def test_a_field_loosens_exactly_when_it_goes_down_the_order(field: str, current: str, wanted: str) -> None:
    order = FROM_STRICT_TO_LOOSE[field]
    expected = (field,) if order.index(wanted) > order.index(current) else ()
    assert agent_controls({**DEFAULT_AGENT, field: current}, {field: wanted}) == expected


@pytest.mark.parametrize("field", FROM_STRICT_TO_LOOSE)
def test_a_field_that_is_not_named_does_not_loosen(field: str) -> None:
    strictest = {name: order[0] for name, order in FROM_STRICT_TO_LOOSE.items()}
    assert agent_controls(strictest, {field: None}) == ()
    assert agent_controls(strictest, {}) == ()


def test_every_field_that_loosens_is_named() -> None:
    strictest = {name: order[0] for name, order in FROM_STRICT_TO_LOOSE.items()}
    loosest = {name: order[-1] for name, order in FROM_STRICT_TO_LOOSE.items()}
    assert agent_controls(strictest, loosest) == tuple(FROM_STRICT_TO_LOOSE)
    assert agent_controls(loosest, strictest) == ()


def test_a_field_that_tightens_does_not_hide_one_that_loosens() -> None:
    wanted = {"approvals": "always", "credential_access": "direct"}
    assert agent_controls(DEFAULT_AGENT, wanted) == ("credential_access",)


def test_a_new_agent_as_it_is_by_default_loosens_nothing() -> None:
    assert agent_controls(DEFAULT_AGENT, DEFAULT_AGENT) == ()
    assert agent_controls(DEFAULT_AGENT, {"name": "x", "description": None}) == ()


def test_a_value_nobody_knows_is_not_passed_over() -> None:
    with pytest.raises(ValueError):
        agent_controls(DEFAULT_AGENT, {"approvals": "sometimes"})


@pytest.mark.parametrize("wanted", [{}, {"status": "suspended"}])
def test_what_always_loosens_does(wanted: dict[str, object]) -> None:
    assert always({}, wanted) == ("*",)


def test_the_order_knows_every_value_of_every_control() -> None:
    kinds = {"accountability_mode": Mode, "credential_access": Access, "approvals": Asks, "status": AgentStatus}
    for field, kind in (kinds | {"on_warning": OnFlag, "on_critical": OnFlag}).items():
        assert [str(value) for value in kind] in (FROM_STRICT_TO_LOOSE[field], FROM_STRICT_TO_LOOSE[field][::-1])
    assert set(DEFAULT_AGENT) == set(FROM_STRICT_TO_LOOSE)
    assert set(RULES) == {"agent_controls", "always"}
