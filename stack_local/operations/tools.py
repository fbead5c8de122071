"""Finding a tool by words."""

import re

from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.store.database import Tx
from stack_local.wire.catalogue import CATALOGUE, Operation
from stack_local.wire.tool_schemas import input_schema
from stack_local.wire.tools import FindTool, FoundTool, FoundTools

SHOWN = 5
"""Matches in one answer: each brings its schema."""

NAME_WEIGHT = 3
"""A word of a tool's name tells more than one of its description."""

LEAST_LETTERS = 3
"""Shorter words match too much."""


@handles(FindTool)
def find_tool(tx: Tx, ctx: Context, request: FindTool) -> FoundTools:
    """The tools this bearer may call whose words are most like the query's."""
    asked = _words(request.query)
    usable = [known for known in CATALOGUE.values() if "mcp" in known.surfaces and known.is_for(ctx.actor)]
    scored = [(_score(known, asked), known) for known in usable]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])[:SHOWN]
    return FoundTools(items=[_found(known) for _, known in best])


def _found(known: Operation) -> FoundTool:
    return FoundTool(name=known.tool, description=known.description, input_schema=input_schema(known))


def _score(known: Operation, asked: frozenset[str]) -> int:
    name, description = _words(known.name.replace("_", " ")), _words(known.description)
    return sum(NAME_WEIGHT * _is_among(word, name) + _is_among(word, description) for word in asked)


def _is_among(word: str, words: frozenset[str]) -> bool:
    return any(other.startswith(word) or word.startswith(other) for other in words)


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.findall("[a-z]+", text.lower()) if len(word) >= LEAST_LETTERS)
