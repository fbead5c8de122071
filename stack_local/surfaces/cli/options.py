"""Options from request fields: their names and types, and the values back again. A secret field is never an option."""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from stack_local.domain.errors import Unauthorized
from stack_local.surfaces.cli.json_text import JSON
from stack_local.surfaces.cli.secret_files import for_request, read_secret, read_secret_object
from stack_local.surfaces.cli.shell import Shell, hidden_question

TypedIn = click.ParamType[Any]
"""How click reads one value."""


@dataclass(frozen=True, slots=True)
class Plain:
    """One value."""

    type: TypedIn


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list: the option may stand several times."""

    type: TypedIn


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret: as one text, as a JSON object of secrets, or as either."""

    as_text: bool
    as_json: bool


Kind = Plain | Repeated | Hidden


def options_of(request: type[BaseModel], *, extra_names: Mapping[str, str]) -> list[click.Parameter]:
    """The options of a request, in the order of its fields."""
    return [
        option
        for name, field in request.model_fields.items()
        for option in _options(name, field, extra_names=[extra_names[name]] if name in extra_names else [])
    ]


def values_of(shell: Shell, request: type[BaseModel], typed: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given; a secret that is needed and missing is asked for.

    Raises:
        Unauthorized: a needed secret is missing and there is no terminal.
    """
    values: dict[str, object] = {}
    for name, field in request.model_fields.items():
        match kind_of(field.annotation):
            case Hidden() as kind:
                values |= _secret(shell, name, kind, typed, required=field.is_required())
            case Repeated() if isinstance(items := typed[name], tuple) and (items or field.is_required()):
                values[name] = list(items)
            case Plain() if typed[name] is not None:
                values[name] = typed[name]
            case _:
                pass
    return values


def secret_fields(request: type[BaseModel]) -> frozenset[str]:
    """The fields that hold a secret, however deep."""
    return frozenset(
        name for name, field in request.model_fields.items() if isinstance(kind_of(field.annotation), Hidden)
    )


def kind_of(annotation: object) -> Kind:
    """How a field of this type is typed in."""
    members = [member for member in _members(annotation) if member is not types.NoneType]
    if any(_holds_secret(member) for member in members):
        return Hidden(as_text=SecretStr in members, as_json=any(member is not SecretStr for member in members))
    if len(members) == 1 and get_origin(members[0]) is list:
        (element,) = get_args(members[0])
        return Repeated(_scalar(list(_members(element))))
    return Plain(_scalar(members))


def _members(annotation: object) -> Iterator[object]:
    """The alternatives of a type, out of `Annotated` and `|`."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _holds_secret(annotation: object) -> bool:
    if annotation is SecretStr:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_holds_secret(field.annotation) for field in annotation.model_fields.values())
    return any(_holds_secret(argument) for argument in get_args(annotation))


def _scalar(members: Sequence[object]) -> TypedIn:
    if len(members) != 1:
        return JSON
    (only,) = members
    if get_origin(only) is Literal:
        return click.Choice([str(choice) for choice in get_args(only)])
    if isinstance(only, type) and issubclass(only, Enum):
        return click.Choice([str(choice.value) for choice in only])
    plain: dict[object, TypedIn] = {str: click.STRING, int: click.INT, bool: click.BOOL}
    return plain.get(only, JSON)


def _options(name: str, field: FieldInfo, *, extra_names: list[str]) -> list[click.Parameter]:
    flag = f"--{name.replace('_', '-')}"
    words = _words(field)
    match kind_of(field.annotation):
        case Hidden() as kind:
            return _secret_options(name, flag, kind, words)
        case Repeated(type=kind):
            return [
                click.Option([flag, *extra_names, name], type=kind, multiple=True, help=f"{words} Repeat it.".strip())
            ]
        case Plain(type=kind) if kind is click.BOOL:
            return [click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=words)]
        case Plain(type=kind):
            return [click.Option([flag, *extra_names, name], type=kind, required=field.is_required(), help=words)]


def _secret_options(name: str, flag: str, kind: Hidden, words: str) -> list[click.Parameter]:
    options: list[click.Parameter] = []
    if kind.as_text:
        help_text = f"{words} A file, or - for stdin.".strip()
        options.append(click.Option([f"{flag}-file", f"{name}_file"], metavar="FILE", help=help_text))
    if kind.as_json:
        help_text = f"{words} A file with a JSON object, or - for stdin.".strip()
        options.append(click.Option([f"{flag}-json-file", f"{name}_json_file"], metavar="FILE", help=help_text))
    return options


def _words(field: FieldInfo) -> str:
    if field.description:
        return field.description
    return next(_nested_words(field.annotation), "")


def _nested_words(annotation: object) -> Iterator[str]:
    for argument in get_args(annotation):
        for metadata in getattr(argument, "__metadata__", ()):
            if isinstance(metadata, FieldInfo) and metadata.description:
                yield metadata.description
        yield from _nested_words(argument)


def _secret(shell: Shell, name: str, kind: Hidden, typed: Mapping[str, object], *, required: bool) -> dict[str, object]:
    what = name.replace("_", " ")
    text_file, json_file = typed.get(f"{name}_file"), typed.get(f"{name}_json_file")
    if isinstance(text_file, str):
        return {name: for_request(read_secret(text_file, what=what))}
    if isinstance(json_file, str):
        return {name: read_secret_object(json_file, what=what)}
    if not required:
        return {}
    hint = f"give --{name.replace('_', '-')}{'' if kind.as_text else '-json'}-file FILE"
    if not kind.as_text:
        raise Unauthorized(f"the {what} is needed", code="NO_SECRET", hint=hint)
    return {name: for_request(hidden_question(shell, what, hint=hint))}
