"""From loose arguments to a checked request; what does not fit names each field and its rule, never the input."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.catalogue import Operation, Request

MAX_FIELDS = 8
"""Wrong fields named in one answer."""


def checked(operation: Operation, arguments: Mapping[str, object]) -> Request[Any]:
    """The request these arguments make; a null counts as left out (product.md 13.2).

    Raises:
        InvalidRequest: with `fields`, each with its rule.
    """
    named = {name: value for name, value in arguments.items() if value is not None}
    try:
        return operation.request.model_validate(named)
    except ValidationError as error:
        raise _refusal(operation, error) from None


def _refusal(operation: Operation, error: ValidationError) -> InvalidRequest:
    wrong = error.errors(include_input=False, include_url=False, include_context=False)[:MAX_FIELDS]
    fields: list[Any] = [{"field": _path(item["loc"]), "rule": item["msg"]} for item in wrong]
    first = fields[0]
    return InvalidRequest(
        f"{first['field'] or 'the request'}: {first['rule'][:1].lower()}{first['rule'][1:]}",
        field=first["field"],
        rule=first["rule"],
        fields=fields,
        hint=f"{operation.tool} takes: {', '.join(operation.request.model_fields) or 'no fields'}",
    )


def _path(location: tuple[int | str, ...]) -> str:
    """`intent.target.url`; the alternatives that pydantic tried are left out."""
    return ".".join(str(part) for part in location if not (isinstance(part, str) and not part.isidentifier()))
