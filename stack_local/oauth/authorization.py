"""The authorization endpoint (RFC 6749, section 3.1): from the open page to the code, each step one transaction."""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError

from stack_local.domain.consents import (
    REQUEST_MINUTES,
    TAG_ALPHABET,
    TAG_LENGTH,
    WRONG_CODES,
    AuthorizationRequest,
    RequestState,
)
from stack_local.domain.errors import Forbidden, InvalidRequest, NotFound, TooMany
from stack_local.oauth.client_documents import ClientDocuments, is_address
from stack_local.oauth.core import MAX_STATE_BYTES, Core, CoreClient, CoreRequest, check_form, check_resource
from stack_local.oauth.grants import CodeGrant, core_over
from stack_local.oauth.ground import Ground, Pairs, hash_value
from stack_local.store import authorization_requests as requests
from stack_local.store.database import Database, Tx

MAX_OPEN_OF_CLIENT = 20
MAX_OPEN = 200
"""Authorization requests that are not over yet."""
MAX_ASKED = 16
"""Of these, those that a person is asked about: any program can open a page and press its button."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the consent page shows, and the secret that ties it to this browser."""

    request: AuthorizationRequest
    client_name: str
    secret: str | None = field(default=None, repr=False)
    """Only with the page that was just opened: the browser keeps it."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes from here."""

    uri: str


class BadAuthorizationRequest(InvalidRequest):
    """An authorization request that must not be answered by a redirect: nobody knows where it would lead."""


class AuthorizationEndpoint:
    """Takes a request, waits for a person, and sends the browser on with the answer."""

    def __init__(self, database: Database, ground: Ground, documents: ClientDocuments) -> None:
        self._database = database
        self._ground = ground
        self._documents = documents

    async def begin(self, pairs: Pairs) -> Page | Redirect:
        """Take an authorization request, and wait for a person.

        Raises:
            BadAuthorizationRequest: the client or its redirect URI is not known, so no redirect answers it.
            InvalidClient: the client names itself by an address, and its document is not good.
            TooMany: enough of them wait.
        """
        named = [value for name, value in pairs if name == "client_id"]
        if len(named) == 1 and is_address(named[0]):
            await self._documents.learn(named[0])
        return await self._database.write(lambda tx: self._begin(tx, pairs))

    def _begin(self, tx: Tx, pairs: Pairs) -> Page | Redirect:
        core = core_over(tx, self._ground)
        asked = CoreRequest("GET", pairs)
        try:
            grant, resource = _validated(core, asked)
        except OAuth2Error as error:
            return self._refused(error, asked)
        return self._opened(tx, core, grant, pairs, resource)

    def _opened(self, tx: Tx, core: Core, grant: CodeGrant, pairs: Pairs, resource: str) -> Page:
        client: CoreClient = grant.request.client
        check_room(core, client)
        secret = self._ground.new_value()
        opened = new_request(
            core,
            client,
            secret=secret,
            parameters=urlencode(pairs),
            redirect_uri=grant.redirect_uri,
            scope=grant.request.scope,
            resource=resource,
            code_challenge=grant.request.payload.data["code_challenge"],
        )
        requests.insert(tx, opened)
        return Page(opened, client.registered.name, secret)

    def _refused(self, error: OAuth2Error, asked: CoreRequest) -> Redirect:
        if not error.redirect_uri:
            raise BadAuthorizationRequest(
                (error.description or error.error or "the request is malformed").rstrip("."),
                code=error.error,
                field="request",
            )
        said = [("error", error.error), ("error_description", error.description or "")]
        state = asked.payload.state
        said += [("state", state)] if state and len(state.encode()) <= MAX_STATE_BYTES else []
        # RFC 9207, section 2: who answers, on errors too.
        return Redirect(add_params_to_uri(error.redirect_uri, [*said, ("iss", self._ground.base_url)]))

    async def ask(self, request_id: str, secret: str) -> None:
        """The click on the page: from now on it waits at the terminal.

        Raises:
            NotFound: it is not this browser's.
            TooMany: the person has enough to decide.
        """

        def asked(tx: Tx) -> None:
            found = self._of_browser(tx, request_id, secret)
            if len(requests.list_asked(tx, self._ground.system.now())) >= MAX_ASKED:
                raise TooMany("enough log-ins wait for the person", rule=f"at most {MAX_ASKED}", retry_after_seconds=60)
            if requests.move(tx, found.id, before=RequestState.SHOWN, after=RequestState.ASKED):
                client_id = found.client_id
                self._ground.record(tx, "consent.ask", actor=f"client:{client_id}", subject=found.id, tag=found.tag)

        await self._database.write(asked)

    async def refuse(self, request_id: str, secret: str) -> None:
        """The other click: whoever sits at the browser wants none of it."""

        def refused(tx: Tx) -> None:
            self._refuse(tx, self._of_browser(tx, request_id, secret), by="browser")

        await self._database.write(refused)

    def _refuse(self, tx: Tx, found: AuthorizationRequest, *, by: str) -> None:
        for before in (RequestState.SHOWN, RequestState.ASKED, RequestState.CODED):
            if requests.move(tx, found.id, before=before, after=RequestState.REFUSED):
                self._ground.record(tx, "consent.refuse", actor=f"client:{found.client_id}", subject=found.id, by=by)

    async def type_code(self, request_id: str, secret: str, typed: str) -> bool:
        """The one-time code that stands in for the terminal; whether it was right.

        Raises:
            NotFound: it is not this browser's.
            Forbidden: too many wrong ones; the request is over.
        """
        is_right = await self._database.write(lambda tx: self._type_code(tx, request_id, secret, typed))
        if is_right is None:
            raise Forbidden("too many wrong codes: the request is over", rule=f"at most {WRONG_CODES}", field="code")
        return is_right

    def _type_code(self, tx: Tx, request_id: str, secret: str, typed: str) -> bool | None:
        found = self._of_browser(tx, request_id, secret)
        if found.wrong_codes >= WRONG_CODES:
            return None
        letters = "".join(letter for letter in typed.upper() if letter in TAG_ALPHABET)
        expected = found.user_code_hash or ""
        if not hmac.compare_digest(hash_value(letters), expected):
            requests.count_wrong_code(tx, found.id)
            if found.wrong_codes + 1 < WRONG_CODES:
                return False
            self._refuse(tx, found, by="wrong codes")
            return None
        return requests.move(tx, found.id, before=RequestState.CODED, after=RequestState.GIVEN)

    async def look(self, request_id: str, secret: str) -> Page | Redirect:
        """How it stands: the page to go on showing, or, once decided, where to go with the answer.

        Raises:
            NotFound: it is not this browser's, or over.
        """
        page = await self._database.read(lambda tx: self._page(tx, request_id, secret))
        if page.request.state in (RequestState.GIVEN, RequestState.REFUSED):
            return await self._database.write(lambda tx: self._answered(tx, request_id, secret))
        return page

    def _page(self, tx: Tx, request_id: str, secret: str) -> Page:
        found = self._of_browser(tx, request_id, secret)
        client = core_over(tx, self._ground).query_client(found.client_id)
        return Page(found, "" if client is None else client.registered.name)

    def _answered(self, tx: Tx, request_id: str, secret: str) -> Page | Redirect:
        """The code, made when the browser comes for it; or the refusal."""
        found = self._of_browser(tx, request_id, secret)
        core = core_over(tx, self._ground)
        asked = CoreRequest("GET", parse_qsl(found.parameters, keep_blank_values=True))
        try:
            grant, _ = _validated(core, asked)
        except OAuth2Error as error:
            return self._refused(error, asked)
        grant.waiting = found
        is_given = requests.move(tx, found.id, before=RequestState.GIVEN, after=RequestState.ISSUED)
        if not is_given and found.state is not RequestState.REFUSED:
            return self._page(tx, request_id, secret)
        person = self._ground.scribe.operator_id if is_given else None
        _, _, headers = core.create_authorization_response(asked, grant_user=person, grant=grant)
        location = next(value for name, value in headers if name == "Location")
        return Redirect(add_params_to_uri(location, [("iss", self._ground.base_url)]))

    def _of_browser(self, tx: Tx, request_id: str, secret: str) -> AuthorizationRequest:
        found = requests.get(tx, request_id)
        is_over = self._ground.system.now() >= found.expires_at
        if is_over or not hmac.compare_digest(found.secret_hash, hash_value(secret)):
            raise NotFound("this log-in is over, or was opened in another browser", hint="begin it again in the client")
        return found


def new_request(
    core: Core,
    client: CoreClient,
    *,
    secret: str,
    parameters: str,
    redirect_uri: str,
    scope: str,
    resource: str,
    code_challenge: str,
) -> AuthorizationRequest:
    """A request that nobody has asked a person about yet."""
    return AuthorizationRequest(
        id=core.ground.system.new_id("authorization"),
        client_id=client.client_id,
        tag=core.ground.new_tag(TAG_LENGTH),
        secret_hash=hash_value(secret),
        state=RequestState.SHOWN,
        parameters=parameters,
        redirect_uri=redirect_uri,
        scope=scope,
        resource=resource,
        code_challenge=code_challenge,
        created_at=core.now,
        expires_at=core.now + timedelta(minutes=REQUEST_MINUTES),
    )


def check_room(core: Core, client: CoreClient) -> None:
    """Bound what waits.

    Raises:
        TooMany: of this client, or of all.
    """
    of_client = requests.count_open(core.tx, core.now, client_id=client.client_id)
    if of_client >= MAX_OPEN_OF_CLIENT or requests.count_open(core.tx, core.now) >= MAX_OPEN:
        raise TooMany(
            "too many log-ins wait",
            rule=f"at most {MAX_OPEN_OF_CLIENT} of a client within {REQUEST_MINUTES} minutes",
            retry_after_seconds=60,
        )


def _validated(core: Core, asked: CoreRequest) -> tuple[CodeGrant, str]:
    """The grant that an authorization request asks for, and the resource.

    Raises:
        OAuth2Error: with a `redirect_uri` where the answer may go there.
    """
    parameters = asked.payload
    client = core.query_client(parameters.client_id or "")
    named = parameters.redirect_uri if parameters.datalist["redirect_uri"] else None
    redirect_uri = None
    if (
        client is not None
        and len(parameters.datalist["redirect_uri"]) <= 1
        and len(parameters.datalist["client_id"]) == 1
    ):
        redirect_uri = client.get_default_redirect_uri() if named is None else named
        redirect_uri = redirect_uri if redirect_uri and client.check_redirect_uri(redirect_uri) else None
    try:
        check_form(parameters.pairs)
        _check_parameters(parameters.data)
        resource = check_resource(core.ground, parameters.data.get("resource"))
        grant: CodeGrant = core.get_consent_grant(asked, end_user=core.ground.scribe.operator_id)
    except OAuth2Error as error:
        error.redirect_uri = redirect_uri
        raise
    return grant, resource


def _check_parameters(parameters: dict[str, str]) -> None:
    if len(parameters.get("state", "").encode("utf-8", "surrogatepass")) > MAX_STATE_BYTES:
        raise InvalidRequestError("state is too long")
    if not all(" " <= letter <= "~" for letter in parameters.get("state", "")):
        raise InvalidRequestError("state holds a character that OAuth has no place for")
    if "response_type" not in parameters:
        # RFC 6749, section 3.1.1: missing is another error than unknown.
        raise InvalidRequestError("response_type is missing")
    for name in ("request", "request_uri"):
        if name in parameters:
            # Never fetched, never read: it could name an address only we can reach.
            raise OAuth2Error(f"{name} is not served", error=f"{name}_not_supported")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode is query")
    if "none" in parameters.get("prompt", "").split():
        raise OAuth2Error("a person decides each time", error="consent_required")
