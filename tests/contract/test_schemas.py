"""What agents read of every operation is a committed snapshot, and stays within a budget of bytes.

After a deliberate change: `python -m tests.contract.regenerate schemas`, and read the diff.
"""

import json
from pathlib import Path
from typing import Any

from stack_local.surfaces.mcp import describe
from stack_local.wire.catalogue import CATALOGUE
from stack_local.wire.tool_schemas import input_schema, output_schema

TABLE = Path(__file__).with_name("schemas.json")

TOOLS_LIST_BYTES = 150_000
"""Ceiling for the whole tools/list, a tenth above the 92 410 bytes it had when it was set."""


def current() -> dict[str, Any]:
    """Every operation's name, route, input and output."""
    return {
        operation.name: {
            "tool": operation.tool if "mcp" in operation.surfaces else None,
            "route": f"{operation.method} {operation.path}",
            "input": input_schema(operation),
            "output": output_schema(operation),
        }
        for operation in CATALOGUE.values()
    }


def text_of(table: dict[str, Any]) -> str:
    """A table as the file holds it: one operation a line."""
    rows = (f" {json.dumps(name)}: {json.dumps(table[name], sort_keys=True)}" for name in sorted(table))
    return "{\n" + ",\n".join(rows) + "\n}\n"


def tools_list_bytes() -> int:
    """The size of the whole tools/list as it goes over the wire."""
    tools = [describe(operation) for operation in CATALOGUE.values() if "mcp" in operation.surfaces]
    return len(json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]))


def test_names_routes_and_schemas_are_those_of_the_snapshot() -> None:
    said, now = json.loads(TABLE.read_text()), json.loads(text_of(current()))
    assert sorted(said) == sorted(now)
    assert [name for name in said if said[name] != now[name]] == []


def test_the_whole_tools_list_stays_within_its_budget() -> None:
    assert tools_list_bytes() <= TOOLS_LIST_BYTES
