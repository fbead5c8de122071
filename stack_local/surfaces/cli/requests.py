"""Requests from what was typed: the wire's own checks, said in our words and without the input."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from stack_local.domain.errors import InvalidRequest

Asked = TypeVar("Asked", bound=BaseModel)


def make(request: type[Asked], values: Mapping[str, object]) -> Asked:
    """The request with these fields.

    Raises:
        InvalidRequest: a field is missing, unknown or wrong; `details.fields` names each.
    """
    try:
        return request.model_validate(dict(values))
    except ValidationError as error:
        raise _refusal(error) from None  # the cause holds the input


def _refusal(error: ValidationError) -> InvalidRequest:
    problems = [
        f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return InvalidRequest("the request is not valid: " + "; ".join(problems))
