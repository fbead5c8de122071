"""`/p/{service}/…`: a base URL for any program that speaks to a service; its key is a passport of ours.

The request goes on as it came, without our bearer and with the credential; the answer comes back as it comes.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from stack_local.dispatch import Caller, Dispatcher
from stack_local.domain.errors import InvalidRequest, StackError
from stack_local.proxy.forwarding import Forward, Incoming
from stack_local.surfaces.arguments import checked
from stack_local.surfaces.auth import Authenticator
from stack_local.surfaces.caller_line import AnswerLine, CallerLine
from stack_local.surfaces.front_door import FORWARDED, Message, Receive, Scope, Send, lingering, send_error
from stack_local.wire.catalogue import CATALOGUE, Request
from stack_local.wire.proxy import ProxyRequest

OUR_HEADERS = frozenset({"x-passport-token", "x-intent-approval-id", "x-stack-authority-request-id"})
"""What a program may tell us beside its bearer; never sent on."""

KEY_HEADERS = ("x-api-key", "api-key", "x-auth-token", "x-goog-api-key", "private-token", "dd-api-key", "apikey")
"""Where vendors' programs put a key when they do not use `Authorization`; never sent on."""

TOKEN = re.compile(r"sk_live_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""An API key of ours, or a passport."""

NO_RETRY = ((b"x-should-retry", b"false"), (b"stripe-should-retry", b"false"))
"""How the vendors of OpenAI, Anthropic and Stripe tell their programs not to send a call again by themselves."""

_PATH = re.compile(r"/p/([A-Za-z0-9_-]{1,80})(/.*)?", re.ASCII)


class BaseUrl:
    """Answers below `/p/`."""

    def __init__(self, dispatcher: Dispatcher, authenticator: Authenticator) -> None:
        self._dispatcher = dispatcher
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, line = _named(scope["headers"]), CallerLine(receive)
        answer = AnswerLine(send, line, ours=_ours(scope, headers))
        try:
            caller = await self._caller(headers)
            await self._forward(caller, scope, headers, line, answer)
        except StackError as refused:
            # Once the head is gone, an answer that ends in its middle must not look whole: the server closes on us.
            if not answer.has_begun and not line.has_gone:
                told = _advising(send, refused)
                await send_error(told if line.is_over else lingering(told, line.message), refused)

    async def _caller(self, headers: Mapping[str, str]) -> Caller:
        try:
            token = bearer_of(headers)
            actor = await self._authenticator.actor_of(None if token is None else f"Bearer {token}")
        except StackError as refused:
            self._dispatcher.count_refusal(refused.code)
            raise
        return Caller(actor, "rest")

    async def _forward(
        self, caller: Caller, scope: Scope, headers: Mapping[str, str], line: CallerLine, answer: AnswerLine
    ) -> None:
        operation = CATALOGUE[ProxyRequest]
        try:
            service, target = _split(scope)
            body = _incoming(scope["method"], headers, line)
            asked = checked(operation, _arguments(service, scope["method"], headers))
        except StackError as refused:
            await self._dispatcher.refuse(caller, operation, refused)
            raise
        forward = Forward(target, passed(headers), body, answer)
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(line.watch(body))
                failure = await self._called(caller, asked, forward, answer)
                watch.cancel()
        except asyncio.CancelledError:
            # The server ends while the call is under way: nobody is there for its answer.
            line.leave()
            raise
        if failure is not None:
            raise failure

    async def _called(
        self, caller: Caller, asked: Request[Any], forward: Forward, answer: AnswerLine
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


def passed(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without ours, without any key, and without those that the caller says are of this hop alone."""
    hop = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    dropped = OUR_HEADERS | {"authorization", "connection"} | set(KEY_HEADERS) | hop
    return {name: value for name, value in headers.items() if name not in dropped}


def _ours(scope: Scope, headers: Mapping[str, str]) -> str:
    """The address that the service has with us, as the caller wrote it."""
    below = scope["raw_path"].decode("ascii").removeprefix(FORWARDED).partition("/")[0]
    return f"http://{headers.get('host', '')}{FORWARDED}{below}"


def _split(scope: Scope) -> tuple[str, str]:
    """The service's slug, and path and query behind it, exactly as written."""
    if scope["http_version"] == "1.0":
        # Its answers end with the connection, so one that broke would look whole.
        raise InvalidRequest("a program behind /p/ speaks HTTP/1.1", field="version", rule="HTTP/1.1")
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


def _incoming(method: str, headers: Mapping[str, str], line: CallerLine) -> Incoming | None:
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return None
    if length == "0" and method in ("GET", "HEAD", "DELETE"):
        return None
    return Incoming(line.pieces(), None if length is None else int(length))


def _advising(send: Send, refused: StackError) -> Send:
    """A `send` that tells a vendor's program not to repeat by itself what may have had its effect."""
    if "operation_id" not in refused.details or refused.details.get("sent") is False:
        return send

    async def advise(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *NO_RETRY]}
        await send(message)

    return advise
