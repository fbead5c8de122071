"""What the writer remembers is handed out again and again: it must be a value that nobody can change."""

import importlib
import types
import typing
from dataclasses import is_dataclass
from typing import Any

import pytest

from tests.architecture.sources import files_under

VALUES = (str, int, bool, bytes, type(None))


def _remembered() -> dict[str, Any]:
    """Every function of `store` that is wrapped by `remembered`."""
    found: dict[str, Any] = {}
    for path in files_under("stack_local/store"):
        module = importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
        for name, item in vars(module).items():
            inner = getattr(item, "__wrapped__", None)
            if (
                isinstance(inner, types.FunctionType)
                and inner.__module__ == module.__name__
                and "tx" in inner.__annotations__
            ):
                found[f"{module.__name__}.{name}"] = inner
    return found


REMEMBERED = _remembered()


def _is_value(hint: Any) -> bool:
    if hint in VALUES or hint is Ellipsis:
        return True
    if typing.get_origin(hint) in (tuple, frozenset, typing.Union, types.UnionType):
        return all(_is_value(part) for part in typing.get_args(hint))
    return is_dataclass(hint) and hint.__dataclass_params__.frozen  # type: ignore[union-attr]


def test_some_are_remembered() -> None:
    assert len(REMEMBERED) > 5


@pytest.mark.parametrize("name", REMEMBERED)
def test_what_is_remembered_cannot_be_changed(name: str) -> None:
    function = REMEMBERED[name]
    assert _is_value(typing.get_type_hints(function)["return"])
