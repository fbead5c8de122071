"""What a `tools/list` costs an agent: name, description and input schema of each tool, in bytes and in tokens."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import bpe_openai

from stack_local import wire
from stack_local.domain import scopes
from stack_local.domain.actors import Actor, Kind
from stack_local.surfaces.mcp import describe
from stack_local.wire.catalogue import CATALOGUE

ENCODING = "o200k_base"
"""The vocabulary of the newer models; it works without a network."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one list."""

    tools: int
    bytes: int
    tokens: int


def cost_of(held: frozenset[str], *, is_core: bool = False, has_passport: bool = False) -> Cost:
    """What a bearer with these scopes is shown."""
    assert wire.__all__
    bearer = Actor(Kind.PASSPORT if has_passport else Kind.KEY, "", held)
    shown = [
        describe(known, has_passport=has_passport)
        for known in CATALOGUE.values()
        if "mcp" in known.surfaces and (known.is_core or not is_core) and known.is_for(bearer)
    ]
    texts = [
        _as_sent({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
        for tool in shown
    ]
    return Cost(len(texts), sum(len(text.encode()) for text in texts), sum(_tokens(text) for text in texts))


def _as_sent(tool: dict[str, object]) -> str:
    return json.dumps(tool, ensure_ascii=False, separators=(",", ":"))


def _tokens(text: str) -> int:
    return len(_encoding().encode(text))


@cache
def _encoding() -> bpe_openai.Encoding:
    return bpe_openai.get_encoding(ENCODING)


LISTS: dict[str, Callable[[], Cost]] = {
    "a passport": partial(cost_of, scopes.PASSPORT, has_passport=True),
    "a passport at /mcp/core": partial(cost_of, scopes.PASSPORT, is_core=True, has_passport=True),
    "an agent key": partial(cost_of, scopes.PRESETS["agent"]),
    "an agent key at /mcp/core": partial(cost_of, scopes.PRESETS["agent"], is_core=True),
    "an admin": partial(cost_of, scopes.PRESETS["admin"]),
}
"""By bearer and path."""


def lines() -> list[str]:
    """One line for each list."""
    costs = {name: cost() for name, cost in LISTS.items()}
    return [
        f"{name:<28}{cost.tools:>4} tools {cost.bytes:>8} bytes {cost.tokens:>7} tokens" for name, cost in costs.items()
    ]
