"""Clients that are known by an address: Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document).

Off until a person says that this machine may fetch them: a client that sees it offered uses it at once, and offline its
log-in then fails. A document is fetched through `egress`, with all its guards, and kept beside the registered clients.
"""

import re
from collections import deque
from datetime import timedelta
from typing import Protocol

from stack_local.domain.canonical import Json, read_json
from stack_local.domain.clients import Client, clean_name
from stack_local.domain.errors import InvalidRequest, TooMany
from stack_local.domain.urls import Url, parse_url
from stack_local.egress.client import InboundResponse, OutboundRequest
from stack_local.egress.errors import EgressFailed
from stack_local.egress.limits import Limits
from stack_local.oauth.ground import Ground
from stack_local.oauth.registration import MAX_CLIENTS, NAMELESS, UNUSED_HOURS, checked_metadata
from stack_local.store import clients, meta
from stack_local.store.database import Database, Tx

SETTING = "client_metadata_fetching"
"""The name of the fact in the vault: it loosens, so that no file holds it (house decision 10)."""

MAX_URL_CHARACTERS = 512

DOCUMENT_BYTES = 5 * 1024
"""The draft's own limit, after the content coding is taken off."""

FETCH_SECONDS = 3.0

FETCH_LIMITS = Limits(
    total_seconds=FETCH_SECONDS,
    response_body_bytes=DOCUMENT_BYTES,
    response_wire_bytes=2 * DOCUMENT_BYTES,
    response_head_bytes=16 * 1024,
    idle_connections=0,
)
"""Of the `Egress` that fetches them."""

FETCHES_A_MINUTE = 10

LEAST_SECONDS, USUAL_SECONDS, MOST_SECONDS = 5 * 60, 3600, 24 * 3600
"""How long a document is good, whatever its `max-age` says; the middle where it says nothing."""

_JSON_TYPE = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json", re.ASCII)
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:$|[,\s])", re.ASCII)
_UNKEPT = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])", re.ASCII)


class Sender(Protocol):
    """What sends a request out: `Egress`."""

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """The answer.

        Raises:
            EgressFailed: there is none.
        """
        ...


class InvalidClient(InvalidRequest):
    """A client whose document is not good, or cannot be had; nobody is redirected."""

    default_code = "invalid_client"


class ClientDocuments:
    """Learns clients from their documents. What is good until when is forgotten with the process."""

    def __init__(self, database: Database, ground: Ground, sender: Sender) -> None:
        self._database = database
        self._ground = ground
        self._sender = sender
        self._good_until: dict[str, float] = {}
        self._fetched_at: deque[float] = deque(maxlen=FETCHES_A_MINUTE)

    async def is_enabled(self) -> bool:
        """Whether this machine may fetch them."""
        return await self._database.read(is_enabled)

    async def learn(self, client_id: str) -> None:
        """Have the client among the registered ones, as its document says now or a while ago.

        Raises:
            InvalidClient: it is not allowed, or the document is not one of this client.
            TooMany: enough were fetched within the minute, or enough are kept.
        """
        if not await self.is_enabled():
            raise InvalidClient("the client is not known here", field="client_id", hint="let it register itself")
        url = checked_address(client_id)
        if await self._is_good(client_id):
            return
        self._admit()
        try:
            response = await self._sender.send(_request(url))
            client = client_of(client_id, response)
        except EgressFailed as error:
            raise InvalidClient("the client's document cannot be fetched", field="client_id", rule=error.code) from None
        await self._database.write(lambda tx: self._keep(tx, client))
        self._remember(client_id, seconds=good_seconds(response))

    async def _is_good(self, client_id: str) -> bool:
        is_fresh = self._ground.system.monotonic() < self._good_until.get(client_id, 0.0)
        return is_fresh and await self._database.read(lambda tx: clients.find(tx, client_id)) is not None

    def _admit(self) -> None:
        """Count a fetch, whatever comes of it."""
        now = self._ground.system.monotonic()
        oldest = self._fetched_at[0] if len(self._fetched_at) == FETCHES_A_MINUTE else None
        if oldest is not None and now < oldest + 60:
            raise TooMany(
                "too many clients' documents were fetched",
                rule=f"at most {FETCHES_A_MINUTE} a minute",
                retry_after_seconds=max(1, int(oldest + 60 - now)),
            )
        self._fetched_at.append(now)

    def _keep(self, tx: Tx, client: Client) -> None:
        now = self._ground.system.now()
        clients.delete_unused(tx, before=now - timedelta(hours=UNUSED_HOURS))
        if clients.find(tx, client.id) is None and clients.count(tx) >= MAX_CLIENTS:
            raise TooMany("enough clients are registered", rule=f"at most {MAX_CLIENTS}", retry_after_seconds=3600)
        clients.put(tx, client, at=now)
        actor = f"client:{client.id}"
        self._ground.record(tx, "client.learn", actor=actor, subject=client.id, name=client.name)

    def _remember(self, client_id: str, *, seconds: int) -> None:
        now = self._ground.system.monotonic()
        self._good_until = {known: until for known, until in self._good_until.items() if now < until}
        self._good_until[client_id] = now + seconds


def is_enabled(tx: Tx) -> bool:
    """Whether a person has said that this machine may fetch documents; nobody has, at first."""
    return meta.find(tx, SETTING) == "on"


def set_enabled(tx: Tx, *, enabled: bool) -> None:
    """Say so, or take it back."""
    meta.put(tx, SETTING, "on" if enabled else "off")


def is_address(client_id: str) -> bool:
    """Whether a client is known by an address rather than by a registration."""
    return client_id.lower().startswith("https:")


def checked_address(client_id: str) -> Url:
    """The address of a client's document (section 3 of the draft); written in the one way in which we write it.

    Raises:
        InvalidClient: which rule it breaks.
    """
    if len(client_id) > MAX_URL_CHARACTERS:
        raise InvalidClient("the client's address is too long", rule=f"at most {MAX_URL_CHARACTERS} characters")
    try:
        # It refuses a fragment, a user name and dot segments.
        url = parse_url(client_id)
    except InvalidRequest as refused:
        raise InvalidClient("the client's address is not one", field="client_id", rule=refused.message) from None
    if url.scheme != "https" or url.port != 443 or url.text != client_id:
        # Compared as text from here on: another way to write it would be another client.
        rule = "https://host/path, in lower case, without a port"
        raise InvalidClient("the client's address is not written plainly", field="client_id", rule=rule)
    return url


def client_of(client_id: str, response: InboundResponse) -> Client:
    """The client that a document describes.

    Raises:
        InvalidClient: the answer is no such document, or another client's.
    """
    _check_answer(response)
    try:
        document = read_json(response.body)
        metadata = checked_metadata(document)
    except InvalidRequest as refused:
        raise _bad(refused.message) from None
    if not isinstance(document, dict) or document.get("client_id") != client_id:
        raise _bad("client_id is the address itself")
    _check_public(document)
    name = clean_name(metadata.client_name or "") or NAMELESS
    return Client(id=client_id, name=name, redirect_uris=tuple(metadata.redirect_uris))


def good_seconds(response: InboundResponse) -> int:
    """How long a document is used without another look (RFC 9111, section 5.2, between our bounds)."""
    said = ", ".join(value for name, value in response.headers if name == "cache-control").lower()
    if _UNKEPT.search(said):
        return LEAST_SECONDS
    age = _MAX_AGE.search(said)
    return USUAL_SECONDS if age is None else min(max(int(age[1]), LEAST_SECONDS), MOST_SECONDS)


def _request(url: Url) -> OutboundRequest:
    accepts = (("Accept", "application/json"),)
    return OutboundRequest("GET", url, accepts, b"", pool_key="client documents", private_allowed=frozenset())


def _check_answer(response: InboundResponse) -> None:
    if response.status != 200:
        # A redirect too: it would let one client speak for another.
        raise _bad(f"status 200, not {response.status}")
    types = [value for name, value in response.headers if name == "content-type"]
    media_type = types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""
    if not _JSON_TYPE.fullmatch(media_type):
        raise _bad("application/json, or application/…+json")


def _check_public(document: dict[str, Json]) -> None:
    """Anybody can read a document: nothing in it may be a secret (section 4.1 of the draft)."""
    if document.get("token_endpoint_auth_method", "none") != "none":
        raise _bad("token_endpoint_auth_method is none")
    if not {"client_secret", "client_secret_expires_at"}.isdisjoint(document):
        raise _bad("no client_secret")
    jwks = document.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if any(isinstance(key, dict) and key.get("kty") == "oct" for key in (keys if isinstance(keys, list) else [])):
        raise _bad("no symmetric key")


def _bad(rule: str) -> InvalidClient:
    return InvalidClient("the client's document is not good", field="client_id", rule=rule)
