"""Terms as they are asked for: checked, each refusal with its field, and shown as they can be asked for again."""

from typing import Any

import pytest
from pydantic import ValidationError

from stack_local.domain.constraints import MAX_CONSTRAINTS, Constraint, Op
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.terms import NO_TERMS, Allowance, CallRule, Terms, Window, Word
from stack_local.operations.terms import constraints_of, terms_of
from stack_local.store.terms import shown_terms
from stack_local.wire.access import ConstraintSpec, GrantTerms
from tests.store.test_terms import CASES

POST = {"path": "method", "op": "eq", "value": "POST"}
WEEK = frozenset(range(7))


def asked(**terms: Any) -> GrantTerms:
    return GrantTerms.model_validate(terms)


MEANT: list[tuple[str, GrantTerms, Terms]] = [
    ("nothing", asked(), NO_TERMS),
    ("a constraint", asked(constraints=[POST]), Terms(constraints=(Constraint("method", Op.EQ, "POST"),))),
    ("a rule of no condition", asked(rules=[{"effect": "ask"}]), Terms(rules=(CallRule(Word.ASK, ()),))),
    (
        "a rule with a note",
        asked(rules=[{"effect": "block", "when": [POST], "note": "by hand"}]),
        Terms(rules=(CallRule(Word.BLOCK, (Constraint("method", Op.EQ, "POST"),), "by hand"),)),
    ),
    ("a window of nothing said", asked(windows=[{}]), Terms(windows=(Window(WEEK, 0, 1440),))),
    (
        "a window over the whole day",
        asked(windows=[{"days": [0, 0, 4], "from_time": "00:00", "to_time": "24:00", "utc_offset_minutes": -840}]),
        Terms(windows=(Window(frozenset({0, 4}), 0, 1440, -840),)),
    ),
    (
        "a window of one minute",
        asked(windows=[{"from_time": "23:59", "to_time": "24:00"}]),
        Terms(windows=(Window(WEEK, 1439, 1440),)),
    ),
    ("no calls", asked(calls_per_minute=0, calls_per_month=0), Terms(allowance=Allowance(0, 0))),
]


@pytest.mark.parametrize(("spec", "meant"), [case[1:] for case in MEANT], ids=[case[0] for case in MEANT])
def test_terms_mean_what_was_asked(spec: GrantTerms, meant: Terms) -> None:
    assert terms_of(spec) == meant


@pytest.mark.parametrize("name", [name for name in CASES if name != "half a character"])
def test_what_is_shown_can_be_asked_for_again_and_means_the_same(name: str) -> None:
    shown = GrantTerms.model_validate(shown_terms(CASES[name]))
    assert terms_of(GrantTerms.model_validate_json(shown.model_dump_json())) == CASES[name]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a path", {"constraints": [POST, {**POST, "path": "url"}]}, "terms.constraints.1.path"),
    ("a value", {"constraints": [{**POST, "value": "post"}]}, "terms.constraints.0.value"),
    ("a pattern", {"constraints": [{**POST, "op": "matches", "value": "(?=P)"}]}, "terms.constraints.0.value"),
    ("half a character", {"constraints": [{**POST, "op": "matches", "value": "\ud800"}]}, "terms.constraints.0.value"),
    (
        "a condition of the second rule",
        {"rules": [{"effect": "ask"}, {"effect": "block", "when": [POST, {**POST, "op": "in"}]}]},
        "terms.rules.1.when.1.value",
    ),
    ("a window that ends at its start", {"windows": [{"from_time": "09:00", "to_time": "09:00"}]}, "to_time"),
    (
        "a window over midnight",
        {"windows": [{}, {"from_time": "22:00", "to_time": "06:00"}]},
        "terms.windows.1.to_time",
    ),
    ("a window from the end of the day", {"windows": [{"from_time": "24:00"}]}, "terms.windows.0.to_time"),
]


@pytest.mark.parametrize(("terms", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_could_never_be_meant_is_refused_with_its_place(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        terms_of(asked(**terms))
    assert str(refused.value.details["field"]).endswith(field)


UNREADABLE: list[tuple[str, dict[str, Any]]] = [
    ("a field that there is not", {"window": []}),
    ("a field of a window that there is not", {"windows": [{"from": "09:00"}]}),
    ("a word that there is not", {"rules": [{"effect": "allow_all"}]}),
    ("an operator that there is not", {"constraints": [{**POST, "op": "gt"}]}),
    ("a constraint without a value", {"constraints": [{"path": "method", "op": "eq"}]}),
    ("no day", {"windows": [{"days": []}]}),
    ("an eighth day", {"windows": [{"days": [7]}]}),
    ("a clock without minutes", {"windows": [{"from_time": "9"}]}),
    ("a minute past the day", {"windows": [{"to_time": "24:01"}]}),
    ("a clock with a line behind it", {"windows": [{"from_time": "09:00\n"}]}),
    ("an offset further than any", {"windows": [{"utc_offset_minutes": 841}]}),
    ("fewer calls than none", {"calls_per_minute": -1}),
    ("too many windows", {"windows": [{}] * 15}),
    ("too many rules", {"rules": [{"effect": "ask"}] * 33}),
    ("too many constraints", {"constraints": [POST] * (MAX_CONSTRAINTS + 1)}),
    ("too many conditions", {"rules": [{"effect": "ask", "when": [POST] * (MAX_CONSTRAINTS + 1)}]}),
]


@pytest.mark.parametrize("terms", [case[1] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_what_cannot_be_read_is_refused_and_never_left_out(terms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**terms)


def test_both_places_of_constraints_together_keep_to_the_limit() -> None:
    spec = ConstraintSpec.model_validate(POST)
    half = asked(constraints=[POST] * (MAX_CONSTRAINTS // 2))
    assert len(terms_of(half, [spec] * (MAX_CONSTRAINTS // 2)).constraints) == MAX_CONSTRAINTS
    with pytest.raises(InvalidRequest) as refused:
        terms_of(half, [spec] * (MAX_CONSTRAINTS // 2 + 1))
    assert refused.value.details["field"] == "terms.constraints"


def test_a_pattern_is_compiled_and_every_other_operator_has_none() -> None:
    specs = [{**POST, "op": "matches", "value": "P.*"}, {**POST, "op": "starts_with", "value": "P"}]
    pattern, other = constraints_of(map(ConstraintSpec.model_validate, specs), field="constraints")
    assert pattern.matches is not None
    assert (pattern.matches("POST"), other.matches) == (True, None)
