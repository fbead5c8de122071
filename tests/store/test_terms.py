"""Terms as columns: each comes back as it was, its patterns run again, and a grant of before has none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack_local.domain.call_reading import Reading
from stack_local.domain.constraints import Constraint, Op
from stack_local.domain.terms import NO_TERMS, Allowance, CallRule, Terms, Window, Word
from stack_local.store.terms import decode_constraint, decode_terms, encode_constraint, encode_terms
from tests.domain.samples import CALL

ANY_DAY = frozenset(range(7))
AMOUNT = Constraint("body.amount", Op.IN, [10, 10.5, "10", True, None, {"a": [1]}])

CASES: dict[str, Terms] = {
    "nothing": NO_TERMS,
    "a constraint": Terms(constraints=(AMOUNT,)),
    "two on one field": Terms(constraints=(AMOUNT, Constraint("body.amount", Op.NOT_EQ, 0))),
    "a large number": Terms(constraints=(Constraint("body.n", Op.EQ, 2**63 + 1),)),
    "half a character": Terms(constraints=(Constraint("body.n", Op.EQ, "\ud800é"),)),
    "a rule without conditions": Terms(rules=(CallRule(Word.ASK, ()),)),
    "rules in their order": Terms(rules=tuple(CallRule(word, (AMOUNT,), f"because: {word}") for word in Word)),
    "the whole day": Terms(windows=(Window(ANY_DAY, 0, 1440),)),
    "hours far east": Terms(windows=(Window(frozenset({0, 6}), 1, 1439, 840), Window(ANY_DAY, 60, 61, -840))),
    "a month's allowance": Terms(allowance=Allowance(per_month=100)),
    "a minute's allowance": Terms(allowance=Allowance(per_minute=1)),
    "no calls at all": Terms(allowance=Allowance(0, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_terms_come_back_as_they_were_kept(name: str) -> None:
    assert decode_terms(encode_terms(CASES[name])) == CASES[name]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, st.sampled_from([op for op in Op if op is not Op.MATCHES]))
def test_any_value_comes_back_with_its_kind(value: Any, op: Op) -> None:
    kept = decode_terms(encode_terms(Terms(constraints=(Constraint("body.a", op, value),)))).constraints[0]
    assert (kept.op, json.dumps(kept.value)) == (op, json.dumps(value))


def test_a_pattern_runs_again_once_it_is_read() -> None:
    pattern = Constraint("url.pathname", Op.MATCHES, "/v1/[a-z]+", lambda text: True)
    kept = decode_constraint(encode_constraint(pattern))
    assert kept == pattern
    assert kept.holds(Reading(CALL))
    other = decode_constraint({"path": "url.pathname", "op": "matches", "value": "/v2/.*"})
    assert not other.holds(Reading(CALL))


def test_a_grant_of_before_reads_as_no_terms() -> None:
    assert decode_terms("{}") is NO_TERMS
    assert encode_terms(NO_TERMS) == "{}"
