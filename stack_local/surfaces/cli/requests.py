"""Requests from what was typed: the same check as on every surface, with the type of the request kept."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from stack_local.surfaces.arguments import checked
from stack_local.wire.catalogue import CATALOGUE, Request

Asked = TypeVar("Asked", bound=Request[Any])


def make(request: type[Asked], values: Mapping[str, object]) -> Asked:
    """The request with these fields.

    Raises:
        InvalidRequest: a field is missing, unknown or wrong; `details.fields` names each.
    """
    return cast(Asked, checked(CATALOGUE[request], values))
