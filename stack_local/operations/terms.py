"""Terms and constraints as they are asked for, checked and turned into what the rules read."""

from collections.abc import Iterable

from stack_local.domain.constraints import MAX_CONSTRAINTS, Constraint, Op, check
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.terms import Allowance, CallRule, Terms, Window
from stack_local.patterns import compiled
from stack_local.wire.access import ConstraintSpec, GrantTerms, WindowSpec


def terms_of(spec: GrantTerms, more: Iterable[ConstraintSpec] = ()) -> Terms:
    """The terms of a grant; `more` are constraints that stand beside them, as the product's SDK sends them.

    Raises:
        InvalidRequest: a constraint, a rule or a window could never be what was meant; names the field.
    """
    return Terms(
        constraints=constraints_of([*spec.constraints, *more], field="terms.constraints"),
        rules=tuple(
            CallRule(rule.effect, constraints_of(rule.when, field=f"terms.rules.{index}.when"), rule.note)
            for index, rule in enumerate(spec.rules)
        ),
        windows=tuple(_window(window, index) for index, window in enumerate(spec.windows)),
        allowance=Allowance(spec.calls_per_minute, spec.calls_per_month),
    )


def constraints_of(specs: Iterable[ConstraintSpec], *, field: str) -> tuple[Constraint, ...]:
    """Checked constraints, their patterns compiled.

    Raises:
        InvalidRequest: names the one, and what is wrong with it.
    """
    listed = list(specs)
    if len(listed) > MAX_CONSTRAINTS:
        raise InvalidRequest("there are too many constraints", field=field, rule=f"at most {MAX_CONSTRAINTS}")
    return tuple(_constraint(spec, f"{field}.{index}") for index, spec in enumerate(listed))


def _constraint(spec: ConstraintSpec, field: str) -> Constraint:
    try:
        constraint = Constraint(spec.path, spec.op, spec.value)  # type: ignore[arg-type]  # pydantic's JSON is ours
        check(constraint)
        if spec.op is not Op.MATCHES:
            return constraint
        return Constraint(spec.path, spec.op, constraint.value, compiled(str(spec.value)))
    except InvalidRequest as wrong:
        wrong.details = {**wrong.details, "field": f"{field}.{wrong.details.get('field', 'value')}"}
        raise


def _window(spec: WindowSpec, index: int) -> Window:
    start, end = _minutes(spec.from_time), _minutes(spec.to_time)
    if start >= end:
        raise InvalidRequest(
            "the window ends before it begins",
            field=f"terms.windows.{index}.to_time",
            rule="later than from_time, on the same day",
            hint="write a night as two windows",
        )
    return Window(frozenset(spec.days), start, end, spec.utc_offset_minutes)


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
