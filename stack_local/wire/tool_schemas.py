"""JSON schemas of requests and answers without what says nothing, and shorter still for agents: they pay in tokens."""

import json
from functools import cache
from typing import Any

from stack_local.wire.catalogue import Operation
from stack_local.wire.types import UNSHOWN

Schema = dict[str, Any]

_ANYTHING = "#/$defs/JsonValue"
"""A definition of ours that is empty: any JSON."""

_BOUNDS = frozenset({"maxLength", "minLength", "maxItems", "minItems", "propertyNames", "writeOnly"})
"""What an agent does not run into; when it does, the refusal names the rule."""

_FILLED_BY_THE_BEARER = "passport_token"


def input_schema(operation: Operation, *, has_passport: bool = False) -> Schema:
    """What the tool takes: an object with properties, even if there are none.

    `has_passport`: the bearer is a passport, so that nothing has to be said of how to name one.
    """
    schema: Schema = slimmed(_shortened(operation.request.model_json_schema()), nulls=False)
    schema.pop("description", None)
    properties = schema.setdefault("properties", {})
    if has_passport and _FILLED_BY_THE_BEARER not in schema.get("required", ()):
        properties.pop(_FILLED_BY_THE_BEARER, None)
    _drop_unreferenced(schema)
    # Said once, for the whole of it: an unknown field is refused at every depth.
    schema["additionalProperties"] = False
    return schema


def _drop_unreferenced(schema: Schema) -> None:
    """Forget the definitions that only an unshown field named."""
    definitions = schema.get("$defs", {})
    while unused := [name for name in definitions if f'"#/$defs/{name}"' not in json.dumps(schema)]:
        for name in unused:
            del definitions[name]
    if not definitions:
        schema.pop("$defs", None)


@cache
def output_schema(operation: Operation) -> Schema:
    """What the tool answers."""
    schema: Schema = slimmed(operation.answer.model_json_schema(mode="serialization"), nulls=True)
    schema.pop("description", None)
    return schema


def _shortened(node: Any) -> Any:
    if isinstance(node, list):
        return [_shortened(item) for item in node]
    if not isinstance(node, dict):
        return node
    short = {key: _shortened(value) for key, value in node.items() if key not in _BOUNDS and not _is_unshown(value)}
    if short.get("additionalProperties") is False:
        del short["additionalProperties"]
    if short.get("format") == "password":
        del short["format"]
    if short.get("$ref") == _ANYTHING:
        del short["$ref"]
    definitions = short.pop("$defs", {})
    definitions.pop("JsonValue", None)
    return {"$defs": definitions, **short} if definitions else short


def _is_unshown(value: Any) -> bool:
    return isinstance(value, dict) and value.items() >= UNSHOWN.items()


def slimmed(node: Any, *, nulls: bool) -> Any:
    """Without titles; on input also without the null alternative of a field that may simply be left out."""
    if isinstance(node, list):
        return [slimmed(item, nulls=nulls) for item in node]
    if not isinstance(node, dict):
        return node
    slim = {
        key: slimmed(value, nulls=nulls)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and key not in UNSHOWN
    }
    if not nulls and "default" in slim and slim["default"] is None:
        del slim["default"]
        slim = _without_null(slim)
    if slim.get("type") == "array":
        slim.setdefault("items", {})
    return slim


def _without_null(node: Schema) -> Schema:
    alternatives = [item for item in node.get("anyOf", []) if item != {"type": "null"}]
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    if not alternatives:
        return node
    return {**alternatives[0], **rest} if len(alternatives) == 1 else {**rest, "anyOf": alternatives}
