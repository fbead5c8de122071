"""What is asked of a service's authorization server: every parameter where the RFCs have it, and none twice."""

import base64
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import HostPort
from stack_local.oauth import upstream
from stack_local.oauth.tokens_upstream import TokenRequest
from stack_local.oauth.upstream import Client, LogIn, TokenServer, authorization_url, server_of
from stack_local.service_templates import TemplateOAuth

HOST = "https://auth.example.com"
REDIRECT = "http://127.0.0.1:7822/connect/callback"
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636, appendix B."""
PUBLIC, CONFIDENTIAL = Client("app"), Client("app", Secret("s3cret"))
SERVER = TokenServer(f"{HOST}/token", f"{HOST}/revoke")


def oauth(**changed: Any) -> TemplateOAuth:
    usual = {
        "authorization_url": f"{HOST}/authorize",
        "token_url": f"{HOST}/token",
        "register_url": f"{HOST}/apps",
    }
    return TemplateOAuth.model_validate(usual | changed)


def login(**changed: Any) -> LogIn:
    usual: dict[str, Any] = {"client": PUBLIC, "scopes": ("read", "write:all"), "redirect_uri": REDIRECT}
    return LogIn(**{**usual, "state": Secret("st"), "verifier": VERIFIER, **changed})


def asked(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


USUAL = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": REDIRECT,
    "state": "st",
    "scope": "read write:all",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}

LOG_INS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str | None]]] = {
    "as the RFCs have it": ({}, {}, {}),
    "commas between scopes": ({"scopes_separator": ","}, {}, {"scope": "read,write:all"}),
    "scopes of a person, as Slack names them": (
        {"scope_parameter": "user_scope"},
        {},
        {"scope": None, "user_scope": "read write:all"},
    ),
    "no scopes": ({}, {"scopes": ()}, {"scope": None}),
    "a service without PKCE": ({"pkce": False}, {}, {"code_challenge": None, "code_challenge_method": None}),
    "parameters of the service": (
        {"authorization_parameters": {"access_type": "offline"}},
        {},
        {"access_type": "offline"},
    ),
    "parameters of the service that are ours": (
        {"authorization_parameters": {"redirect_uri": "https://evil.example.com", "state": "known"}},
        {},
        {},
    ),
    "an address with a query": ({"authorization_url": f"{HOST}/authorize?owner=user"}, {}, {"owner": "user"}),
}


@pytest.mark.parametrize(("template", "of", "differs"), LOG_INS.values(), ids=LOG_INS)
def test_a_browser_is_sent_with_everything_the_service_needs(
    template: dict[str, Any], of: dict[str, Any], differs: dict[str, str | None]
) -> None:
    url = authorization_url(oauth(**template), {}, login(**of))
    expected = {name: value for name, value in (USUAL | differs).items() if value is not None}
    assert (url.partition("?")[0], asked(url)) == (f"{HOST}/authorize", expected)


def test_the_persons_own_part_stands_in_every_address() -> None:
    own = {name: f"https://{{{{site}}}}.example.com/{name}" for name in ("authorization_url", "token_url")}
    template = oauth(**own, revocation_url="https://{{site}}.example.com/revoke")
    server = server_of(template, {"site": "acme"}, ())
    assert (server.token_url, server.revocation_url) == (
        "https://acme.example.com/token_url",
        "https://acme.example.com/revoke",
    )
    assert authorization_url(template, {"site": "acme"}, login()).startswith("https://acme.example.com/auth")
    with pytest.raises(InvalidRequest) as refused:
        server_of(template, {}, ())
    assert refused.value.details["field"] == "placeholders.site"


def test_only_a_host_that_is_the_persons_own_may_be_private() -> None:
    assert server_of(oauth(), {}, ()).private_allowed == frozenset()
    own = server_of(oauth(), {}, ("git.acme.example:8443",))
    assert own.private_allowed == frozenset({HostPort("git.acme.example", 8443)})


def of(request: TokenRequest | None) -> tuple[str, dict[str, str], str | None]:
    """Where it goes, its form, and its Authorization."""
    assert request is not None
    headers = {name.lower(): value for name, value in request.headers}
    assert (request.method, headers["accept"]) == ("POST", "application/json")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    pairs = parse_qsl(request.body.decode("ascii"), strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return request.url.text, dict(pairs), headers.get("authorization")


CODE = {"grant_type": "authorization_code", "code": "c/1", "redirect_uri": REDIRECT, "client_id": "app"}
REQUESTS: dict[str, tuple[TokenRequest | None, str, dict[str, str]]] = {
    "a code": (
        upstream.code_request(SERVER, login(), Secret("c/1"), pkce=True),
        "/token",
        {**CODE, "code_verifier": VERIFIER.reveal()},
    ),
    "a code without PKCE": (upstream.code_request(SERVER, login(), Secret("c/1"), pkce=False), "/token", CODE),
    "a code of a client with a secret": (
        upstream.code_request(SERVER, login(client=CONFIDENTIAL), Secret("c/1"), pkce=False),
        "/token",
        {**CODE, "client_secret": "s3cret"},
    ),
    "a refresh": (
        upstream.refresh_request(SERVER, PUBLIC, Secret("r&1")),
        "/token",
        {"grant_type": "refresh_token", "refresh_token": "r&1", "client_id": "app"},
    ),
    "the application itself": (
        upstream.client_credentials_request(SERVER, CONFIDENTIAL, ("a", "b")),
        "/token",
        {"grant_type": "client_credentials", "scope": "a b", "client_id": "app", "client_secret": "s3cret"},
    ),
    "a device": (
        upstream.device_request(f"{HOST}/device", SERVER, PUBLIC, ("a",)),
        "/device",
        {"client_id": "app", "scope": "a"},
    ),
    "a look at a device": (
        upstream.device_token_request(SERVER, PUBLIC, Secret("d1")),
        "/token",
        {"grant_type": upstream.DEVICE_GRANT, "device_code": "d1", "client_id": "app"},
    ),
    "a revocation": (
        upstream.revocation_request(SERVER, PUBLIC, Secret("t1"), hint="refresh_token"),
        "/revoke",
        {"token": "t1", "token_type_hint": "refresh_token", "client_id": "app"},
    ),
}


@pytest.mark.parametrize(("request_", "path", "form"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_has_the_form_of_its_rfc(request_: TokenRequest | None, path: str, form: dict[str, str]) -> None:
    assert of(request_) == (HOST + path, form, None)


def test_a_service_without_a_revocation_endpoint_is_not_asked() -> None:
    assert upstream.revocation_request(TokenServer(f"{HOST}/token"), PUBLIC, Secret("t1"), hint="x") is None


CLIENTS: dict[str, tuple[str, Client, str | None, set[str]]] = {
    "a secret in the form": ("client_secret_post", CONFIDENTIAL, None, {"client_id", "client_secret"}),
    "a secret in the header": ("client_secret_basic", CONFIDENTIAL, "app:s3cret", set()),
    "a header that must be escaped": ("client_secret_basic", Client("a:b", Secret("c d")), "a%3Ab:c%20d", set()),
    "a public client where a secret is usual": ("client_secret_basic", PUBLIC, None, {"client_id"}),
    "a secret that the service does not take": ("none", CONFIDENTIAL, None, {"client_id"}),
}


@pytest.mark.parametrize(("how", "client", "basic", "fields"), CLIENTS.values(), ids=CLIENTS)
def test_a_client_says_who_it_is_in_one_way(how: str, client: Client, basic: str | None, fields: set[str]) -> None:
    server = TokenServer(f"{HOST}/token", client_authentication=how)
    _, form, authorization = of(upstream.refresh_request(server, client, Secret("r1")))
    assert form.keys() - {"grant_type", "refresh_token"} == fields
    assert authorization == (None if basic is None else "Basic " + base64.b64encode(basic.encode()).decode())


def test_no_secret_shows_in_a_value_that_is_printed() -> None:
    request = upstream.code_request(SERVER, login(client=CONFIDENTIAL), Secret("c-o-d-e"), pkce=True)
    shown = repr((request, login(client=CONFIDENTIAL)))
    assert [secret for secret in ("s3cret", "c-o-d-e", VERIFIER.reveal()) if secret in shown] == []
