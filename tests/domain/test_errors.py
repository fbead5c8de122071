"""The error tree: each class its code, and details without empty ones."""

import pytest

from stack_local.domain import errors
from stack_local.domain.errors import Broken, Forbidden, StackError

CODES = {
    "InvalidRequest": "INVALID_REQUEST",
    "Unauthorized": "UNAUTHORIZED",
    "Forbidden": "FORBIDDEN",
    "NotFound": "NOT_FOUND",
    "Conflict": "CONFLICT",
    "TooLarge": "TOO_LARGE",
    "Locked": "LOCKED",
    "TooMany": "TOO_MANY_REQUESTS",
    "UpstreamFailed": "UPSTREAM_FAILED",
    "UpstreamTimedOut": "UPSTREAM_TIMEOUT",
    "Unavailable": "UNAVAILABLE",
    "NotServed": "NOT_SERVED",
    "Broken": "BROKEN",
}


@pytest.mark.parametrize("name", CODES)
def test_a_class_has_its_code(name: str) -> None:
    assert getattr(errors, name)("said").code == CODES[name]


def test_every_class_of_the_tree_stands_in_the_table_and_in_the_drawing() -> None:
    assert {kind.__name__ for kind in StackError.__subclasses__()} == set(CODES)
    assert all(f"── {name} " in (errors.__doc__ or "") for name in CODES)


def test_a_code_of_its_own_takes_the_place_of_the_default() -> None:
    assert Forbidden("said", code="GOVERNANCE_APPROVAL_REQUIRED").code == "GOVERNANCE_APPROVAL_REQUIRED"


def test_details_that_are_none_are_left_out() -> None:
    error = Forbidden("said", rule="scope", hint=None, count=0, empty="", is_so=False)
    assert error.details == {"rule": "scope", "count": 0, "empty": "", "is_so": False}


def test_the_message_is_what_is_said() -> None:
    assert (Broken("said").message, str(Broken("said"))) == ("said", "said")
