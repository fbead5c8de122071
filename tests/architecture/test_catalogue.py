"""What every declaration of the catalogue must say, and the names that the product fixed."""

import re
from collections import Counter

import pytest

from stack_local import wire
from stack_local.domain import scopes
from stack_local.surfaces.openapi import path_fields
from stack_local.wire.catalogue import CATALOGUE, Operation, header_of

TOOL = re.compile(r"[A-Za-z0-9_-]{1,45}")
"""Clients put `mcp__<server>__` before it, and the whole may have 64 characters (reference/mcp-clients.md)."""

DESCRIPTION_BYTES = 2048
"""Claude Code cuts what is longer."""

FIXED = """
register_agent list_agents grant_agent_access revoke_agent_access get_agent_permissions get_agent update_agent
delete_agent unblock_agent
issue_passport verify_passport refresh_passport list_active_passports revoke_passport revoke_agent_passports
revoke_session revoke_all_passports get_passport_report delegate_passport checkpoint
simulate_intent submit_intent get_intent_approval list_intents approve_intent reject_intent
list_services connect_service connect_custom_service verify_connection list_credential_templates get_credential
list_credentials disconnect_service
proxy_request
list_audit audit_chain_head verify_audit_chain
"""
"""Tools of product.md section 2 that the first issue builds, without their prefix `stack_`."""

operations = pytest.mark.parametrize("operation", CATALOGUE.values(), ids=lambda operation: operation.name)


@operations
def test_a_tool_has_a_name_that_every_client_takes(operation: Operation) -> None:
    assert TOOL.fullmatch(operation.tool)
    assert operation.tool.startswith("stack_")


@operations
def test_an_operation_says_what_it_does(operation: Operation) -> None:
    assert operation.request.__doc__
    assert operation.description.endswith(".")
    assert len(operation.description.encode()) <= DESCRIPTION_BYTES
    assert operation.answer.__doc__


@operations
def test_an_operation_names_a_known_scope_or_is_public(operation: Operation) -> None:
    assert operation.scope is None or operation.scope in scopes.DESCRIPTIONS


@operations
def test_a_loosening_operation_can_be_repeated_after_a_decision(operation: Operation) -> None:
    fields = operation.request.model_fields
    assert ("governance_approval_id" in fields) == (operation.loosens is not None)
    if operation.loosens is not None:
        assert header_of(operation.request, "governance_approval_id") == "X-Governance-Approval"
        assert not fields["governance_approval_id"].is_required()


@operations
def test_a_route_names_only_fields_of_its_request(operation: Operation) -> None:
    assert operation.method in {"GET", "POST", "PATCH", "DELETE"}
    assert set(path_fields(operation)) <= set(operation.request.model_fields)
    assert all(operation.request.model_fields[name].is_required() for name in path_fields(operation))


@operations
def test_a_get_changes_nothing_but_for_a_disclosure(operation: Operation) -> None:
    assert operation.method != "GET" or operation.effect == "read" or operation.name == "get_credential"


@operations
def test_a_body_that_is_one_field_names_a_field_of_the_answer(operation: Operation) -> None:
    assert operation.body is None or operation.body in operation.answer.model_fields


@operations
def test_an_operation_is_declared_in_one_of_the_areas(operation: Operation) -> None:
    assert operation.area in wire.__all__


def test_no_two_operations_share_a_route() -> None:
    shapes = Counter((o.method, re.sub(r"{\w+}", "{}", o.path)) for o in CATALOGUE.values())
    assert [route for route, count in shapes.items() if count > 1] == []


def test_no_two_operations_share_a_tool_or_an_audit_action() -> None:
    tools, actions = Counter(o.tool for o in CATALOGUE.values()), Counter(o.audit for o in CATALOGUE.values())
    assert [name for name, count in tools.items() if count > 1] == []
    # A proxied call is one act, and so is connecting a service, by whichever of two tools.
    twice = {name: count for name, count in actions.items() if count > 1}
    assert twice == {"credential.proxy": 2, "service.connect": 2}


def test_the_tools_that_the_product_fixed_exist() -> None:
    assert {f"stack_{name}" for name in FIXED.split()} <= {operation.tool for operation in CATALOGUE.values()}


def test_every_scope_is_asked_for_by_some_operation() -> None:
    asked = {operation.scope for operation in CATALOGUE.values()} - {None}
    assert asked == scopes.ALL
