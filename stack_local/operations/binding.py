"""Binding handlers to requests. What does not fit is refused at start-up."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from stack_local.domain.errors import Broken
from stack_local.operations.context import Context, Fields
from stack_local.store.database import Tx
from stack_local.wire.catalogue import CATALOGUE, Operation, Request, View

Answer = TypeVar("Answer", bound=View)
Asked = TypeVar("Asked", bound=Request[Any])

InTransaction = Callable[[Tx, Context, Any], View]
"""A `def` handler: one transaction, together with its record."""

WithTheWorld = Callable[[Context, Any], Awaitable[View]]
"""An `async def` handler: opens its own short transactions."""

Current = Callable[[Tx, Any], Fields]
"""What a loosening rule compares the request with."""


Before = Callable[[Context, Any], Awaitable[None]]
"""What a transaction cannot wait for: it leaves what it found in `ctx.trail`."""


After = Callable[[Context, Any], None]
"""What this process keeps in memory of a change, once it is durable with its record."""


@dataclass(frozen=True, slots=True)
class Binding:
    """An operation and what carries it out."""

    operation: Operation
    handler: Callable[..., Any]
    is_async: bool
    current: Current | None
    before: Before | None
    after: After | None


HANDLERS: dict[type[Request[Any]], Binding] = {}
"""Filled when the areas are imported."""


def handles(
    request: type[Request[Answer]],
    *,
    current: Current | None = None,
    before: Before | None = None,
    after: After | None = None,
) -> Callable[[Callable[..., Answer | Awaitable[Answer]]], Callable[..., Any]]:
    """Bind a handler to its request.

    Raises:
        Broken: the request has a handler already, or its form does not fit the operation's effect.
    """

    def bind(handler: Callable[..., Any]) -> Callable[..., Any]:
        operation = CATALOGUE[request]
        is_async = inspect.iscoroutinefunction(handler)
        if request in HANDLERS:
            raise Broken(f"{operation.name} has two handlers")
        if (operation.effect == "write" and is_async) or (operation.effect == "external" and not is_async):
            raise Broken(f"the handler of {operation.name} does not fit its effect {operation.effect}")
        HANDLERS[request] = Binding(operation, handler, is_async, current, before, after)
        return handler

    return bind


def check_complete() -> None:
    """Refuse to start with an operation nobody carries out.

    Raises:
        Broken: names them.
    """
    missing = [operation.name for request, operation in CATALOGUE.items() if request not in HANDLERS]
    if missing:
        raise Broken("no handler for " + ", ".join(missing))
