"""OpenAPI 3.1 of the REST side, derived from the catalogue. Serving it is not its business."""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic.json_schema import models_json_schema

from stack_local import __version__
from stack_local.wire.catalogue import CATALOGUE, Operation, header_of
from stack_local.wire.tool_schemas import Schema, slimmed

VERSION = "3.1.1"
"""Of the OpenAPI specification."""

REFERENCE = "#/components/schemas/{model}"

WITHOUT_BODY = frozenset({"GET", "DELETE"})
"""Methods whose fields travel in the query."""

_ASKED: Literal["validation"] = "validation"
_ANSWERED: Literal["serialization"] = "serialization"

REFUSED: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "code"],
            "properties": {
                "message": {"type": "string"},
                "code": {"type": "string"},
                "details": {"type": "object", "description": "The field, the rule and the hint: what would pass."},
            },
        },
        "metadata": {"type": "object", "properties": {"gate_reason": {"type": "string"}}},
    },
}
"""The one envelope of every refusal."""


def document(base_url: str) -> Schema:
    """The whole document for an appliance that answers at `base_url`."""
    served = [operation for operation in CATALOGUE.values() if "rest" in operation.surfaces]
    names, schemas = named_schemas(served)
    paths: Schema = {}
    for operation in served:
        entry = _entry(operation, names[operation.answer], schemas)
        asked = slimmed(schemas.pop(names[operation.request]), nulls=False)
        entry.update(_question(operation, asked))
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    return {
        "openapi": VERSION,
        "info": {"title": "stack_local", "version": __version__, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Refused": REFUSED},
            "responses": {"Refused": {"description": "Refused or failed.", "content": _json(_reference("Refused"))}},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "API key or passport."}},
        },
    }


def named_schemas(operations: Sequence[Operation]) -> tuple[dict[type, str], Schema]:
    """Every request, every answer and what they hold: the name of each, and the schema by name."""
    asked = [(operation.request, _ASKED) for operation in operations]
    answered = [(operation.answer, _ANSWERED) for operation in operations]
    references, whole = models_json_schema([*asked, *answered], ref_template=REFERENCE)
    names = {model: ref["$ref"].rpartition("/")[2] for (model, _), ref in references.items()}
    schemas: Schema = slimmed(whole["$defs"], nulls=True)
    return names, schemas


def path_fields(operation: Operation) -> list[str]:
    """The fields that stand in the route."""
    return re.findall(r"{(\w+)}", operation.path)


def _entry(operation: Operation, answer_name: str, schemas: Schema) -> Schema:
    return {
        "operationId": operation.name,
        "tags": [operation.area],
        "summary": operation.title,
        "description": operation.description,
        "security": [] if operation.scope is None else [{"bearer": [operation.scope]}],
        "responses": {
            "200": {"description": "Done.", "content": _json(_answer(operation, answer_name, schemas))},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }


def _question(operation: Operation, asked: Schema) -> Schema:
    """Where each field of the request travels."""
    fields: Schema = asked.get("properties", {})
    required = frozenset(asked.get("required", ()))
    in_body = {name: schema for name, schema in fields.items() if _place(operation, name) == "body"}
    question: Schema = {}
    parameters = [
        _parameter(operation, name, schema, is_required=name in required)
        for name, schema in fields.items()
        if name not in in_body
    ]
    if parameters:
        question["parameters"] = parameters
    if in_body:
        question["requestBody"] = _body(in_body, required)
    return question


def _place(operation: Operation, field: str) -> str:
    if field in path_fields(operation):
        return "path"
    if header_of(operation.request, field):
        return "header"
    return "query" if operation.method in WITHOUT_BODY else "body"


def _parameter(operation: Operation, field: str, schema: Schema, *, is_required: bool) -> Schema:
    place = _place(operation, field)
    parameter: Schema = {
        "name": header_of(operation.request, field) if place == "header" else field,
        "in": place,
        "required": is_required or place == "path",
        "schema": {key: value for key, value in schema.items() if key != "description"},
    }
    if "description" in schema:
        parameter["description"] = schema["description"]
    return parameter


def _body(fields: Schema, required: frozenset[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": fields, "additionalProperties": False}
    needed = [name for name in fields if name in required]
    if needed:
        schema["required"] = needed
    return {"required": bool(needed), "content": _json(schema)}


def _answer(operation: Operation, name: str, schemas: Schema) -> Schema:
    """The answer over REST: the view, or the one field of it that is the whole body."""
    if operation.body is None:
        return _reference(name)
    field: Schema = schemas[name]["properties"][operation.body]
    return field


def _reference(name: str) -> Schema:
    return {"$ref": REFERENCE.format(model=name)}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
