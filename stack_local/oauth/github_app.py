"""A GitHub App: the request for a token of one installation, and what is answered.

Sources: GitHub, "Generating a JSON Web Token for a GitHub App" and "Create an installation access token for an app".
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from stack_local.domain.canonical import Json
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import Url, parse_url
from stack_local.egress.messages import InboundResponse
from stack_local.oauth import assertions
from stack_local.oauth.tokens_upstream import TokenRequest, Tokens

ASSERTION_SECONDS = 600
"""From `iat` to `exp`: GitHub takes no more than ten minutes."""

API_VERSION = "2022-11-28"
"""The version of GitHub's REST API that we read the answer of."""

_APP_ID = re.compile(r"[1-9][0-9]{0,19}|Iv[0-9A-Za-z.]{1,62}", re.ASCII)
_INSTALLATION_ID = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_PERMISSION = re.compile(r"[a-z_]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class GitHubApp:
    """An app and the installation it acts for."""

    app_id: str
    """The number of the app, or its client id, which GitHub prefers."""
    installation_id: str
    private_key: Secret
    """PEM, as GitHub hands it out."""


def token_request(app: GitHubApp, *, api: Url, at: datetime) -> TokenRequest:
    """The request; `api` is `https://api.github.com`, or `/api/v3` of an enterprise's own host.

    Raises:
        InvalidRequest: names the field of the credential.
    """
    if not _APP_ID.fullmatch(app.app_id):
        assertions.refuse("the app id is not one", "app_id", "the number or the client id on the app's page")
    if not _INSTALLATION_ID.fullmatch(app.installation_id):
        rule = "the number at the end of the installation's address"
        assertions.refuse("the installation id is not one", "installation_id", rule)
    claims = {"iss": app.app_id}
    assertion = assertions.sign_assertion(
        claims, app.private_key, field="private_key", at=at, seconds=ASSERTION_SECONDS
    )
    headers = (
        ("Accept", "application/vnd.github+json"),
        ("X-GitHub-Api-Version", API_VERSION),
        ("Authorization", f"Bearer {assertion}"),
    )
    path = f"{api.raw_path.rstrip('/')}/app/installations/{app.installation_id}/access_tokens"
    return TokenRequest("POST", parse_url(api.origin + path), headers, b"")


def read_tokens(response: InboundResponse) -> Tokens:
    """The token of the installation. Its scopes are its permissions, as `issues:write`.

    Raises:
        UpstreamFailed: GitHub gave none.
    """
    answer = assertions.read_answer(response, status=201)
    token = assertions.read_token(response, answer.get("token"))
    expires_at = _moment(response, answer.get("expires_at"))
    return Tokens(token, None, expires_at, _scopes(response, answer.get("permissions", {})))


def _moment(response: InboundResponse, value: Json) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        assertions.fail(response, "expires_at")
    if moment.tzinfo is None:
        assertions.fail(response, "expires_at")
    return moment.astimezone(UTC)


def _scopes(response: InboundResponse, permissions: Json) -> tuple[str, ...]:
    if not isinstance(permissions, dict):
        assertions.fail(response, "permissions")
    for name, level in permissions.items():
        if not isinstance(level, str) or not _PERMISSION.fullmatch(name) or not _PERMISSION.fullmatch(level):
            assertions.fail(response, "permissions")
    return tuple(sorted(f"{name}:{level}" for name, level in permissions.items()))
