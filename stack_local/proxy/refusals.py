"""A denial or a failed sending as the error the caller gets."""

from stack_local.domain import errors
from stack_local.domain.policy import Deny
from stack_local.egress.errors import EgressFailed

_CLASSES: dict[str, type[errors.StackError]] = {
    "LOCKED": errors.Locked,
    "UNAVAILABLE": errors.Unavailable,
    "UNAUTHORIZED": errors.Unauthorized,
    "PASSPORT_REVOKED": errors.Unauthorized,
    "PASSPORT_EXPIRED": errors.Unauthorized,
    "PASSPORT_BLOCKED": errors.Forbidden,
    "FORBIDDEN": errors.Forbidden,
    "CONFLICT": errors.Conflict,
    "TOO_LARGE": errors.TooLarge,
    "TOO_MANY_REQUESTS": errors.TooMany,
}


def denied(denial: Deny) -> errors.StackError:
    """The error of a denial: the rule, the gate, the field, and what would make it pass."""
    return _CLASSES[denial.code](
        denial.message,
        code=denial.code,
        rule=denial.rule,
        gate_reason=denial.gate,
        hint=denial.hint,
        proposal=None if denial.proposal is None else denial.proposal.detail,
        **denial.details,
    )


def not_sent_or_failed(failure: EgressFailed) -> errors.StackError:
    """The error of a call that was let out and brought no answer."""
    if failure.code == "egress_denied":
        return errors.Forbidden(failure.message, rule="egress_denied", field="url", hint="a person binds private hosts")
    if failure.code == "request_invalid":
        return errors.InvalidRequest(failure.message, rule="egress", field="url")
    if failure.code == "timed_out":
        return errors.UpstreamTimedOut(failure.message, sent=failure.sent, hint=_hint(failure))
    return errors.UpstreamFailed(failure.message, code=failure.code.upper(), sent=failure.sent, hint=_hint(failure))


def _hint(failure: EgressFailed) -> str:
    if failure.sent:
        return "the call may have had its effect; look before you repeat it"
    return "nothing was sent; it may be repeated"
