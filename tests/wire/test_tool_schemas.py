"""Schemas for agents: whole, without titles, and each an object."""

from typing import Any

import pytest

from stack_local.wire.catalogue import CATALOGUE, Operation
from stack_local.wire.tool_schemas import input_schema, output_schema

TOOLS = [known for known in CATALOGUE.values() if "mcp" in known.surfaces]


@pytest.mark.parametrize("operation", TOOLS, ids=lambda known: known.name)
def test_a_schema_is_an_object_that_refuses_what_it_does_not_know(operation: Operation) -> None:
    for schema in (input_schema(operation), output_schema(operation)):
        assert schema["type"] == "object"
        assert "properties" in schema
    assert input_schema(operation)["additionalProperties"] is False


@pytest.mark.parametrize("operation", TOOLS, ids=lambda known: known.name)
def test_no_schema_carries_a_title_and_every_array_says_of_what(operation: Operation) -> None:
    for schema in (input_schema(operation), output_schema(operation)):
        assert [node for node in _nodes(schema) if isinstance(node.get("title"), str)] == []
        assert [node for node in _nodes(schema) if node.get("type") == "array" and "items" not in node] == []


def _nodes(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in _nodes(item)]
    if not isinstance(node, dict):
        return []
    return [node, *(found for item in node.values() for found in _nodes(item))]


@pytest.mark.parametrize("operation", TOOLS, ids=lambda known: known.name)
def test_a_field_that_may_be_left_out_offers_no_null(operation: Operation) -> None:
    wrong = [
        name
        for name, field in input_schema(operation)["properties"].items()
        if {"type": "null"} in field.get("anyOf", []) and "default" not in field
    ]
    assert wrong == []


@pytest.mark.parametrize("operation", TOOLS, ids=lambda known: known.name)
def test_no_input_spends_tokens_on_what_an_agent_never_meets(operation: Operation) -> None:
    nodes = _nodes(input_schema(operation))
    assert [node for node in nodes if "maxLength" in node or "propertyNames" in node or "JsonValue" in node] == []
    assert [node for node in nodes if "x-unshown" in node] == []


def test_every_definition_that_is_named_is_there_and_every_one_that_is_there_is_named() -> None:
    for operation in TOOLS:
        schema = input_schema(operation)
        named = {node["$ref"].rpartition("/")[2] for node in _nodes(schema) if "$ref" in node}
        assert named == set(schema.get("$defs", {})), operation.name
