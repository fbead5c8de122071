"""authlib's framework-neutral core over one transaction: what it asks of a server, and our stricter checks."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError

from stack_local.domain import clients as rules
from stack_local.domain.clients import Client
from stack_local.domain.consents import Consent, granted_scopes, refresh_ends_at
from stack_local.oauth import tokens
from stack_local.oauth.ground import Ground, Pairs
from stack_local.oauth.metadata import DEVICE_GRANT, GRANT_TYPES, SCOPES
from stack_local.store import clients
from stack_local.store.database import Tx

FIRST_PARTY = Client(id="stack-cli", name="stack-local command", redirect_uris=(), is_first_party=True)
"""Our own command and the product's (product.md 4.1): it alone may use the device grant."""

MAX_STATE_BYTES = 2048
MAX_PARAMETER_BYTES = 8192

_ADDRESS = "https://localhost/oauth"
# authlib refuses plain http but for the name localhost, and reads nothing else from the address: ours is loopback.
_QUOTABLE = re.compile(r"[ !#-\[\]-~]*")
# RFC 6749, section 4.1.2.1: what an error description may hold. authlib quotes some parameters in its own.

Response = tuple[int, object, list[tuple[str, str]]]
"""Status, JSON or nothing, headers."""


class InvalidTargetError(OAuth2Error):
    """The resource is not one of ours (RFC 8707, section 2)."""

    error = "invalid_target"


@dataclass(frozen=True, slots=True)
class _Payload(OAuth2Payload):
    pairs: Pairs

    @property
    def data(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in self.pairs:
            found[name].append(value)
        return found


class CoreRequest(OAuth2Request):
    """One request as authlib reads it: the body was read before."""

    def __init__(self, method: str, pairs: Pairs, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(method, _ADDRESS, headers=dict(headers or {}))
        # RFC 6749, sections 3.1 and 3.2: a parameter without a value is as good as left out.
        self.payload = _Payload([(parameter, value) for parameter, value in pairs if value])

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.pairs)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.pairs)


@dataclass(frozen=True, slots=True)
class CoreClient(ClientMixin):
    """A registered client as authlib asks it."""

    registered: Client

    @property
    def client_id(self) -> str:
        return self.registered.id

    def get_client_id(self) -> str:
        return self.registered.id

    def get_default_redirect_uri(self) -> str | None:
        # OAuth 2.1, section 4.1.1: it may be left out only where there is one to choose from.
        uris = self.registered.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        granted = granted_scopes(scope)
        return None if granted is None else " ".join(granted)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return rules.allows_redirect(self.registered.redirect_uris, redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES or (grant_type == DEVICE_GRANT and self.registered.is_first_party)


class Core(AuthorizationServer):
    """authlib's server, made anew for each transaction."""

    def __init__(self, tx: Tx, ground: Ground, now: datetime) -> None:
        super().__init__(scopes_supported=SCOPES)
        self.tx = tx
        self.ground = ground
        self.now = now
        self.consent: Consent | None = None
        """Whose tokens are made; a grant says it."""
        self.register_token_generator("default", self._generate)

    def _generate(self, *, scope: str, **_: object) -> tokens.Answer:
        assert self.consent is not None  # every grant of ours finds it before it makes tokens
        issued = tokens.issue(self.tx, self.ground, self.consent, self.now, scope=scope)
        if self.consent.client_id != FIRST_PARTY.id:
            return issued
        # Our own command writes it into its file; no RFC has a word for it, so that nobody else is told.
        left = refresh_ends_at(self.consent, issued_at=self.now) - self.now
        return {**issued, "refresh_token_expires_in": int(left.total_seconds())}

    def query_client(self, client_id: str) -> CoreClient | None:
        found = FIRST_PARTY if client_id == FIRST_PARTY.id else clients.find(self.tx, client_id)
        return None if found is None else CoreClient(found)

    def save_token(self, token: tokens.Answer, request: OAuth2Request) -> None:
        """Nothing: `tokens.issue` has kept it."""

    def create_oauth2_request(self, request: CoreRequest) -> CoreRequest:
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: object, headers: list[tuple[str, str]]) -> Response:
        return status, body, headers

    def validate_requested_scope(self, scope: str | None) -> None:
        if granted_scopes(scope) is None:
            raise InvalidScopeError(f"one of {' '.join(SCOPES)}")


def check_form(pairs: Pairs) -> None:
    """What holds for the parameters of every endpoint.

    Raises:
        OAuth2Error: `invalid_request` or `invalid_target`.
    """
    names = [name for name, _ in pairs]
    if names.count("resource") > 1:
        raise InvalidTargetError("one resource at a time")
    if len(set(names)) != len(names):
        raise InvalidRequestError("a parameter stands twice")
    for name, value in pairs:
        if len(value.encode("utf-8", "surrogatepass")) > MAX_PARAMETER_BYTES:
            raise InvalidRequestError("a parameter is too long")
        if name != "state" and not _QUOTABLE.fullmatch(value):
            raise InvalidRequestError("a parameter holds a character that OAuth has no place for")


def check_resource(ground: Ground, raw_resource: str | None) -> str:
    """The resource that is asked for; the MCP endpoint where none is named.

    Raises:
        InvalidTargetError: it is not one of ours.
    """
    if raw_resource is None:
        return f"{ground.base_url}/mcp"
    found = ground.resource(raw_resource)
    if found is None:
        raise InvalidTargetError(f"this appliance is {ground.base_url}/mcp")
    return found
