"""OpenAPI: every route that agents have, with its fields where they travel, and no dangling reference."""

import json
import re

import pytest

from stack_local.surfaces.openapi import document
from stack_local.wire.catalogue import CATALOGUE, Operation, header_of

BASE_URL = "http://127.0.0.1:7822"
DOCUMENT = document(BASE_URL)

served = pytest.mark.parametrize(
    "operation", [o for o in CATALOGUE.values() if "rest" in o.surfaces], ids=lambda operation: operation.name
)


def _entry(operation: Operation) -> dict[str, object]:
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def _carried(operation: Operation) -> dict[str, str]:
    """Each name on the wire and where it travels."""
    entry = _entry(operation)
    body = entry.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    parameters = {item["name"]: item["in"] for item in entry.get("parameters", [])}
    return {**parameters, **dict.fromkeys(body.get("properties", {}), "body")}


@served
def test_every_field_travels_once_and_in_its_place(operation: Operation) -> None:
    carried = _carried(operation)
    assert len(carried) == len(operation.request.model_fields)
    for field in operation.request.model_fields:
        header = header_of(operation.request, field)
        if f"{{{field}}}" in operation.path:
            assert carried[field] == "path"
        elif header:
            assert carried[header] == "header"
        else:
            assert carried[field] == ("query" if operation.method in ("GET", "DELETE") else "body")


@served
def test_a_route_names_its_scope_or_is_open(operation: Operation) -> None:
    expected = [] if operation.scope is None else [{"bearer": [operation.scope]}]
    assert _entry(operation)["security"] == expected


def test_the_document_has_the_routes_of_agents_and_no_other() -> None:
    found = {entry["operationId"] for methods in DOCUMENT["paths"].values() for entry in methods.values()}
    assert found == {operation.name for operation in CATALOGUE.values() if "rest" in operation.surfaces}


def test_every_reference_leads_somewhere() -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        node = DOCUMENT
        for part in reference.split("/"):
            node = node[part]
        assert isinstance(node, dict)


def test_a_required_field_of_the_body_makes_the_body_required() -> None:
    body = DOCUMENT["paths"]["/v1/agents/register"]["post"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"]["required"] == ["name"]


def test_a_bare_list_is_the_whole_answer() -> None:
    answer = DOCUMENT["paths"]["/v1/agents"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["type"] == "array"
    assert answer["schema"]["items"] == {"$ref": "#/components/schemas/Agent"}


def test_the_server_is_the_one_that_was_asked() -> None:
    assert DOCUMENT["servers"] == [{"url": BASE_URL}]
    assert DOCUMENT["openapi"].startswith("3.1.")
