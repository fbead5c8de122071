"""REST: routes derived from the catalogue, the uniform `POST /v1/call/{operation}`, and the hot path before Quart."""

import asyncio
import functools
import json
import logging
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from quart import Quart, Response, request

from stack_local.dispatch import Caller, Dispatcher
from stack_local.domain.canonical import read_json
from stack_local.domain.errors import InvalidRequest, NotFound, StackError
from stack_local.surfaces.arguments import checked
from stack_local.surfaces.auth import Authenticator, one_header
from stack_local.surfaces.errors import envelope
from stack_local.surfaces.front_door import FORWARDED, App, Receive, Scope, Send, error_head, send_error, send_json
from stack_local.surfaces.openapi import document
from stack_local.wire.catalogue import CATALOGUE, Operation, Request, Surface, View, by_name, header_of
from stack_local.wire.proxy import ProxyRequest

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]


class Rest:
    """Answers REST requests for one side of the house: agents over TCP, or the person's side over the socket."""

    def __init__(self, dispatcher: Dispatcher, authenticator: Authenticator, *, surface: Surface) -> None:
        self._dispatcher = dispatcher
        self._authenticator = authenticator
        self._surface = surface

    async def answer(
        self,
        operation: Operation,
        headers: Headers,
        body: bytes,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        whole: bool = False,
    ) -> bytes:
        """The JSON body of a successful answer; `whole` gives the view even where a field of it is the body.

        Raises:
            StackError: refused or failed.
        """
        try:
            actor = await self._authenticator.actor_of(one_header(headers, b"authorization"))
        except StackError as refused:
            self._dispatcher.count_refusal(refused.code)
            raise
        caller = Caller(actor, self._surface)
        try:
            asked = checked(operation, {**(query or {}), **_arguments(operation, headers, body), **(path or {})})
        except StackError as refused:
            await self._dispatcher.refuse(caller, operation, refused)
            raise
        view: View = await self._dispatcher.call(caller, asked)
        return encoded(view, None if whole else operation.body)

    async def proxy(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/proxy` without Quart: the path every governed call takes."""
        try:
            body = (await receive())["body"]
            answered = await self.answer(CATALOGUE[ProxyRequest], scope["headers"], body)
        except StackError as refused:
            await send_error(send, refused)
            return
        await send_json(send, 200, answered)


def _arguments(operation: Operation, headers: Headers, body: bytes) -> dict[str, object]:
    arguments: dict[str, object] = _object(body)
    for field, name in _header_fields(operation.request):
        value = one_header(headers, name)
        if value is not None:
            arguments[field] = value
    return arguments


@cache
def _header_fields(asked: type[Request[Any]]) -> tuple[tuple[str, bytes], ...]:
    """The fields of a request class that a header may carry; there are as many answers as classes."""
    named = ((field, header_of(asked, field)) for field in asked.model_fields)
    return tuple((field, name.lower().encode()) for field, name in named if name is not None)


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    tree = read_json(body)
    if not isinstance(tree, dict):
        raise InvalidRequest("the body is not a JSON object", field="body", rule="one JSON object")
    return tree


def encoded(view: View, body_field: str | None) -> bytes:
    """The answer as JSON: the view, or the one field that is the whole body."""
    if body_field is None:
        return view.model_dump_json().encode()
    return json.dumps(view.model_dump(mode="json")[body_field], ensure_ascii=False).encode()


def build(rest: Rest, *, surface: Surface, base_url: str) -> Quart:
    """The Quart application of one side: its routes, and JSON for everything that is not one."""
    app = Quart("stack_local", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = None  # the front door bounds every body
    app.config["BODY_TIMEOUT"] = None
    for operation in CATALOGUE.values():
        if surface in operation.surfaces:
            _add_route(app, rest, operation)
    if surface == "rest":
        app.add_url_rule("/openapi.json", "openapi", _description(base_url))
    app.add_url_rule("/v1/call/<name>", "call", _uniform(rest, surface), methods=["POST"])
    app.register_error_handler(404, _not_found)
    app.register_error_handler(405, _not_found)
    return app


def _description(base_url: str) -> Any:
    """The OpenAPI document: it holds no secret, and is made when somebody first asks for it."""

    @functools.cache
    def made() -> bytes:
        return json.dumps(document(base_url)).encode()

    async def route() -> Response:
        return _json(200, await asyncio.to_thread(made))

    return route


def _add_route(app: Quart, rest: Rest, operation: Operation) -> None:
    async def route(**path: str) -> Response:
        return await _respond(rest, operation, path)

    rule = operation.path.replace("{", "<").replace("}", ">")
    app.add_url_rule(rule, operation.name, route, methods=[operation.method])


def _uniform(rest: Rest, surface: Surface) -> Any:
    async def route(name: str) -> Response:
        operation = by_name(name)
        if operation is None:
            return _json_error(_unknown(f"there is no operation {name[:64]!r}"))
        return await _respond(rest, operation, {}, whole=True)

    return route


async def _respond(rest: Rest, operation: Operation, path: Mapping[str, str], *, whole: bool = False) -> Response:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    try:
        body = bytes(await request.get_data(cache=False, as_text=False))  # type: ignore[arg-type]  # not text, as asked
        query = _query(request.query_string)
        answered = await rest.answer(operation, headers, body, path=path, query=query, whole=whole)
    except StackError as refused:
        return _json_error(refused)
    return _json(200, answered)


def _query(raw: bytes) -> dict[str, object]:
    """Query parameters; one that stands several times is a list."""
    found: dict[str, object] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=64):
        earlier = found.get(name)
        found[name] = value if earlier is None else [*(earlier if isinstance(earlier, list) else [earlier]), value]
    return found


def _json(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    response = Response(body, status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers or {})
    return response


def _json_error(error: StackError) -> Response:
    status, headers = error_head(error)
    named = {name.decode(): value.decode() for name, value in headers}
    return _json(status, json.dumps(envelope(error)).encode(), named)


async def _not_found(error: Exception) -> Response:
    return _json_error(_unknown("there is no such route"))


def _unknown(message: str) -> NotFound:
    return NotFound(message, hint="docs/operations.md lists every operation and its route")


class Dispatch:
    """Chooses by path, or method and path: the hot ones go to their raw applications, everything else to Quart."""

    def __init__(self, quart: App, hot: Mapping[str, App], *, base_url: App | None = None) -> None:
        """`base_url`: what answers below `/p/`."""
        self._quart = quart
        self._below = base_url
        self._hot = dict(hot)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].rstrip("/") or "/"
            if self._below is not None and scope["path"].startswith(FORWARDED):
                await self._below(scope, receive, send)
                return
            app = self._hot.get(path) or self._hot.get(f"{scope['method']} {path}")
            if app is not None:
                await app(scope, receive, send)
                return
        await self._quart(scope, receive, send)
