"""The OAuth endpoints: forms, redirects and the RFCs' own error shapes, over `oauth/server.py`."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qsl

from quart import Quart, Response, request

from stack_local.dispatch import Caller, Dispatcher, NoBearer
from stack_local.domain.actors import Kind
from stack_local.domain.canonical import read_json
from stack_local.domain.clients import redirect_origin
from stack_local.domain.errors import (
    Forbidden,
    InvalidRequest,
    Locked,
    NotFound,
    StackError,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
)
from stack_local.oauth.authorization import BadAuthorizationRequest, Page, Redirect
from stack_local.oauth.core import Response as CoreResponse
from stack_local.oauth.ground import Pairs
from stack_local.oauth.metadata import (
    AUTHORIZATION_SERVER_PATH,
    EXCHANGE_GRANT,
    PROTECTED_RESOURCE_PATH,
    RESOURCE_PATHS,
    authorization_server,
    protected_resource,
)
from stack_local.oauth.registration import InvalidClientMetadata
from stack_local.oauth.server import AuthorizationServer
from stack_local.operations.visibility import visible_agents
from stack_local.surfaces.arguments import checked
from stack_local.surfaces.auth import Authenticator
from stack_local.surfaces.consent_page import consent_page, leaving_page, message_page
from stack_local.surfaces.errors import status_of
from stack_local.wire.catalogue import CATALOGUE
from stack_local.wire.passports import RefreshPassport

MAX_BYTES = 16 * 1024
"""Of the body of any of these."""
MAX_FIELDS = 64

COOKIE = "stack_login"
"""Ties a request to the browser that opened its page; it goes back to that page alone."""

JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


class Appliance(Protocol):
    """What of the appliance these endpoints need."""

    @property
    def base_url(self) -> str: ...

    def authorization_server(self) -> AuthorizationServer: ...


class OAuth:
    """Translates between HTTP and the authorization server."""

    def __init__(self, dispatcher: Dispatcher, authenticator: Authenticator, appliance: Appliance) -> None:
        self._dispatcher = dispatcher
        self._authenticator = authenticator
        self._appliance = appliance

    async def metadata(self) -> Response:
        """RFC 8414, section 3. It is answered while the vault is sealed, too."""
        try:
            fetches = await self._server().documents.is_enabled()
        except (Locked, Unavailable):
            fetches = False
        return _json_response(200, authorization_server(self._appliance.base_url, fetches_documents=fetches), [])

    @property
    def base_url(self) -> str:
        """The issuer."""
        return self._appliance.base_url

    # Endpoints that answer with JSON -----------------------------------------------------------------------------

    async def register(self) -> Response:
        """RFC 7591, section 3."""
        return await self._json(self._register)

    async def _register(self) -> CoreResponse:
        raw = await _body()
        self._dispatcher.rates.take("registrations", "anybody")
        try:
            metadata = read_json(raw)
        except InvalidRequest as error:
            raise InvalidClientMetadata(error.message, field="body") from None
        return 201, await self._server().register(metadata), []

    async def token(self) -> Response:
        """RFC 6749, section 3.2; RFC 8693 for passports."""
        return await self._json(self._token)

    async def _token(self) -> CoreResponse:
        pairs = await _form()
        self._dispatcher.rates.take("tokens", dict(pairs).get("client_id", "")[:64])
        if dict(pairs).get("grant_type") == EXCHANGE_GRANT:
            return await self._exchange(_once(pairs))
        return await self._server().token(pairs)

    async def _exchange(self, form: dict[str, str]) -> CoreResponse:
        """A passport for its refreshed one; whoever minted it shows their own bearer."""
        actor = await self._authenticator.actor_of(request.headers.get("Authorization"))
        if actor.kind is Kind.NOBODY:
            raise NoBearer
        if form.get("subject_token_type") != JWT_TYPE or form.get("requested_token_type", JWT_TYPE) != JWT_TYPE:
            raise InvalidRequest("only a passport is exchanged", field="subject_token_type", rule=JWT_TYPE)
        asked = checked(CATALOGUE[RefreshPassport], {"token": form.get("subject_token", "")})
        try:
            issued = await self._dispatcher.call(Caller(actor, "rest"), asked)
        except (Unauthorized, NotFound) as refused:
            # RFC 8693, section 2.2.2. It is not the caller that is unknown: a client would throw its own bearer away.
            raise InvalidRequest(refused.message, field="subject_token") from None
        lifetime = issued.expires_at - self._server().ground.system.now()
        answer: dict[str, object] = {
            "access_token": issued.token.get_secret_value(),
            "issued_token_type": JWT_TYPE,
            "token_type": "Bearer",
            "expires_in": int(lifetime.total_seconds()),
        }
        return 200, answer, []

    async def revoke(self) -> Response:
        """RFC 7009, section 2."""
        return await self._json(self._revoke)

    async def _revoke(self) -> CoreResponse:
        return await self._server().revoke(await _form())

    async def introspect(self) -> Response:
        """RFC 7662, section 2; for keys, each of which sees the tokens of its own agents."""
        return await self._json(self._introspect)

    async def _introspect(self) -> CoreResponse:
        actor = await self._authenticator.actor_of(request.headers.get("Authorization"))
        if actor.kind is Kind.NOBODY:
            raise NoBearer
        if actor.kind is Kind.PASSPORT:
            raise Forbidden("a passport introspects no token", rule="an API key", field="Authorization")
        form = _once(await _form())
        if not form.get("token"):
            raise InvalidRequest("there is no token", field="token", rule="required")
        seen = await self._server().introspect(form["token"], lambda tx: visible_agents(tx, actor))
        return 200, seen, []

    async def device_authorization(self) -> Response:
        """RFC 8628, section 3.1."""
        return await self._json(self._device)

    async def _device(self) -> CoreResponse:
        return await self._server().begin_device(await _form())

    def _server(self) -> AuthorizationServer:
        return self._appliance.authorization_server()

    async def _json(self, answer: Callable[[], Awaitable[CoreResponse]]) -> Response:
        try:
            status, body, headers = await answer()
        except StackError as refused:
            status, body, headers = _in_rfc_words(refused)
        if status >= 400 and isinstance(body, dict):
            self._dispatcher.count_refusal(f"oauth_{body.get('error')}")
        return _json_response(status, body, headers)

    # The authorization endpoint ----------------------------------------------------------------------------------

    async def authorize(self) -> Response:
        """RFC 6749, section 3.1: the page, or a redirect with what is wrong."""
        try:
            # As GET by the query, as POST by the form (RFC 6749, section 3.1).
            raw = await _form() if request.method == "POST" else _pairs(request.query_string)
            begun = await self._server().authorization.begin(raw)
        except StackError as refused:
            return await self._page_of_error(refused)
        if isinstance(begun, Redirect):
            return _redirect(begun.uri)
        response = await consent_page(begun, csrf=_csrf(begun.secret or ""))
        # Path and SameSite: it goes to this log-in's page alone, and with no request that another page began.
        response.set_cookie(
            COOKIE,
            begun.secret or "",
            max_age=600,
            path=f"/oauth/authorize/{begun.request.id}",
            httponly=True,
            samesite="Strict",
        )
        return response

    async def authorize_look(self, request_id: str) -> Response:
        """The page again: it goes on by itself once a person has decided."""
        secret = request.cookies.get(COOKIE, "")
        try:
            looked = await self._server().authorization.look(request_id, secret)
            return await self._shown(looked, secret, is_typing=request.args.get("type") == "code")
        except StackError as refused:
            return await self._page_of_error(refused)

    async def authorize_act(self, request_id: str) -> Response:
        """A button of the page."""
        secret = request.cookies.get(COOKIE, "")
        try:
            form = dict(await _form())
            if not hmac.compare_digest(form.get("csrf", "").encode(), _csrf(secret).encode()):
                raise Forbidden("this page is not the one that was opened", rule="csrf", hint="begin the log-in again")
            return await self._act(request_id, secret, form)
        except StackError as refused:
            return await self._page_of_error(refused)

    async def _act(self, request_id: str, secret: str, form: dict[str, str]) -> Response:
        server = self._server().authorization
        match form.get("do"):
            case "ask":
                await server.ask(request_id, secret)
            case "refuse":
                await server.refuse(request_id, secret)
            case "code":
                if not await server.type_code(request_id, secret, form.get("code", "")):
                    looked = await server.look(request_id, secret)
                    return await self._shown(looked, secret, is_typing=True, is_wrong=True)
            case _:
                raise InvalidRequest("no such button", field="do", rule="ask, refuse or code")
        return _redirect(f"/oauth/authorize/{request_id}")

    async def _shown(
        self, looked: Page | Redirect, secret: str, *, is_typing: bool, is_wrong: bool = False
    ) -> Response:
        if isinstance(looked, Redirect):
            has_origin = redirect_origin(looked.uri) is not None
            return _redirect(looked.uri) if has_origin else await leaving_page(looked.uri)
        return await consent_page(looked, csrf=_csrf(secret), is_typing=is_typing, is_wrong=is_wrong)

    async def _page_of_error(self, refused: StackError) -> Response:
        self._dispatcher.count_refusal(refused.code)
        hint = refused.details.get("hint")
        status = 400 if isinstance(refused, BadAuthorizationRequest) else status_of(refused)
        return await message_page(
            status, "This log-in cannot go on", refused.message, hint if isinstance(hint, str) else None
        )

    async def device(self) -> Response:
        """RFC 8628, section 3.3: where the code is typed, which is not here."""
        return await message_page(
            200,
            "Type the code in the terminal",
            "Screen 6, Clients, key c; or the command stack-local consents enter-device-code",
            "Type a code only if you began the log-in yourself, a moment ago",
        )


def add_routes(app: Quart, oauth: OAuth) -> None:
    """The routes of the agents' side."""
    base_url = oauth.base_url
    app.add_url_rule(AUTHORIZATION_SERVER_PATH, "oauth_metadata", oauth.metadata)
    for path in RESOURCE_PATHS:
        document = _document(protected_resource(base_url, path))
        app.add_url_rule(f"{PROTECTED_RESOURCE_PATH}{path}", f"oauth_resource{path.replace('/', '_')}", document)
    for name, view in (
        ("register", oauth.register),
        ("token", oauth.token),
        ("revoke", oauth.revoke),
        ("introspect", oauth.introspect),
        ("device_authorization", oauth.device_authorization),
    ):
        app.add_url_rule(f"/oauth/{name}", f"oauth_{name}", view, methods=["POST"])
    # Where a client that has not read the metadata anew looks (MCP 2025-03-26, "Fallbacks"): the Python SDK refreshes a
    # stored token there, and a person would be asked for nothing.
    app.add_url_rule("/token", "oauth_token_by_default", oauth.token, methods=["POST"])
    app.add_url_rule("/oauth/device", "oauth_device", oauth.device)
    app.add_url_rule("/oauth/authorize", "oauth_authorize", oauth.authorize, methods=["GET", "POST"])
    one = "/oauth/authorize/<request_id>"
    app.add_url_rule(one, "oauth_authorize_look", oauth.authorize_look)
    app.add_url_rule(one, "oauth_authorize_act", oauth.authorize_act, methods=["POST"])


def _document(document: dict[str, object]) -> Callable[[], Awaitable[Response]]:
    async def route() -> Response:
        return _json_response(200, document, [])

    return route


async def _body() -> bytes:
    raw = bytes(await request.get_data(cache=False, as_text=False))  # type: ignore[arg-type]  # not text, as asked
    if len(raw) > MAX_BYTES:
        raise TooLarge("the body is too large", field="body", rule=f"at most {MAX_BYTES} bytes")
    return raw


async def _form() -> Pairs:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequest("the body is not a form", field="Content-Type", rule="application/x-www-form-urlencoded")
    return _pairs(await _body())


def _pairs(raw: bytes) -> Pairs:
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidRequest("the parameters cannot be read", field="body", rule="escaped UTF-8, 64 at most") from None


def _once(pairs: Pairs) -> dict[str, str]:
    """The parameters of an endpoint that authlib does not serve, each of which stands once (RFC 6749, section 3.2)."""
    if len(dict(pairs)) != len(pairs):
        raise InvalidRequest("a parameter stands twice", field="body", rule="once")
    return dict(pairs)


def _csrf(secret: str) -> str:
    """What the page's form says: derived from what the browser's cookie holds, so that no other page knows it."""
    return hashlib.sha256(f"csrf {secret}".encode()).hexdigest()


def _redirect(uri: str) -> Response:
    """303: whatever was posted stays here."""
    return Response(
        "", status=303, headers={"Location": uri, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    )


def _json_response(status: int, body: object, headers: list[tuple[str, str]]) -> Response:
    response = Response(json.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    for name, value in headers:
        if name.lower() not in ("content-type", "cache-control"):
            response.headers[name] = value
    return response


def _in_rfc_words(refused: StackError) -> CoreResponse:
    """RFC 6749, section 5.2."""
    said = refused.message.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "/")
    rule = refused.details.get("rule")
    body: dict[str, object] = {"error_description": f"{said} ({rule})" if rule else said}
    headers: list[tuple[str, str]] = []
    match refused:
        case InvalidClientMetadata():
            body["error"] = refused.error
        case Locked() | Unavailable():
            return 503, {"error": "temporarily_unavailable", **body}, [("Retry-After", "5")]
        case TooMany():
            headers.append(("Retry-After", str(refused.details.get("retry_after_seconds", 60))))
            body["error"] = "temporarily_unavailable"
        case InvalidRequest() | TooLarge():
            body["error"] = "invalid_request"
        case _:
            status = status_of(refused)
            body["error"] = {401: "invalid_client", 403: "access_denied"}.get(status, "invalid_grant")
            if status == 401:
                headers.append(("WWW-Authenticate", 'Bearer realm="stack_local"'))
    return status_of(refused), {"error": body.pop("error"), **body}, headers
