"""Dynamic client registration: what real clients send is taken as it is; what would be dangerous is refused."""

from typing import Any

import pytest

from stack_local.domain.clients import MAX_NAME_CHARACTERS, MAX_REDIRECT_URIS
from stack_local.oauth.registration import MAX_CLIENTS, NAMELESS, UNUSED_HOURS
from tests.conftest import Running, decoded
from tests.oauth.flow import REDIRECT, SHARED, Login, error_of

Metadata = dict[str, Any]

CLIENTS: dict[str, Metadata] = {
    "Claude Code": {
        "client_name": "Claude Code (stack)",
        "redirect_uris": ["http://localhost:54212/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "scope": "agents:read services:read proxy:write",
    },
    "Codex": {
        "client_name": "Codex",
        "redirect_uris": ["http://127.0.0.1:38271/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    },
    "Cursor": {
        "client_name": "Cursor",
        "redirect_uris": [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    },
    "VS Code": {
        "client_name": "Visual Studio Code",
        "client_uri": "https://code.visualstudio.com",
        "redirect_uris": [
            "https://insiders.vscode.dev/redirect",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
        ],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    },
    "opencode": {
        "client_name": "OpenCode",
        "client_uri": "https://opencode.ai",
        "redirect_uris": ["http://127.0.0.1:19876/mcp/oauth/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    },
    "mcp-remote": {
        "client_name": "MCP CLI Proxy",
        "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
        "redirect_uris": ["http://127.0.0.1:3334/oauth/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
        "software_version": "0.15.1",
    },
    "MCP Inspector": {
        "client_name": "MCP Inspector",
        "client_uri": "https://github.com/modelcontextprotocol/inspector",
        "redirect_uris": ["http://localhost:6274/oauth/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "",
    },
}
"""As they are sent (mcp-clients.md, section 5)."""

LENIENT: dict[str, Metadata] = {
    "redirects alone (RFC 7591 2)": {"redirect_uris": [REDIRECT]},
    "a secret method, which we do not serve": {
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "private_key_jwt",
    },
    "no refresh tokens": {"redirect_uris": [REDIRECT], "grant_types": ["authorization_code"]},
    "an unknown grant among known": {"redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "password"]},
    "no grant and no response": {"redirect_uris": [REDIRECT], "grant_types": [], "response_types": []},
    "an unknown member (RFC 7591 2)": {"redirect_uris": [REDIRECT], "x": {"y": [1, None]}},
    "a logo on a metadata service": {"redirect_uris": [REDIRECT], "logo_uri": "http://169.254.169.254/latest"},
    "keys by reference": {"redirect_uris": [REDIRECT], "jwks_uri": "http://169.254.169.254/jwks"},
    "a name in another tongue": {"redirect_uris": [REDIRECT], "client_name#ja": "翻訳"},
}

BAD_REDIRECTS: dict[str, object] = {
    "none": [],
    "left out": None,
    "text": REDIRECT,
    "a number among them": [REDIRECT, 1],
    "null among them": [REDIRECT, None],
    "a bad one behind a good one": [REDIRECT, "http://evil.test/cb"],
    "javascript": ["javascript:alert(1)"],
    "data": ["data:text/html,x"],
    "file": ["file:///etc/passwd"],
    "http elsewhere": ["http://evil.test/cb"],
    "a wildcard host": ["https://*.x/cb"],
    "a fragment": ["https://app.test/cb#x"],
    "a user name": ["https://u@app.test/cb"],
    "a scheme without a dot": ["myapp:/cb"],
    "a line feed": ["https://app.test/cb\n"],
    "relative": ["/cb"],
    "an empty one": [""],
    "too many": [f"https://app.test/{number}" for number in range(MAX_REDIRECT_URIS + 1)],
    "too long": ["https://app.test/" + "a" * 1000],
}
"""O-08; RFC 7591, section 5; RFC 9700, section 4.1.3."""

BAD_METADATA: dict[str, Metadata] = {
    "a name that is ours": {"client_name": "STACK"},
    "a name that is ours in other letters": {"client_name": "ｓｔａｃｋ＿ｌｏｃａｌ"},
    "a name that is ours once it is clean": {"client_name": "S\u0301tac\u200bk"},
    "a name beyond its limit": {"client_name": "a" * 513},
    "a name of 15 KB": {"client_name": "a" * 15_000},
    "a name that is a number": {"client_name": 1},
    "a name that is a list": {"client_name": ["a"]},
    "grants that are text": {"grant_types": "authorization_code"},
    "grants without the one we serve": {"grant_types": ["client_credentials"]},
    "the implicit grant alone (RFC 9700 2.1.2)": {"grant_types": ["implicit"]},
    "the implicit response": {"response_types": ["token"]},
    "a method that is no text": {"token_endpoint_auth_method": True},
    "more grants than there are": {"grant_types": ["authorization_code"] * 33},
}


@SHARED
@pytest.mark.parametrize("metadata", CLIENTS.values(), ids=CLIENTS)
async def test_a_real_client_is_registered_as_it_is(guest: Login, metadata: Metadata) -> None:
    response = await guest.http.post("/oauth/register", json=metadata)
    said = decoded(response)
    assert response.status_code == 201, said
    assert response.headers["cache-control"] == "no-store"  # RFC 7591, section 3.2.1
    assert said["redirect_uris"] == metadata["redirect_uris"]
    assert said["client_name"] == metadata["client_name"]
    assert said["token_endpoint_auth_method"] == "none"
    assert said["grant_types"] == ["authorization_code", "refresh_token"]
    assert "client_secret" not in said  # RFC 8252, section 8.5: no secret that everybody has
    for uri in metadata["redirect_uris"]:
        guest.client_id = said["client_id"]
        assert (await guest.open(redirect_uri=uri)).status_code == 200


@SHARED
@pytest.mark.parametrize("metadata", LENIENT.values(), ids=LENIENT)
async def test_what_we_do_not_serve_is_replaced_or_left_out(guest: Login, metadata: Metadata) -> None:
    """RFC 7591, section 3.2.1: the answer says what was registered."""
    response = await guest.http.post("/oauth/register", json=metadata)
    said = decoded(response)
    assert response.status_code == 201, said
    assert said["token_endpoint_auth_method"] == "none"
    assert set(said["grant_types"]) <= {"authorization_code", "refresh_token"}
    assert not {"client_secret", "logo_uri", "jwks_uri", "x"} & set(said)


@SHARED
@pytest.mark.parametrize("uris", BAD_REDIRECTS.values(), ids=BAD_REDIRECTS)
async def test_a_bad_redirect_is_said_to_be_one(guest: Login, uris: object) -> None:
    """RFC 7591, section 3.2.2."""
    response = await guest.http.post("/oauth/register", json={"redirect_uris": uris})
    assert error_of(response) == (400, "invalid_redirect_uri")


@SHARED
@pytest.mark.parametrize("metadata", BAD_METADATA.values(), ids=BAD_METADATA)
async def test_bad_metadata_are_said_to_be_bad(guest: Login, metadata: Metadata) -> None:
    response = await guest.http.post("/oauth/register", json={"redirect_uris": [REDIRECT], **metadata})
    assert error_of(response) == (400, "invalid_client_metadata")
    assert "a" * 100 not in response.text


BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"redirect_uris=x", 400),
    "a list": (b"[]", 400),
    "text": (b'"x"', 400),
    "null": (b"null", 400),
    "a key twice": (b'{"redirect_uris": ["https://a.test/"], "redirect_uris": ["https://b.test/"]}', 400),
    "not a number": (b'{"redirect_uris": ["https://a.test/"], "x": NaN}', 400),
    "not UTF-8": (b'{"redirect_uris": ["https://a.test/"], "client_name": "\xff"}', 400),
    "half a letter": (b'{"redirect_uris": ["https://a.test/\\ud800"]}', 400),
    "half a letter in the name": (b'{"redirect_uris": ["https://a.test/"], "client_name": "\\ud800"}', 400),
    "too deep": (b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400),
    "too large": (b'{"redirect_uris": ["https://a.test/"], "x": "' + b"a" * 17_000 + b'"}', 413),
}


@SHARED
@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
async def test_a_body_that_is_no_metadata_is_refused(guest: Login, body: bytes, status: int) -> None:
    response = await guest.http.post("/oauth/register", content=body, headers={"Content-Type": "application/json"})
    assert error_of(response)[0] == status


NAMES = {
    "none": (None, NAMELESS),
    "an empty one": ("", NAMELESS),
    "marks alone": ("\u200b\u202e", NAMELESS),
    "a terminal sequence": ("\x1b]0;evil\x07x", "]0;evilx"),
    "markup": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "a direction override": ("\u202eeduoC", "eduoC"),
    "a long one": ("a" * 500, "a" * MAX_NAME_CHARACTERS),
}


@SHARED
@pytest.mark.parametrize(("name", "kept"), NAMES.values(), ids=NAMES)
async def test_a_name_is_kept_as_text(guest: Login, name: str | None, kept: str) -> None:
    said = await guest.register(client_name=name)
    assert said["client_name"] == kept


async def test_registrations_are_bounded_and_the_unused_are_forgotten(appliance: Running, login: Login) -> None:
    """O-09: a flood is refused, those let in go on, and a day later there is room again."""
    tokens = await login.tokens()
    oauth = appliance.appliance.authorization_server()
    for _ in range(MAX_CLIENTS - 1):
        await oauth.register({"redirect_uris": [REDIRECT]})
    response = await login.http.post("/oauth/register", json={"redirect_uris": [REDIRECT]})
    assert error_of(response) == (429, "temporarily_unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert (await login.refresh(tokens["refresh_token"])).status_code == 200
    appliance.system.advance(seconds=UNUSED_HOURS * 3600 + 1)
    async with appliance.http() as http:
        newcomer = Login(appliance, http)
        await newcomer.register()
        assert (await newcomer.open()).status_code == 200
    assert (await login.open()).status_code == 200


async def test_a_client_that_is_forgotten_is_unknown(appliance: Running, login: Login) -> None:
    await login.register()
    forgotten = login.client_id
    appliance.system.advance(seconds=UNUSED_HOURS * 3600 + 1)
    await login.register()
    login.client_id = forgotten
    assert (await login.open()).status_code == 400
    assert error_of(await login.token(code="a" * 43)) == (400, "invalid_client")


async def test_registering_takes_no_bearer_and_gives_no_right(appliance: Running, login: Login) -> None:
    """Open to all (RFC 7591, section 3), and worth nothing without a person."""
    said = await login.register()
    async with appliance.http(said["client_id"]) as http:
        assert (await http.post("/mcp", json={})).status_code == 401
