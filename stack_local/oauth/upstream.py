"""We as a client of a service's authorization server: what is asked of it, as values. Nothing is sent here.

Sources: RFC 6749 (code, refresh, client credentials), RFC 7636 (PKCE), RFC 7009 (revocation), RFC 8628 (device).
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from stack_local.domain.secrets import Secret
from stack_local.domain.urls import HostPort, parse_host_port, parse_url
from stack_local.oauth.tokens_upstream import TokenRequest
from stack_local.service_templates import TemplateOAuth, fill

CALLBACK_PATH = "/connect/callback"
"""Where a service sends the browser back to: exactly this, on our own loopback address."""

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

BASIC, POST = "client_secret_basic", "client_secret_post"
"""How a client with a secret says who it is (RFC 6749, section 2.3.1)."""


@dataclass(frozen=True, slots=True)
class Client:
    """The person's own application at the service."""

    client_id: str
    client_secret: Secret | None = None
    """None: a public client, for which PKCE alone speaks."""


@dataclass(frozen=True, slots=True)
class TokenServer:
    """What of a service's authorization server is needed for as long as the connection lasts."""

    token_url: str
    revocation_url: str | None = None
    client_authentication: str = POST
    scope_parameter: str = "scope"
    scopes_separator: str = " "
    token_path: str = "access_token"  # noqa: S105 (a place in an answer)
    own_hosts: tuple[str, ...] = ()
    """Hosts that are the person's own as a whole, an instance they run: those may be private."""

    @property
    def private_allowed(self) -> frozenset[HostPort]:
        """What egress is told of them."""
        return frozenset(parse_host_port(host) for host in self.own_hosts)


def server_of(oauth: TemplateOAuth, placeholders: Mapping[str, str], own_hosts: tuple[str, ...]) -> TokenServer:
    """The server that a template describes, with the person's own parts in its addresses."""
    revocation_url = oauth.revocation_url
    return TokenServer(
        token_url=fill(oauth.token_url, placeholders),
        revocation_url=None if revocation_url is None else fill(revocation_url, placeholders),
        client_authentication=oauth.client_authentication,
        scope_parameter=oauth.scope_parameter,
        scopes_separator=oauth.scopes_separator,
        token_path=oauth.token_path,
        own_hosts=own_hosts,
    )


@dataclass(frozen=True, slots=True)
class LogIn:
    """What one log-in at a service says of itself, and later shows to redeem its code."""

    client: Client
    scopes: tuple[str, ...]
    redirect_uri: str
    state: Secret
    verifier: Secret


def authorization_url(oauth: TemplateOAuth, placeholders: Mapping[str, str], login: LogIn) -> str:
    """Where the person's browser goes (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    assert oauth.authorization_url is not None  # a template with this grant has one
    url = parse_url(fill(oauth.authorization_url, placeholders))
    parameters = {
        **oauth.authorization_parameters,
        "response_type": "code",
        "client_id": login.client.client_id,
        "redirect_uri": login.redirect_uri,
        "state": login.state.reveal(),
    }
    if login.scopes:
        parameters[oauth.scope_parameter] = oauth.scopes_separator.join(login.scopes)
    if oauth.pkce:
        parameters |= {"code_challenge": challenge_of(login.verifier), "code_challenge_method": "S256"}
    written = urlencode(parameters, quote_via=quote)
    return f"{url.text}{'?' if url.raw_query is None else '&'}{written}"


def challenge_of(verifier: Secret) -> str:
    """RFC 7636, section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.reveal().encode()).digest()).rstrip(b"=").decode()


def code_request(server: TokenServer, login: LogIn, code: Secret, *, pkce: bool) -> TokenRequest:
    """Redeem a code (RFC 6749, section 4.1.3)."""
    form = {"grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": login.redirect_uri}
    if pkce:
        form["code_verifier"] = login.verifier.reveal()
    return _request(server.token_url, server, login.client, form)


def refresh_request(server: TokenServer, client: Client, refresh_token: Secret) -> TokenRequest:
    """A new access token for a refresh token; the scopes stay as they were (RFC 6749, section 6)."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    return _request(server.token_url, server, client, form)


def client_credentials_request(server: TokenServer, client: Client, scopes: tuple[str, ...]) -> TokenRequest:
    """A token for the application itself (RFC 6749, section 4.4.2)."""
    form = {"grant_type": "client_credentials"} | _scope(server, scopes)
    return _request(server.token_url, server, client, form)


def device_request(url: str, server: TokenServer, client: Client, scopes: tuple[str, ...]) -> TokenRequest:
    """Begin the device grant (RFC 8628, section 3.1): a client with no secret names itself by its id alone."""
    return _request(url, server, client, _scope(server, scopes))


def device_token_request(server: TokenServer, client: Client, device_code: Secret) -> TokenRequest:
    """Ask whether the person has said yes (RFC 8628, section 3.4)."""
    form = {"grant_type": DEVICE_GRANT, "device_code": device_code.reveal()}
    return _request(server.token_url, server, client, form)


def revocation_request(server: TokenServer, client: Client, token: Secret, *, hint: str) -> TokenRequest | None:
    """Take a token back (RFC 7009, section 2.1); None where the service has no such address."""
    if server.revocation_url is None:
        return None
    form = {"token": token.reveal(), "token_type_hint": hint}
    return _request(server.revocation_url, server, client, form)


def _scope(server: TokenServer, scopes: tuple[str, ...]) -> dict[str, str]:
    return {server.scope_parameter: server.scopes_separator.join(scopes)} if scopes else {}


def _request(url: str, server: TokenServer, client: Client, form: dict[str, str]) -> TokenRequest:
    headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")]
    secret = client.client_secret
    if secret is not None and server.client_authentication == BASIC:
        headers.append(("Authorization", _basic(client.client_id, secret)))
    else:
        form = {**form, "client_id": client.client_id}
        if secret is not None and server.client_authentication == POST:
            form["client_secret"] = secret.reveal()
    return TokenRequest("POST", parse_url(url), tuple(headers), urlencode(form).encode())


def _basic(client_id: str, secret: Secret) -> str:
    """RFC 6749, section 2.3.1: each half is escaped as in a form before the two are joined."""
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
