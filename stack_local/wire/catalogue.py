"""The catalogue: a request class is the operation, and every surface is derived from what stands here."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from stack_local.domain import loosening, scopes
from stack_local.domain.actors import Actor, Kind
from stack_local.domain.audit import Layer
from stack_local.domain.errors import Broken

Effect = Literal["read", "write", "external"]
"""`read`: no change, no record unless refused. `write`: one transaction with its record. `external`: asks the world."""

Rate = Literal["intents", "proxy", "registrations", "scans", "tokens"]
"""What is counted by principal; `operations/rates.py` has the buckets."""

Surface = Literal["mcp", "rest", "cli", "admin"]
"""`admin` is the Unix socket of the person's side; the command speaks to it too."""

EVERYWHERE: frozenset[Surface] = frozenset({"mcp", "rest", "cli", "admin"})
PERSON_SIDE: frozenset[Surface] = frozenset({"cli", "admin"})
"""What takes a passphrase or decides stays off MCP and REST."""


class View(BaseModel):
    """A frozen value that crosses a boundary. What reads and writes it is made at first use: a start needs few."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


Answer = TypeVar("Answer", bound=View)


class Request(View, Generic[Answer]):
    """A frozen question whose answer has the type it names."""


@dataclass(frozen=True, slots=True)
class Header:
    """Says on a field which HTTP header carries it over REST."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What is derived from one request class."""

    request: type[Request[Any]]
    answer: type[View]
    name: str
    tool: str
    scope: str | None
    effect: Effect
    method: str
    path: str
    body: str | None
    """The field of the answer that is the whole body over REST."""
    audit: str
    layer: Layer
    loosens: str | None
    surfaces: frozenset[Surface]
    while_locked: bool
    """Whether it is served while the vault is locked."""
    while_sealed: bool
    """Whether it is served while there is no open vault at all."""
    destructive: bool
    is_read_only: bool
    """It changes nothing, here or at a service: a client need not ask its person before it."""
    is_core: bool
    """One of the few tools of `/mcp/core`."""
    needs_minter: bool
    """It is refused to a passport, whatever its scopes."""
    rate: Rate | None
    """Which of a principal's buckets each call is counted in."""
    title: str
    description: str

    def is_for(self, actor: Actor) -> bool:
        """Whether the bearer may use it, so that it is worth showing."""
        has_scope = self.scope is None or self.scope in actor.scopes
        return has_scope and not (self.needs_minter and actor.kind is Kind.PASSPORT)

    @property
    def area(self) -> str:
        """The file it is defined in: `passports`."""
        return self.request.__module__.rpartition(".")[2]


CATALOGUE: dict[type[Request[Any]], Operation] = {}
"""Every operation, in the order in which `wire/__init__` imports the areas."""

_R = TypeVar("_R", bound=Request[Any])


def operation(
    *,
    scope: str | None,
    route: str,
    effect: Effect,
    tool: str | None = None,
    body: str | None = None,
    audit: str | None = None,
    layer: Layer = Layer.SYSTEM,
    loosens: str | None = None,
    surfaces: frozenset[Surface] = EVERYWHERE,
    while_locked: bool = True,
    while_sealed: bool = False,
    destructive: bool = False,
    read_only: bool = False,
    core: bool = False,
    needs_minter: bool = False,
    rate: Rate | None = None,
) -> Callable[[type[_R]], type[_R]]:
    """Declare a request class as an operation.

    Raises:
        Broken: the scope or the loosening rule is unknown, or the name is taken.
    """

    def declare(request: type[_R]) -> type[_R]:
        name = snake_case(request.__name__)
        method, _, path = route.partition(" ")
        _check(name, scope, loosens, effect)
        CATALOGUE[request] = Operation(
            request=request,
            answer=_answer_type(request),
            name=name,
            tool=tool or f"stack_{name}",
            scope=scope,
            effect=effect,
            method=method,
            path=path,
            body=body,
            audit=audit or _audit_action(name),
            layer=layer,
            loosens=loosens,
            surfaces=surfaces,
            while_locked=while_locked,
            while_sealed=while_sealed,
            destructive=destructive,
            is_read_only=read_only or effect == "read",
            is_core=core,
            needs_minter=needs_minter,
            rate=rate,
            title=_title(name),
            description=" ".join((request.__doc__ or "").split()),
        )
        return request

    return declare


def by_name(name: str) -> Operation | None:
    """The operation `issue_passport`, by its own name or its tool's."""
    return next((known for known in CATALOGUE.values() if name in (known.name, known.tool)), None)


def snake_case(camel: str) -> str:
    """`IssuePassport` → `issue_passport`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()


def _check(name: str, scope: str | None, loosens: str | None, effect: Effect) -> None:
    if scope is not None and scope not in scopes.ALL:
        raise Broken(f"operation {name} names the unknown scope {scope}")
    if loosens is not None and (loosens not in loosening.RULES or effect != "write"):
        raise Broken(f"operation {name} names an unknown loosening rule, or is not a write")
    if by_name(name) is not None:
        raise Broken(f"operation {name} is declared twice")


def _answer_type(request: type[Request[Any]]) -> type[View]:
    for base in request.__mro__:
        arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
        if arguments:
            answer: type[View] = arguments[0]
            return answer
    raise Broken(f"{request.__name__} does not name its answer: write Request[SomeView]")


def _audit_action(name: str) -> str:
    verb, _, noun = name.partition("_")
    return f"{noun}.{verb}"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def header_of(request: type[Request[Any]], field: str) -> str | None:
    """The HTTP header that carries a field over REST, if one does."""
    metadata = request.model_fields[field].metadata
    return next((item.name for item in metadata if isinstance(item, Header)), None)
