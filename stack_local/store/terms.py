"""The terms of grants and the constraints of passports, to and from their columns."""

import json
from functools import lru_cache
from typing import Any

from stack_local.domain.constraints import Constraint, Op
from stack_local.domain.terms import NO_TERMS, Allowance, CallRule, Terms, Window, Word
from stack_local.patterns import compiled

PARSED = 256
"""Columns whose text has been read once."""


def encode_terms(terms: Terms) -> str:
    """The column of a grant."""
    fields: dict[str, Any] = {
        "constraints": [encode_constraint(one) for one in terms.constraints],
        "rules": [
            {"word": rule.word, "when": [encode_constraint(one) for one in rule.when], "note": rule.note}
            for rule in terms.rules
        ],
        "windows": [
            [sorted(window.days), window.from_minute, window.to_minute, window.utc_offset_minutes]
            for window in terms.windows
        ],
        "allowance": [terms.allowance.per_minute, terms.allowance.per_month],
    }
    return json.dumps({name: value for name, value in fields.items() if value and value != [None, None]})


@lru_cache(maxsize=PARSED)
def decode_terms(text: str) -> Terms:
    """The terms that `encode_terms` gave."""
    fields = json.loads(text)
    if not fields:
        return NO_TERMS
    return Terms(
        constraints=tuple(decode_constraint(one) for one in fields.get("constraints", ())),
        rules=tuple(
            CallRule(Word(rule["word"]), tuple(decode_constraint(one) for one in rule["when"]), rule["note"])
            for rule in fields.get("rules", ())
        ),
        windows=tuple(
            Window(frozenset(days), start, end, offset) for days, start, end, offset in fields.get("windows", ())
        ),
        allowance=Allowance(*fields.get("allowance", (None, None))),
    )


def encode_constraint(constraint: Constraint) -> dict[str, Any]:
    """One constraint as JSON."""
    return {"path": constraint.path, "op": constraint.op, "value": constraint.value}


def decode_constraint(fields: dict[str, Any]) -> Constraint:
    """A constraint, with its pattern compiled.

    Raises:
        InvalidRequest: the pattern is not one we can run.
    """
    op, value = Op(fields["op"]), fields["value"]
    return Constraint(fields["path"], op, value, compiled(value) if op is Op.MATCHES else None)


def shown_terms(terms: Terms) -> dict[str, Any]:
    """The terms in the wire's words."""
    return {
        "constraints": [encode_constraint(one) for one in terms.constraints],
        "rules": [
            {"effect": rule.word, "when": [encode_constraint(one) for one in rule.when], "note": rule.note}
            for rule in terms.rules
        ],
        "windows": [
            {
                "days": sorted(window.days),
                "from_time": _clock(window.from_minute),
                "to_time": _clock(window.to_minute),
                "utc_offset_minutes": window.utc_offset_minutes,
            }
            for window in terms.windows
        ],
        "calls_per_minute": terms.allowance.per_minute,
        "calls_per_month": terms.allowance.per_month,
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
