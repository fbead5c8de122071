"""What renews a credential: kept sealed beside it, asked of the service when it is due."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal

from stack_local.domain.errors import StackError, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import parse_url
from stack_local.egress.messages import InboundResponse
from stack_local.oauth import github_app, service_account
from stack_local.oauth.tokens_upstream import TokenRequest, Tokens
from stack_local.oauth.upstream import Client, TokenServer, client_credentials_request, refresh_request
from stack_local.oauth.upstream_answers import DEAD_CODES, Dead, Later, Waiting, read_tokens

Kind = Literal["refresh_token", "client_credentials", "github_app", "google_service_account"]

INSTALLATIONS = "/app/installations/"
"""Where the address of GitHub's API ends, in a template's address of the exchange."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """How the next token is had. It holds secrets, which `encode` opens to have them sealed."""

    kind: Kind
    server: TokenServer
    client: Client
    """Nobody for an exchange, where the key says who asks."""
    scopes: tuple[str, ...] = ()
    refresh_token: Secret | None = None
    fields: tuple[tuple[str, Secret], ...] = ()
    """What a person filled in for an exchange: an app's id and its key."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What the service knows of it, and must not come back in an answer; a private key never leaves."""
        found = (self.client.client_secret, self.refresh_token)
        return tuple(secret for secret in found if secret is not None)


def encode(renewal: Renewal) -> bytes:
    """Its bytes for sealing."""
    refresh_token, client_secret = renewal.refresh_token, renewal.client.client_secret
    plain = {
        "kind": renewal.kind,
        "server": asdict(renewal.server),
        "client_id": renewal.client.client_id,
        "client_secret": None if client_secret is None else client_secret.reveal(),
        "scopes": renewal.scopes,
        "refresh_token": None if refresh_token is None else refresh_token.reveal(),
        "fields": {name: value.reveal() for name, value in renewal.fields},
    }
    return json.dumps(plain).encode()


def decode(raw: bytes) -> Renewal:
    """The renewal that `encode` gave."""
    plain = json.loads(raw)
    return Renewal(
        kind=plain["kind"],
        server=TokenServer(**{**plain["server"], "own_hosts": tuple(plain["server"]["own_hosts"])}),
        client=Client(plain["client_id"], _secret(plain["client_secret"])),
        scopes=tuple(plain["scopes"]),
        refresh_token=_secret(plain["refresh_token"]),
        fields=tuple((name, Secret(value)) for name, value in plain["fields"].items()),
    )


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


def request_of(renewal: Renewal, *, at: datetime) -> TokenRequest:
    """What is asked of the service for the next token.

    Raises:
        InvalidRequest: a field of an exchange is none; names it.
    """
    match renewal.kind:
        case "refresh_token":
            assert renewal.refresh_token is not None  # by this kind
            return refresh_request(renewal.server, renewal.client, renewal.refresh_token)
        case "client_credentials":
            return client_credentials_request(renewal.server, renewal.client, renewal.scopes)
        case "github_app":
            fields = dict(renewal.fields)
            app = github_app.GitHubApp(
                fields["app_id"].reveal(), fields["installation_id"].reveal(), fields["private_key"]
            )
            api = parse_url(renewal.server.token_url.partition(INSTALLATIONS)[0])
            return github_app.token_request(app, api=api, at=at)
        case "google_service_account":
            return service_account.token_request(_account(renewal), scopes=renewal.scopes, at=at)


def _account(renewal: Renewal) -> service_account.ServiceAccount:
    host = parse_url(renewal.server.token_url).host
    return service_account.read_file(dict(renewal.fields)[service_account.FILE], token_host=host)


def outcome_of(renewal: Renewal, response: InboundResponse, *, at: datetime) -> Tokens | Dead | Later | Waiting:
    """What the request came to."""
    if renewal.kind in ("refresh_token", "client_credentials"):
        return read_tokens(response, renewal.server, at=at, is_refresh=True)
    try:
        if renewal.kind == "github_app":
            return github_app.read_tokens(response)
        return service_account.read_tokens(response, scopes=renewal.scopes, at=at)
    except UpstreamFailed as failed:
        return _failed_exchange(failed)


def _failed_exchange(failed: StackError) -> Dead | Later:
    """A key that is no longer listed is refused with 401, an installation that is gone with 404."""
    status, code = failed.details.get("status"), failed.details.get("error")
    if code in DEAD_CODES or status in (401, 404):
        return Dead(f"the service refused the key: {code or status}")
    return Later(f"the service answered {status}")


def renewed(renewal: Renewal, tokens: Tokens) -> Renewal:
    """What renews the next time: the new refresh token where there is one, else the same as before."""
    return renewal if tokens.refresh_token is None else replace(renewal, refresh_token=tokens.refresh_token)


def renewal_of(tokens: Tokens, server: TokenServer, client: Client, scopes: tuple[str, ...]) -> Renewal | None:
    """What renews the tokens of a log-in; None where the service gave no refresh token."""
    if tokens.refresh_token is None:
        return None
    return Renewal("refresh_token", server, client, tokens.scopes or scopes, tokens.refresh_token)
