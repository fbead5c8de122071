"""The one table from error classes to statuses, and the envelope every surface sends."""

import json

import pytest

from stack_local.client import error_of
from stack_local.domain import errors
from stack_local.surfaces.cli import statuses
from stack_local.surfaces.errors import STATUS, envelope, status_of, text_of

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.StackError)]


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not errors.StackError])
def test_every_class_has_a_status_an_exit_status_and_comes_back_as_itself(kind: type[errors.StackError]) -> None:
    error = kind("a sentence", field="name", hint="do this")
    assert kind in STATUS
    assert statuses.status_of(error) > 0
    again = error_of(status_of(error), json.dumps(envelope(error)).encode())
    assert (type(again), again.code, dict(again.details)) == (kind, error.code, dict(error.details))


def test_a_gate_reason_stands_in_the_details_and_in_the_metadata() -> None:
    whole = envelope(errors.Forbidden("no", gate_reason="approval_required"))
    assert whole["metadata"] == {"gate_reason": "approval_required"}
    assert whole["error"]["details"] == {"gate_reason": "approval_required"}


def test_a_text_for_a_model_names_the_code_and_the_next_step() -> None:
    text = text_of(errors.Forbidden("no", hint="ask a person"))
    assert "FORBIDDEN" in text
    assert "ask a person" in text
