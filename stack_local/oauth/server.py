"""The authorization server as the surface asks it: each call is one transaction."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from stack_local.domain.consents import (
    REFRESH_IDLE_DAYS,
    REQUEST_MINUTES,
    TAG_ALPHABET,
    TAG_LENGTH,
    WRONG_CODES,
    AuthorizationRequest,
    Consent,
    RequestState,
    is_live,
)
from stack_local.domain.errors import Forbidden, InvalidRequest, NotFound, TooMany, Unauthorized
from stack_local.oauth.core import (
    FIRST_PARTY,
    MAX_STATE_BYTES,
    Core,
    CoreClient,
    CoreRequest,
    Response,
    check_form,
    check_resource,
)
from stack_local.oauth.grants import CodeGrant, DeviceGrant, RefreshGrant, S256Challenge
from stack_local.oauth.ground import Ground, Pairs, hash_value
from stack_local.oauth.registration import register
from stack_local.oauth.revocation import end_unasked
from stack_local.store import authorization_requests as requests
from stack_local.store import consents
from stack_local.store.database import Database, Tx

MAX_OPEN_OF_CLIENT = 20
MAX_OPEN = 200
"""Authorization requests that are not over yet."""
DEVICE_INTERVAL_SECONDS = 2
USER_CODE_LENGTH = 8


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


class AuthorizationServer:
    """Registration, authorization, tokens and their end."""

    def __init__(self, database: Database, ground: Ground) -> None:
        self._database = database
        self.ground = ground

    def _core(self, tx: Tx) -> Core:
        core = Core(tx, self.ground, self.ground.system.now())
        core.register_grant(CodeGrant, [S256Challenge(required=True)])
        core.register_grant(RefreshGrant)
        core.register_grant(DeviceGrant)
        core.register_endpoint(_Revocation)
        return core

    async def register(self, raw_metadata: object) -> dict[str, object]:
        """RFC 7591, section 3.

        Raises:
            InvalidClientMetadata, TooMany: refused.
        """
        return await self._database.write(lambda tx: register(tx, self.ground, raw_metadata, self.ground.system.now()))

    # The authorization endpoint ----------------------------------------------------------------------------------

    async def begin(self, pairs: Pairs) -> Page | Redirect:
        """Take an authorization request, and wait for a person.

        Raises:
            BadAuthorizationRequest: the client or its redirect URI is not known, so no redirect answers it.
            TooMany: enough of them wait.
        """
        return await self._database.write(lambda tx: self._begin(tx, pairs))

    def _begin(self, tx: Tx, pairs: Pairs) -> Page | Redirect:
        core = self._core(tx)
        asked = CoreRequest("GET", pairs)
        try:
            grant, resource = _validated(core, asked)
        except OAuth2Error as error:
            return self._refused(error, asked)
        return self._opened(tx, core, grant, pairs, resource)

    def _opened(self, tx: Tx, core: Core, grant: CodeGrant, pairs: Pairs, resource: str) -> Page:
        client: CoreClient = grant.request.client
        self._check_room(tx, client, core.now)
        secret = self.ground.new_value()
        opened = self._new_request(
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

    def _new_request(
        self,
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
        return AuthorizationRequest(
            id=self.ground.system.new_id("authorization"),
            client_id=client.client_id,
            tag=self._tag(TAG_LENGTH),
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

    def _tag(self, length: int) -> str:
        """Letters that a person reads and types; each as likely as another, but for a hair."""
        number = int.from_bytes(self.ground.system.random_bytes(32), "big")
        letters = []
        for _ in range(length):
            number, place = divmod(number, len(TAG_ALPHABET))
            letters.append(TAG_ALPHABET[place])
        return "".join(letters)

    def new_user_code(self) -> str:
        """A one-time code: 39 bits, good for one request and five tries."""
        return self._tag(USER_CODE_LENGTH)

    def _check_room(self, tx: Tx, client: CoreClient, now: datetime) -> None:
        of_client = requests.count_open(tx, now, client_id=client.client_id)
        if of_client >= MAX_OPEN_OF_CLIENT or requests.count_open(tx, now) >= MAX_OPEN:
            raise TooMany(
                "too many log-ins wait",
                rule=f"at most {MAX_OPEN_OF_CLIENT} of a client within {REQUEST_MINUTES} minutes",
                retry_after_seconds=60,
            )

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
        return Redirect(add_params_to_uri(error.redirect_uri, [*said, ("iss", self.ground.base_url)]))

    async def ask(self, request_id: str, secret: str) -> None:
        """The click on the page: from now on it waits at the terminal.

        Raises:
            NotFound: it is not this browser's.
        """

        def asked(tx: Tx) -> None:
            found = self._of_browser(tx, request_id, secret)
            if requests.move(tx, found.id, before=RequestState.SHOWN, after=RequestState.ASKED):
                client_id = found.client_id
                self.ground.record(tx, "consent.ask", actor=f"client:{client_id}", subject=found.id, tag=found.tag)

        await self._database.write(asked)

    async def refuse(self, request_id: str, secret: str) -> None:
        """The other click: whoever sits at the browser wants none of it."""

        def refused(tx: Tx) -> None:
            found = self._of_browser(tx, request_id, secret)
            for before in (RequestState.SHOWN, RequestState.ASKED):
                if requests.move(tx, found.id, before=before, after=RequestState.REFUSED):
                    self.ground.record(
                        tx, "consent.refuse", actor=f"client:{found.client_id}", subject=found.id, by="browser"
                    )

        await self._database.write(refused)

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
            requests.move(tx, found.id, before=RequestState.ASKED, after=RequestState.REFUSED)
            self.ground.record(
                tx, "consent.refuse", actor=f"client:{found.client_id}", subject=found.id, by="wrong codes"
            )
            return None
        return requests.move(tx, found.id, before=RequestState.ASKED, after=RequestState.GIVEN)

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
        client = self._core(tx).query_client(found.client_id)
        return Page(found, "" if client is None else client.registered.name)

    def _answered(self, tx: Tx, request_id: str, secret: str) -> Page | Redirect:
        """The code, made when the browser comes for it; or the refusal."""
        found = self._of_browser(tx, request_id, secret)
        core = self._core(tx)
        asked = CoreRequest("GET", parse_qsl(found.parameters, keep_blank_values=True))
        try:
            grant, _ = _validated(core, asked)
        except OAuth2Error as error:
            return self._refused(error, asked)
        grant.waiting = found
        is_given = requests.move(tx, found.id, before=RequestState.GIVEN, after=RequestState.ISSUED)
        if not is_given and found.state is not RequestState.REFUSED:
            return self._page(tx, request_id, secret)
        person = self.ground.scribe.operator_id if is_given else None
        _, _, headers = core.create_authorization_response(asked, grant_user=person, grant=grant)
        location = next(value for name, value in headers if name == "Location")
        return Redirect(add_params_to_uri(location, [("iss", self.ground.base_url)]))

    def _of_browser(self, tx: Tx, request_id: str, secret: str) -> AuthorizationRequest:
        found = requests.get(tx, request_id)
        is_over = self.ground.system.now() >= found.expires_at
        if is_over or not hmac.compare_digest(found.secret_hash, hash_value(secret)):
            raise NotFound("this log-in is over, or was opened in another browser", hint="begin it again in the client")
        return found

    # The other endpoints -----------------------------------------------------------------------------------------

    async def token(self, pairs: Pairs) -> Response:
        """RFC 6749, section 3.2: status, JSON, headers."""

        def answered(tx: Tx) -> Response:
            core = self._core(tx)
            try:
                check_form(pairs)
            except OAuth2Error as error:
                refused: Response = core.handle_error_response(None, error)
                return refused
            made: Response = core.create_token_response(CoreRequest("POST", pairs))
            if made[0] == 200 and core.consent is not None:
                self._record_token(tx, core.consent, dict(pairs).get("grant_type", ""))
            return made

        return await self._database.write(answered)

    def _record_token(self, tx: Tx, consent: Consent, grant_type: str) -> None:
        self.ground.record(
            tx,
            "token.issue",
            actor=f"client:{consent.client_id}",
            agent_id=consent.agent_id,
            subject=consent.id,
            grant_type=grant_type,
        )

    async def revoke(self, pairs: Pairs) -> Response:
        """RFC 7009: the token's consent is over, with every token of it."""

        def answered(tx: Tx) -> Response:
            core = self._core(tx)
            try:
                check_form(pairs)
            except OAuth2Error as error:
                refused: Response = core.handle_error_response(None, error)
                return refused
            made: Response = core.create_endpoint_response("revocation", CoreRequest("POST", pairs))
            return made

        return await self._database.write(answered)

    async def introspect(self, raw_token: str, sees: Callable[[Tx], frozenset[str] | None]) -> dict[str, object]:
        """RFC 7662, section 2.2. What is not ours, not good or not for the one that asks is `active: false` alike."""

        def looked(tx: Tx) -> dict[str, object]:
            consent, facts = self._facts_of(tx, raw_token)
            seen = sees(tx)
            is_ours = consent is not None and (seen is None or consent.agent_id in seen)
            if consent is None or not is_ours or not is_live(consent, self.ground.system.now()):
                return {"active": False}
            sub = self.ground.scribe.operator_id
            common = {"iss": self.ground.base_url, "sub": sub, "client_id": consent.client_id, "aud": consent.resource}
            return {"active": True, "scope": consent.scope, **common, **facts}

        return await self._database.read(looked)

    def _facts_of(self, tx: Tx, raw_token: str) -> tuple[Consent | None, dict[str, object]]:
        now = self.ground.system.now()
        refresh = consents.find_refresh(tx, hash_value(raw_token))
        if refresh is not None:
            ends_at = refresh.issued_at + timedelta(days=REFRESH_IDLE_DAYS)
            is_good = refresh.used_at is None and now < ends_at
            return consents.find(tx, refresh.consent_id) if is_good else None, {"exp": int(ends_at.timestamp())}
        try:
            claims = self.ground.vault.verify_access_token(raw_token, issuer=self.ground.base_url)
        except Unauthorized:
            return None, {}
        is_good = now.timestamp() < int(str(claims["exp"]))
        facts = {name: claims[name] for name in ("scope", "exp", "iat", "nbf", "jti")} | {"token_type": "Bearer"}
        return consents.find(tx, str(claims["consent_id"])) if is_good else None, facts

    async def begin_device(self, pairs: Pairs) -> Response:
        """RFC 8628, section 3.1: for our own command."""

        def answered(tx: Tx) -> Response:
            core = self._core(tx)
            try:
                return self._begin_device(tx, core, pairs)
            except OAuth2Error as error:
                refused: Response = core.handle_error_response(None, error)
                return refused

        return await self._database.write(answered)

    def _begin_device(self, tx: Tx, core: Core, pairs: Pairs) -> Response:
        check_form(pairs)
        asked = CoreRequest("POST", pairs)
        client = core.authenticate_client(asked, ["none"])
        if client.client_id != FIRST_PARTY.id:
            raise UnauthorizedClientError("the device grant is for the appliance's own command")
        scope = client.get_allowed_scope(asked.payload.scope)
        if scope is None:
            raise InvalidScopeError()
        self._check_room(tx, client, core.now)
        resource = check_resource(self.ground, asked.payload.data.get("resource", self.ground.base_url))
        device_code, user_code = self.ground.new_value(), self.new_user_code()
        opened = self._new_request(
            core, client, secret=device_code, parameters="", redirect_uri="", scope=scope, resource=resource,
            code_challenge="",
        )  # fmt: skip
        requests.insert(tx, opened)
        requests.set_user_code(tx, opened.id, hash_value(user_code))
        return 200, self._device_answer(device_code, user_code), []

    def _device_answer(self, device_code: str, user_code: str) -> dict[str, object]:
        half = USER_CODE_LENGTH // 2
        return {
            "device_code": device_code,
            "user_code": f"{user_code[:half]}-{user_code[half:]}",
            "verification_uri": f"{self.ground.base_url}/oauth/device",
            "expires_in": REQUEST_MINUTES * 60,
            "interval": DEVICE_INTERVAL_SECONDS,
        }


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


def consent_of_access_token(ground: Ground, raw_token: str) -> str | None:
    """The consent an access token of ours belongs to, however old it is; None for anything else."""
    try:
        return str(ground.vault.verify_access_token(raw_token, issuer=ground.base_url)["consent_id"])
    except Unauthorized:
        return None


class _Revocation(RevocationEndpoint):
    """RFC 7009, section 2. Another client's token is refused, and goes on."""

    CLIENT_AUTH_METHODS = ("none",)
    server: Core

    def check_params(self, request: CoreRequest, client: CoreClient) -> None:
        # Any hint is welcome and none is read (section 2.2): authlib refuses those it does not know.
        if "token" not in request.form:
            raise InvalidRequestError("there is no token")

    def query_token(self, token_string: str, token_type_hint: str | None) -> "_Revocable | None":
        core = self.server
        found = consents.find_refresh(core.tx, hash_value(token_string))
        consent_id = found.consent_id if found is not None else consent_of_access_token(core.ground, token_string)
        consent = None if consent_id is None else consents.find(core.tx, consent_id)
        return None if consent is None else _Revocable(consent)

    def revoke_token(self, token: "_Revocable", request: CoreRequest) -> None:
        end_unasked(self.server.tx, self.server.ground, token.consent, self.server.now, reason="the client revoked it")


@dataclass(frozen=True, slots=True)
class _Revocable:
    """A token as authlib asks it."""

    consent: Consent

    def check_client(self, client: CoreClient) -> bool:
        return client.client_id == self.consent.client_id
