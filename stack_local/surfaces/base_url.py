"""`/p/{service}/…`: a base URL for any program that speaks to a service; its key is a passport of ours.

The request goes on as it came, without our bearer and with the credential; the answer comes back as it comes.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from stack_local.dispatch import Caller, Dispatcher
from stack_local.domain.errors import InvalidRequest, StackError
from stack_local.proxy.forwarding import Forward, Incoming
from stack_local.surfaces.arguments import checked
from stack_local.surfaces.auth import Authenticator
from stack_local.surfaces.front_door import Receive, Scope, Send, lingering, send_error
from stack_local.wire.catalogue import CATALOGUE, Request
from stack_local.wire.proxy import ProxyRequest

PIECE_SECONDS = 60
"""How long the next piece of a body may take."""

OUR_HEADERS = frozenset({"x-passport-token", "x-intent-approval-id", "x-stack-authority-request-id"})
"""What a program may tell us beside its bearer; never sent on."""

KEY_HEADERS = ("x-api-key", "api-key", "x-auth-token", "x-goog-api-key", "private-token", "dd-api-key", "apikey")
"""Where vendors' programs put a key when they do not use `Authorization`."""

TOKEN = re.compile(r"sk_live_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""An API key of ours, or a passport."""

_PATH = re.compile(r"/p/([A-Za-z0-9_-]{1,80})(/.*)?", re.ASCII)


class BaseUrl:
    """Answers below `/p/`."""

    def __init__(self, dispatcher: Dispatcher, authenticator: Authenticator) -> None:
        self._dispatcher = dispatcher
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        try:
            caller = await self._caller(_named(scope["headers"]))
            await self._forward(caller, scope, receive, answer)
        except StackError as refused:
            if answer.has_begun:
                # The head is gone: an answer that ends in its middle must not look whole.
                raise ConnectionAbortedError(refused.message) from None
            await send_error(lingering(send, receive), refused)

    async def _caller(self, headers: Mapping[str, str]) -> Caller:
        try:
            token = bearer_of(headers)
            actor = await self._authenticator.actor_of(None if token is None else f"Bearer {token}")
        except StackError as refused:
            self._dispatcher.count_refusal(refused.code)
            raise
        return Caller(actor, "rest")

    async def _forward(self, caller: Caller, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        operation, headers = CATALOGUE[ProxyRequest], _named(scope["headers"])
        try:
            service, target = _split(scope)
            body = _incoming(scope["method"], headers, receive)
            asked = checked(operation, _arguments(service, scope["method"], headers))
        except StackError as refused:
            await self._dispatcher.refuse(caller, operation, refused)
            raise
        passed = {name: value for name, value in headers.items() if name not in OUR_HEADERS}
        forward = Forward(target, passed, body, answer)
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_watch(receive, answer, body))
            failure = await self._called(caller, asked, forward, answer)
            watch.cancel()
        if failure is not None:
            raise failure

    async def _called(
        self, caller: Caller, asked: Request[Any], forward: Forward, answer: "_Answer"
    ) -> StackError | None:
        """The refusal as a value: a TaskGroup would wrap it."""
        try:
            await self._dispatcher.call(caller, asked, forward=forward, on_operation=answer.set_operation)
        except StackError as refused:
            return refused
        return None


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """Our token, wherever the vendor's program put it; None where there is none.

    Raises:
        InvalidRequest: two different ones were sent.
    """
    found = set(TOKEN.findall(" ".join(_places(headers))))
    if len(found) > 1:
        raise InvalidRequest("the request carries two bearers", field="authorization", rule="one of them")
    return found.pop() if found else None


def _places(headers: Mapping[str, str]) -> list[str]:
    places = [headers[name] for name in KEY_HEADERS if name in headers]
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return [*places, headers.get("authorization", "")]
    try:
        return [*places, *base64.b64decode(credentials, validate=True).decode("utf-8").split(":", 1)]
    except (binascii.Error, UnicodeDecodeError):
        return places


def _named(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name; what stands several times is joined as a list (RFC 9110, section 5.3)."""
    named: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        named[name] = f"{named[name]}, {value}" if name in named else value
    return named


def _split(scope: Scope) -> tuple[str, str]:
    """The service's slug, and path and query behind it, exactly as written."""
    found = _PATH.fullmatch(scope["raw_path"].decode("ascii"))
    if found is None:
        raise InvalidRequest("the path names no service", field="path", rule="/p/<service>/<path at the service>")
    query = scope["query_string"].decode("ascii")
    return found[1], (found[2] or "/") + (f"?{query}" if query else "")


def _arguments(service: str, method: str, headers: Mapping[str, str]) -> dict[str, object]:
    named = {
        "passport_token": headers.get("x-passport-token"),
        "approval_id": headers.get("x-intent-approval-id"),
        "operation_id": headers.get("x-stack-authority-request-id"),
    }
    return {"service": service, "method": method, **{name: value for name, value in named.items() if value}}


def _incoming(method: str, headers: Mapping[str, str], receive: Receive) -> Incoming | None:
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return None
    if length == "0" and method in ("GET", "HEAD", "DELETE"):
        return None
    return Incoming(_pieces(receive), None if length is None else int(length))


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(PIECE_SECONDS):
                message = await receive()
        except TimeoutError:
            raise InvalidRequest("the body stopped", field="body", rule=f"a piece in {PIECE_SECONDS} seconds") from None
        if message["type"] == "http.disconnect":
            raise InvalidRequest("the caller hung up", field="body")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


async def _watch(receive: Receive, answer: "_Answer", body: Incoming | None) -> None:
    """Notice that the caller has hung up, once its body was read."""
    if body is not None:
        await body.has_been_read.wait()
    while True:
        if (await receive())["type"] == "http.disconnect":
            answer.listens = False
            return


class _Answer:
    """The sink of one request: its answer over ASGI."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._operation_id = ""
        self.has_begun = False
        self.listens = True

    def set_operation(self, operation_id: str, /) -> None:
        self._operation_id = operation_id

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.has_begun = True
        named = {**headers, "x-stack-operation-id": self._operation_id}
        encoded = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in named.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def pass_on(self, piece: bytes) -> bool:
        if piece and self.listens:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        return self.listens

    async def end(self) -> None:
        if self.listens:
            await self._send({"type": "http.response.body", "body": b""})
