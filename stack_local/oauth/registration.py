"""Dynamic client registration (RFC 7591): open to all, for public clients, within bounds."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from stack_local.domain.clients import MAX_REDIRECT_URIS, Client, clean_name, is_reserved, refused_redirect
from stack_local.domain.errors import InvalidRequest, TooMany
from stack_local.oauth.ground import Ground
from stack_local.oauth.metadata import GRANT_TYPES
from stack_local.store import clients
from stack_local.store.database import Tx
from stack_local.system import milliseconds
from stack_local.wire.oauth import ClientMetadata

MAX_CLIENTS = 200
"""Registered at once; those that nobody let in are forgotten after a day."""
UNUSED_HOURS = 24
NAMELESS = "a client without a name"


class InvalidClientMetadata(InvalidRequest):
    """A registration that is refused (RFC 7591, section 3.2.2); the field says which of the two codes it has."""

    @property
    def error(self) -> str:
        """`invalid_redirect_uri` or `invalid_client_metadata`."""
        return "invalid_redirect_uri" if self.details.get("field") == "redirect_uris" else "invalid_client_metadata"


def register(tx: Tx, ground: Ground, raw_metadata: object, now: datetime) -> dict[str, object]:
    """Keep a new client; the answer of section 3.2.1.

    Raises:
        InvalidClientMetadata: which member, and what would pass.
        TooMany: enough are registered.
    """
    metadata = checked_metadata(raw_metadata)
    clients.delete_unused(tx, before=now - timedelta(hours=UNUSED_HOURS))
    if clients.count(tx) >= MAX_CLIENTS:
        raise TooMany("enough clients are registered", rule=f"at most {MAX_CLIENTS}", retry_after_seconds=3600)
    client = Client(
        id=ground.system.new_id("client"),
        name=clean_name(metadata.client_name or "") or NAMELESS,
        redirect_uris=tuple(metadata.redirect_uris),
    )
    clients.insert(tx, client, at=now)
    ground.record(tx, "client.register", actor=f"client:{client.id}", subject=client.id, name=client.name)
    return {
        **metadata.registered(),
        "client_id": client.id,
        "client_id_issued_at": milliseconds(now) // 1000,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": [grant for grant in GRANT_TYPES if grant in (metadata.grant_types or GRANT_TYPES)],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def checked_metadata(raw_metadata: object) -> ClientMetadata:
    """What a client may say of itself, whether it registers or publishes it.

    Raises:
        InvalidClientMetadata: which member, and what would pass.
    """
    try:
        metadata = ClientMetadata.model_validate(raw_metadata)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "body"
        raise InvalidClientMetadata(f"{field}: {first['msg'].lower()}", field=field, rule=first["type"]) from None
    if len(metadata.redirect_uris) > MAX_REDIRECT_URIS:
        raise InvalidClientMetadata(
            "too many redirect URIs", field="redirect_uris", rule=f"at most {MAX_REDIRECT_URIS}"
        )
    for place, uri in enumerate(metadata.redirect_uris):
        refused = refused_redirect(uri)
        if refused is not None:
            raise InvalidClientMetadata(f"redirect URI {place + 1} is not allowed", field="redirect_uris", rule=refused)
    if "authorization_code" not in (metadata.grant_types or GRANT_TYPES):
        raise InvalidClientMetadata("no grant we serve", field="grant_types", rule="authorization_code among them")
    if "code" not in (metadata.response_types or ["code"]):
        raise InvalidClientMetadata("no response type we serve", field="response_types", rule="code among them")
    if is_reserved(clean_name(metadata.client_name or "")):
        raise InvalidClientMetadata("the name is ours", field="client_name", rule="a name of its own")
    return metadata
