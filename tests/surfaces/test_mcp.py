"""MCP on its three wires: what is listed, called and refused, and what takes too long."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from stack_local.domain import scopes
from stack_local.settings import Settings
from stack_local.wire.catalogue import CATALOGUE
from tests.conftest import TOKEN, Running, begin, served
from tests.contract.surfaces import mcp_client
from tests.contract.world import World, prepared
from tests.simulators.upstream import Upstream

INITIALIZED_WIRES = ("2025-06-18", "2025-11-25")
WAIT_SECONDS = 20
CORE_TOOLS = 15
"""At most so many at `/mcp/core` (issue B)."""


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


async def post(http: httpx.AsyncClient, wire: str, method: str, path: str = "/mcp", **params: Any) -> dict[str, Any]:
    """One JSON-RPC request as a client of this wire sends it."""
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": wire}
    response = await http.post(path, json=rpc(method, **params), headers=headers)
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("text/event-stream"):
        data = next(line for line in response.text.splitlines() if line.startswith("data: {"))
        return dict(json.loads(data.removeprefix("data: ")))
    return dict(response.json())


@pytest.mark.parametrize("wire", INITIALIZED_WIRES)
async def test_an_initialized_wire_lists_calls_and_refuses(appliance: Running, wire: str) -> None:
    async with appliance.http(await appliance.key()) as http:
        client = {"name": "t", "version": "1"}
        hello = await post(http, wire, "initialize", protocolVersion=wire, capabilities={}, clientInfo=client)
        listed = await post(http, wire, "tools/list")
        called = await post(http, wire, "tools/call", name="stack_list_services", arguments={})
        refused = await post(http, wire, "tools/call", name="stack_register_agent", arguments={"nome": "x"})
    assert hello["result"]["protocolVersion"] == wire
    assert "stack_proxy_request" in {tool["name"] for tool in listed["result"]["tools"]}
    assert called["result"]["structuredContent"] == json.loads(called["result"]["content"][0]["text"])
    assert refused["result"]["isError"] is True
    assert "INVALID_REQUEST" in refused["result"]["content"][0]["text"]


@pytest.mark.parametrize("wire", INITIALIZED_WIRES)
async def test_the_core_lists_a_few_tools_finds_the_rest_and_calls_them(appliance: Running, wire: str) -> None:
    async with appliance.http(await appliance.key()) as http:
        listed = await post(http, wire, "tools/list", "/mcp/core")
        words = {"query": "register an agent"}
        found = await post(http, wire, "tools/call", "/mcp/core", name="stack_find_tool", arguments=words)
        best = found["result"]["structuredContent"]["items"][0]
        arguments = {"name": "helper"}
        called = await post(http, wire, "tools/call", "/mcp/core", name=best["name"], arguments=arguments)
    names = [tool["name"] for tool in listed["result"]["tools"]]
    assert len(names) <= CORE_TOOLS
    assert {"stack_find_tool", "stack_proxy_read", "stack_submit_intent"} <= set(names)
    assert best["name"] == "stack_register_agent"
    assert best["name"] not in names
    assert called["result"]["structuredContent"]["name"] == "helper"


async def test_a_read_is_marked_as_one_and_takes_no_method_that_writes(tmp_path: Any) -> None:
    async with prepared(tmp_path) as world, mcp_client(world, "passport") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        target = {"service": "custom_demo", "url": f"{world.upstream.base_url}/things"}
        read = await client.call_tool("stack_proxy_read", target)
        written = await client.call_tool("stack_proxy_read", {**target, "method": "DELETE"})
        with_body = await client.call_tool("stack_proxy_read", {**target, "body": "x"})
    hints = {name: tools[name].annotations for name in ("stack_proxy_read", "stack_proxy_request")}
    assert [(hint.read_only_hint, hint.destructive_hint) for hint in hints.values()] == [(True, False), (False, True)]
    assert read.structured_content["status"] == 200
    assert [refused.is_error for refused in (written, with_body)] == [True, True]
    assert "method" in written.content[0].text


async def test_a_passport_is_not_told_how_to_name_one(tmp_path: Any) -> None:
    async with prepared(tmp_path) as world:
        async with mcp_client(world, "passport") as client:
            alone = (await client.list_tools()).tools
        async with mcp_client(world, "agent") as client:
            with_key = (await client.list_tools()).tools
    named = [
        [tool.name for tool in tools if "passport_token" in tool.input_schema["properties"]]
        for tools in (alone, with_key)
    ]
    assert named[0] == []
    assert "stack_proxy_read" in named[1]


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_the_sdks_client_lists_calls_and_is_refused_in_every_mode(tmp_path: Any, mode: str) -> None:
    async with prepared(tmp_path) as world, mcp_client(world, "agent", mode=mode) as client:
        tools = (await client.list_tools()).tools
        called = await client.call_tool("stack_list_services", {})
        refused = await client.call_tool("stack_get_agent", {"agent_id": "agt_" + "A" * 22})
        unknown = await client.call_tool("stack_create_key", {})
    assert all(tool.output_schema and tool.input_schema["type"] == "object" for tool in tools)
    assert called.structured_content == json.loads(called.content[0].text)
    assert called.structured_content["items"][0]["provider"] == "custom_demo"
    assert (refused.is_error, "NOT_FOUND" in refused.content[0].text) == (True, True)
    assert (unknown.is_error, "NOT_FOUND" in unknown.content[0].text) == (True, True)


async def test_a_list_holds_what_its_bearer_may_call(tmp_path: Any) -> None:
    held = {**scopes.PRESETS, "passport": scopes.PASSPORT}
    async with prepared(tmp_path) as world:
        listed = {bearer: await _names(world, bearer) for bearer in ("agent", "readonly", "admin", "passport")}
    expected = {
        bearer: [
            known.tool
            for known in CATALOGUE.values()
            if "mcp" in known.surfaces
            and (known.scope is None or known.scope in held[bearer])
            # A passport mints none; everything else it is shown it may use.
            and not (bearer == "passport" and known.tool == "stack_issue_passport")
        ]
        for bearer in listed
    }
    assert listed == expected


async def _names(world: World, bearer: str) -> list[str]:
    async with mcp_client(world, bearer) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS", "PUT"])
async def test_without_a_bearer_mcp_is_401_by_every_method(appliance: Running, method: str) -> None:
    async with appliance.http() as http:
        response = await http.request(method, "/mcp", json=rpc("tools/list"))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_call_that_takes_too_long_answers_with_its_operation_to_poll(tmp_path: Any) -> None:
    async with (
        Upstream(token=TOKEN) as upstream,
        served(tmp_path / "home", tmp_path / "state", tool_wait_seconds=0.5) as running,
    ):
        await begin(running)
        agent = await running.agent("helper", await running.connect(upstream))
        async with running.http(await running.key(agent_id=agent.id)) as http:
            url = f"{upstream.base_url}/slow"
            asked = {"name": "stack_proxy_request", "arguments": {"service": "custom_demo", "url": url}}
            answer = (await post(http, "2025-06-18", "tools/call", **asked))["result"]["structuredContent"]
            assert answer["status"] is None
            before = await _operation(http, answer["operation_id"])
            upstream.gate.set()
            after = await _finished(http, answer["operation_id"])
    assert before["state"] == "dispatching"
    assert (after["state"], after["response"]["body"]) == ("response_received", {"slow": True})
    assert len(upstream.requests) == 1


async def _operation(http: httpx.AsyncClient, operation_id: str) -> dict[str, Any]:
    asked = {"name": "stack_get_operation", "arguments": {"operation_id": operation_id}}
    result = await post(http, "2025-06-18", "tools/call", **asked)
    return dict(result["result"]["structuredContent"])


async def _finished(http: httpx.AsyncClient, operation_id: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS):
        while (found := await _operation(http, operation_id))["state"] == "dispatching":
            continue
    return found


def test_the_default_wait_is_below_the_five_seconds_of_clients() -> None:
    assert Settings().tool_wait_seconds <= 4
