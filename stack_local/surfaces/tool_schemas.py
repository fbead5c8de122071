"""JSON schemas for agents, derived from requests and views, without what costs tokens and says nothing."""

from typing import Any

from stack_local.wire.catalogue import Operation

Schema = dict[str, Any]


def input_schema(operation: Operation) -> Schema:
    """What the tool takes: an object with properties, even if there are none."""
    schema: Schema = slimmed(operation.request.model_json_schema(), nulls=False)
    schema.pop("description", None)
    schema.setdefault("properties", {})
    return schema


def output_schema(operation: Operation) -> Schema:
    """What the tool answers."""
    schema: Schema = slimmed(operation.answer.model_json_schema(mode="serialization"), nulls=True)
    schema.pop("description", None)
    return schema


def slimmed(node: Any, *, nulls: bool) -> Any:
    """Without titles; on input also without the null alternative of a field that may simply be left out."""
    if isinstance(node, list):
        return [slimmed(item, nulls=nulls) for item in node]
    if not isinstance(node, dict):
        return node
    slim = {
        key: slimmed(value, nulls=nulls)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
    if not nulls and "default" in slim and slim["default"] is None:
        del slim["default"]
        slim = _without_null(slim)
    if slim.get("type") == "array":
        slim.setdefault("items", {})
    return slim


def _without_null(node: Schema) -> Schema:
    alternatives = [item for item in node.get("anyOf", []) if item != {"type": "null"}]
    if len(alternatives) != 1 or len(alternatives) == len(node.get("anyOf", [])):
        return node
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**alternatives[0], **rest}
