"""REST: every refusal is JSON, wherever it comes from."""

import pytest

from tests.conftest import Running, decoded

NO_ROUTES = (
    "GET /",
    "GET /nothing",
    "GET /.well-known/openid-configuration",
    "POST /register",
    "GET /v1/agents/../admin",
    "GET /debug",
    "GET /metrics",
    "DELETE /v1/agents",
    "PUT /v1/proxy",
    "GET /v1/call/list_agents",
    "POST /v1/call/no_such_operation",
    "POST /v1/call/",
    "GET /v1/decisions",
    "GET /v1/status",
    "POST /v1/keys",
    "POST /v1/sessions",
    "POST /v1/vault/unlock",
)


@pytest.mark.parametrize("route", NO_ROUTES)
async def test_what_is_no_route_is_a_404_in_json(appliance: Running, route: str) -> None:
    method, _, path = route.partition(" ")
    async with appliance.http(await appliance.key()) as http:
        response = await http.request(method, path)
    assert response.headers["content-type"] == "application/json"
    assert (response.status_code, decoded(response)["error"]["code"]) == (404, "NOT_FOUND")


BODIES = {
    "not JSON": b"{",
    "an array": b"[]",
    "a string": b'"x"',
    "a member twice": b'{"name": "a", "name": "b"}',
    "not a number": b'{"name": NaN}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "half a character": b'{"name": "\\ud800"}',
    "not UTF-8": b'{"name": "\xff"}',
    "two values": b"{} {}",
    "too deep": b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/v1/agents/register", "/v1/call/register_agent", "/v1/proxy"])
async def test_a_body_that_is_not_one_json_object_is_400(appliance: Running, path: str, body: str) -> None:
    async with appliance.http(await appliance.key()) as http:
        response = await http.post(path, content=BODIES[body], headers={"Content-Type": "application/json"})
        assert (response.status_code, decoded(response)["error"]["code"]) == (400, "INVALID_REQUEST")
        assert (await http.get("/healthz")).status_code == 200


async def test_a_refusal_never_repeats_what_was_given(appliance: Running) -> None:
    async with appliance.http(await appliance.key()) as http:
        response = await http.post("/v1/call/register_agent", json={"name": {"secret": "hunter2hunter2"}})
    assert response.status_code == 400
    assert "hunter2" not in response.text


async def test_a_null_counts_as_left_out(appliance: Running) -> None:
    async with appliance.http(await appliance.key()) as http:
        made = await http.post("/v1/agents/register", json={"name": "helper", "description": None, "approvals": None})
    assert made.status_code == 200


async def test_the_description_of_the_rest_side_is_served(appliance: Running) -> None:
    async with appliance.http() as http:
        described = await http.get("/openapi.json")
    assert described.status_code == 200
    assert decoded(described)["servers"] == [{"url": appliance.base_url}]
    assert "/v1/proxy" in decoded(described)["paths"]


async def test_no_answer_is_cached(appliance: Running) -> None:
    async with appliance.http() as http:
        for path in ("/healthz", "/v1/agents", "/nothing", "/mcp"):
            assert (await http.get(path)).headers["cache-control"] == "no-store"
