"""From loose arguments to a checked request: what does not fit names each field and its rule, never the input."""

from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.surfaces.arguments import MAX_FIELDS, checked
from stack_local.wire.agents import RegisterAgent
from stack_local.wire.catalogue import CATALOGUE, Request
from stack_local.wire.intents import SubmitIntent
from stack_local.wire.passports import IssuePassport

WRONG: dict[str, tuple[type[Request[Any]], dict[str, Any], str]] = {
    "a missing field": (RegisterAgent, {}, "name"),
    "an unknown field": (RegisterAgent, {"name": "ab", "nom": 1}, "nom"),
    "a wrong type": (RegisterAgent, {"name": 3}, "name"),
    "a pattern": (RegisterAgent, {"name": "NOT-LOWER"}, "name"),
    "a bound": (IssuePassport, {"agent_id": "agt_" + "A" * 22, "ttl_seconds": 59}, "ttl_seconds"),
    "an id of another kind": (IssuePassport, {"agent_id": "ppt_" + "A" * 22}, "agent_id"),
    "a field inside": (SubmitIntent, {"intent": {"target": {"service": "x", "method": "GET"}}}, "intent.target.url"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_names_its_field_and_rule(case: str) -> None:
    request, arguments, field = WRONG[case]
    with pytest.raises(InvalidRequest) as refused:
        checked(CATALOGUE[request], arguments)
    named = [item["field"] for item in refused.value.details["fields"]]
    assert any(name == field or name.endswith(field.rpartition(".")[2]) for name in named)
    assert refused.value.details["rule"]
    assert refused.value.details["hint"]


def test_the_input_is_never_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked(CATALOGUE[RegisterAgent], {"name": ["hunter2"], "description": {"hunter2": "hunter2"}})
    assert "hunter2" not in refused.value.message + str(dict(refused.value.details))


def test_a_null_counts_as_left_out() -> None:
    made = checked(CATALOGUE[RegisterAgent], {"name": "ab", "description": None})
    assert made.model_fields_set == {"name"}


def test_at_most_a_few_wrong_fields_are_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked(CATALOGUE[RegisterAgent], {f"field_{number}": 1 for number in range(50)})
    assert len(refused.value.details["fields"]) == MAX_FIELDS
