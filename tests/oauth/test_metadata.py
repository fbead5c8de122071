"""The documents, and the challenge that leads to them: what they promise is what is served, and no more."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from stack_local.domain import scopes
from stack_local.oauth.metadata import (
    AUTHORIZATION_SERVER_PATH,
    PROTECTED_RESOURCE_PATH,
    RESOURCE_PATHS,
    authorization_server,
    protected_resource,
)
from tests.conftest import Running, decoded
from tests.oauth.flow import SHARED

BASE = "http://127.0.0.1:7822"
PROMISED = authorization_server(BASE)

EXACTLY = {
    "the issuer has no slash at its end": ("issuer", BASE),
    "only codes (RFC 9700 2.1.2)": ("response_types_supported", ["code"]),
    "only in the query": ("response_modes_supported", ["query"]),
    "S256 alone (RFC 9700 2.1.1)": ("code_challenge_methods_supported", ["S256"]),
    "no client secrets": ("token_endpoint_auth_methods_supported", ["none"]),
    "nor for revocation": ("revocation_endpoint_auth_methods_supported", ["none"]),
    "the issuer is in each answer (RFC 9207 3)": ("authorization_response_iss_parameter_supported", True),
}

ABSENT = [
    "client_id_metadata_document_supported",  # clients then log in by a document nobody may fetch here
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "pushed_authorization_request_endpoint",
    "userinfo_endpoint",
]


@pytest.mark.parametrize(("member", "value"), EXACTLY.values(), ids=EXACTLY)
def test_the_server_promises_exactly(member: str, value: object) -> None:
    assert PROMISED[member] == value


@pytest.mark.parametrize("member", ABSENT)
def test_the_server_does_not_promise(member: str) -> None:
    assert member not in PROMISED


@pytest.mark.parametrize("grant", ["password", "implicit", "client_credentials"])
def test_no_grant_is_promised_that_must_not_be(grant: str) -> None:
    """RFC 9700, sections 2.1.2 and 2.4."""
    assert grant not in str(PROMISED["grant_types_supported"])


def test_every_endpoint_has_the_issuers_origin() -> None:
    for name, value in PROMISED.items():
        if name.endswith(("_endpoint", "_uri")):
            assert str(value).startswith(f"{BASE}/")


def test_the_scopes_are_not_the_whole_catalogue() -> None:
    """O-28."""
    promised = PROMISED["scopes_supported"]
    assert isinstance(promised, list)
    assert frozenset(promised) == scopes.OAUTH
    assert not frozenset(promised) & (scopes.PERSON_ONLY | {"offline_access", "openid", "agents:write"})


@pytest.mark.parametrize("path", RESOURCE_PATHS)
def test_a_resource_names_itself_and_its_one_server(path: str) -> None:
    """RFC 9728, section 2."""
    document = protected_resource(BASE, path)
    assert document["resource"] == f"{BASE}{path}"
    assert document["authorization_servers"] == [BASE]
    assert document["bearer_methods_supported"] == ["header"]


@SHARED
async def test_the_issuer_is_the_address_its_document_was_fetched_from(hotel: Running) -> None:
    """RFC 8414, section 3.3."""
    async with hotel.http() as http:
        response = await http.get(AUTHORIZATION_SERVER_PATH)
    assert (response.status_code, decoded(response)["issuer"]) == (200, hotel.base_url)
    assert response.headers["content-type"] == "application/json"


@SHARED
@pytest.mark.parametrize("path", RESOURCE_PATHS)
async def test_each_resource_has_its_document_at_its_own_path(hotel: Running, path: str) -> None:
    """RFC 9728, sections 3.1 and 3.3."""
    async with hotel.http() as http:
        response = await http.get(f"{PROTECTED_RESOURCE_PATH}{path}")
    assert decoded(response)["resource"] == f"{hotel.base_url}{path}"


@SHARED
async def test_every_endpoint_that_is_promised_is_there(hotel: Running) -> None:
    async with hotel.http() as http:
        document = decoded(await http.get(AUTHORIZATION_SERVER_PATH))
        for name, value in document.items():
            if name.endswith("_endpoint"):
                assert (await http.post(urlsplit(value).path)).status_code != 404, name
        assert (await http.get(urlsplit(document["jwks_uri"]).path)).status_code == 200


CHALLENGED = {
    "the MCP endpoint": ("POST", "/mcp", "/mcp"),
    "the MCP endpoint by GET": ("GET", "/mcp", "/mcp"),
    "the MCP endpoint by DELETE": ("DELETE", "/mcp", "/mcp"),
    "the smaller one": ("POST", "/mcp/core", "/mcp/core"),
    "REST": ("POST", "/v1/call/list_services", ""),
}


@SHARED
@pytest.mark.parametrize(("method", "path", "resource"), CHALLENGED.values(), ids=CHALLENGED)
@pytest.mark.parametrize("bearer", [None, "garbage"], ids=["nobody", "garbage"])
async def test_a_401_says_where_to_log_in_and_for_what(
    hotel: Running, method: str, path: str, resource: str, bearer: str | None
) -> None:
    """RFC 9728, section 5.1; RFC 6750, section 3: no error is named to whoever sent no bearer."""
    async with hotel.http(bearer) as http:
        response = await http.request(method, path, json={} if method == "POST" else None)
    assert response.status_code == 401
    said = challenge_of(response.headers["www-authenticate"])
    assert said["resource_metadata"] == f"{hotel.base_url}{PROTECTED_RESOURCE_PATH}{resource}"
    assert frozenset(said["scope"].split()) == scopes.OAUTH_USUAL
    assert said.get("error") == (None if bearer is None else "invalid_token")


def challenge_of(header: str) -> dict[str, Any]:
    """The parameters of one Bearer challenge."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    pairs = [part.partition("=") for part in rest.split(", ")]
    assert all(value[0] == value[-1] == '"' for _, _, value in pairs)
    return {name: value.strip('"') for name, _, value in pairs}
