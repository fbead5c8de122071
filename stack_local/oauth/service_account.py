"""A Google service account: its file, the request for a token, and what is answered.

Source: Google, "Using OAuth 2.0 for Server to Server Applications", by HTTP/REST; RFC 7523, section 2.1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from stack_local.domain.canonical import Json, read_json
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.domain.urls import Url, parse_url
from stack_local.egress.messages import InboundResponse
from stack_local.oauth import assertions
from stack_local.oauth.tokens_upstream import TokenRequest, Tokens

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ASSERTION_SECONDS = 3600
"""From `iat` to `exp`: Google takes no more than an hour."""

MAX_LIFETIME_SECONDS = 24 * 3600
"""What an answer may say of how long a token is good. Google says an hour, and twelve at most."""

FILE = "service_account"
"""The field of the credential that holds the file."""

_WHOLE = "the JSON file, whole, as Google hands it out"
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What the file says that counts."""

    client_email: str
    private_key_id: str
    private_key: Secret
    token_uri: Url


def read_file(raw_file: Secret, *, token_host: str) -> ServiceAccount:
    """The account of a file; `token_host` is the only host that its assertions go to.

    Raises:
        InvalidRequest: names the member of the file.
    """
    members = _members(raw_file)
    if members.get("type") != "service_account":
        assertions.refuse("the file is not that of a service account", f"{FILE}.type", "service_account")
    account = ServiceAccount(
        client_email=_text(members, "client_email"),
        private_key_id=_text(members, "private_key_id"),
        private_key=Secret(_text(members, "private_key")),
        token_uri=_token_uri(_text(members, "token_uri"), token_host),
    )
    if not _EMAIL.fullmatch(account.client_email):
        assertions.refuse("the client_email of the file is no address", f"{FILE}.client_email", _WHOLE)
    if not _KEY_ID.fullmatch(account.private_key_id):
        assertions.refuse("the private_key_id of the file is none", f"{FILE}.private_key_id", _WHOLE)
    assertions.read_key(account.private_key, field=f"{FILE}.private_key")
    return account


def token_request(
    account: ServiceAccount, *, scopes: tuple[str, ...], at: datetime, subject: str | None = None
) -> TokenRequest:
    """The request for a token of these scopes; `subject` is whom it acts for, where a domain delegated that.

    Raises:
        InvalidRequest: names the field of the credential.
    """
    if not scopes or not all(map(_SCOPE.fullmatch, scopes)):
        assertions.refuse("there is no scope to ask for", "scopes", "at least one, each without blanks")
    if subject is not None and not _EMAIL.fullmatch(subject):
        assertions.refuse("the person to act for is no address", "subject", "name@example.com")
    claims = {"iss": account.client_email, "scope": " ".join(scopes), "aud": account.token_uri.text}
    if subject is not None:
        claims["sub"] = subject
    assertion = assertions.sign_assertion(
        claims,
        account.private_key,
        field=f"{FILE}.private_key",
        at=at,
        seconds=ASSERTION_SECONDS,
        key_id=account.private_key_id,
    )
    headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
    body = urlencode({"grant_type": GRANT, "assertion": assertion}).encode()
    return TokenRequest("POST", account.token_uri, headers, body)


def read_tokens(response: InboundResponse, *, scopes: tuple[str, ...], at: datetime) -> Tokens:
    """The token of the account. Its scopes are those that were asked for, unless the answer says others.

    Raises:
        UpstreamFailed: Google gave none.
    """
    answer = assertions.read_answer(response, status=200)
    seconds, said = answer.get("expires_in"), answer.get("scope")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds <= MAX_LIFETIME_SECONDS:
        assertions.fail(response, "expires_in")
    granted = tuple(said.split(" ")) if isinstance(said, str) else scopes
    if not all(map(_SCOPE.fullmatch, granted)):
        assertions.fail(response, "scope")
    token = assertions.read_token(response, answer.get("access_token"))
    return Tokens(token, None, at + timedelta(seconds=seconds), granted)


def _members(raw_file: Secret) -> Mapping[str, Json]:
    text = raw_file.reveal()
    if len(text) > assertions.MAX_KEY_CHARACTERS:
        assertions.refuse("the file is too long", FILE, f"at most {assertions.MAX_KEY_CHARACTERS} characters")
    try:
        members = read_json(text.encode("utf-8", "surrogatepass"))
    except InvalidRequest:
        members = None
    if not isinstance(members, dict):
        assertions.refuse("the file is not JSON", FILE, _WHOLE)
    return members


def _text(members: Mapping[str, Json], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        assertions.refuse(f"the file has no {name}", f"{FILE}.{name}", _WHOLE)
    return value


def _token_uri(raw: str, token_host: str) -> Url:
    try:
        url = parse_url(raw)
    except InvalidRequest as refused:
        assertions.refuse("the token_uri of the file is no address", f"{FILE}.token_uri", refused.message)
    if (url.scheme, url.host, url.port, url.raw_query) != ("https", token_host, 443, None):
        # Whoever has the assertion can have the token: no file chooses where it goes.
        rule = f"https://{token_host}, without a port or a query"
        assertions.refuse("the token_uri of the file leads elsewhere", f"{FILE}.token_uri", rule)
    return url
