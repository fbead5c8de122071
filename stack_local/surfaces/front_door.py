"""What every request passes first: whose Host it names, which page sent it, how large its body is."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from stack_local.dispatch import NoBearer
from stack_local.domain.errors import Forbidden, InvalidRequest, StackError, TooLarge
from stack_local.oauth.metadata import PROTECTED_RESOURCE_PATH, RESOURCE_PATHS, USUAL_SCOPES
from stack_local.settings import Settings
from stack_local.surfaces.auth import one_header
from stack_local.surfaces.errors import envelope, status_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


FORWARDED = "/p/"
"""Below it a request goes on to a service."""

DRAIN_SECONDS = 2
DRAIN_MESSAGES = 512
"""How long, and for how many pieces, a refused body is read on and dropped."""


class FrontDoor:
    """An ASGI application in front of all others; refuses a foreign Host, any foreign Origin and a body too large."""

    def __init__(
        self,
        inner: App,
        settings: Settings,
        *,
        hosts: frozenset[str] | None,
        count: Callable[[str], None],
        issuer: str | None = None,
    ) -> None:
        """`hosts`: the Host values that are ours; None on the Unix socket, which no browser reaches. `issuer`: where
        an OAuth client logs in, said with every 401."""
        self._inner = inner
        self._settings = settings
        self._hosts = hosts
        self._count = count
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        is_forwarded = scope["path"].startswith(FORWARDED) and self._hosts is not None
        if self._issuer is not None:
            send = _guiding(send, self._issuer, scope["path"])
        try:
            self._check(scope, is_bounded=not is_forwarded)
            # Below /p/ a body may be passed on as it comes; what reads it there has bounds of its own.
            inner_receive = receive if is_forwarded else Replayed(await self._body(receive), receive)
        except StackError as refused:
            self._count(refused.code)
            await send_error(lingering(send, receive), refused)
            return
        await self._inner(scope, inner_receive, send)

    def _check(self, scope: Scope, *, is_bounded: bool) -> None:
        headers = scope["headers"]
        length = one_header(headers, b"content-length")
        if self._hosts is not None:
            self._check_host(one_header(headers, b"host"))
            self._check_origin(one_header(headers, b"origin"))
        if is_bounded and length is not None and length.isdigit() and int(length) > self._settings.body_bytes:
            raise TooLarge("the body is too large", rule=f"at most {self._settings.body_bytes} bytes")

    async def _body(self, receive: Receive) -> bytes:
        """The whole body, before anything is asked of anybody: a slow or endless one ends here."""
        parts: list[bytes] = []
        left = self._settings.body_bytes
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise InvalidRequest("the caller hung up", field="body")
                    parts.append(message.get("body", b""))
                    left -= len(parts[-1])
                    if left < 0:
                        raise TooLarge("the body is too large", rule=f"at most {self._settings.body_bytes} bytes")
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise InvalidRequest("the body did not arrive in time", field="body", rule="body_seconds") from None

    def _check_host(self, host: str | None) -> None:
        if host is None or host.lower() not in (self._hosts or ()):
            raise MisdirectedRequest("this host is not ours", field="Host", hint="use the address shown at start-up")

    def _check_origin(self, origin: str | None) -> None:
        if origin is None:
            return
        if origin.lower() not in {f"http://{host}" for host in self._hosts or ()}:
            raise Forbidden("a web page may not call the appliance", rule="origin", field="Origin")


def _guiding(send: Send, issuer: str, path: str) -> Send:
    """A `send` that completes the challenge of a 401 or 403 with where to log in (RFC 9728, section 5.1)."""

    async def guide(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in (401, 403):
            resource = path.rstrip("/") if path.rstrip("/") in RESOURCE_PATHS else ""
            where = f"{issuer}{PROTECTED_RESOURCE_PATH}{resource}"
            said = f', resource_metadata="{where}"'
            said += f', scope="{" ".join(USUAL_SCOPES)}"' if message["status"] == 401 else ""
            headers = [
                (name, value + said.encode() if name.lower() == b"www-authenticate" else value)
                for name, value in message["headers"]
            ]
            message = {**message, "headers": headers}
        await send(message)

    return guide


def lingering(send: Send, receive: Receive) -> Send:
    """A `send` that reads on before it ends the answer: the server closes, and resets, as soon as that is done."""

    async def linger(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b""})

    return linger


async def _drain(receive: Receive) -> None:
    """Let a caller that still sends finish, within bounds: a reset would take our answer from it."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            for _ in range(DRAIN_MESSAGES):
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


class MisdirectedRequest(InvalidRequest):
    """A Host that is not ours (RFC 9110, section 15.5.20)."""

    default_code = "MISDIRECTED_REQUEST"


class Replayed:
    """A `receive` that gives a body that was read already, and then listens on."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def send_json(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """A whole JSON answer; never cached."""
    fixed = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
    length = ((b"content-length", str(len(body)).encode()),)
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: StackError) -> None:
    """An error as every route says it."""
    status, headers = error_head(error)
    await send_json(send, status, json.dumps(envelope(error)).encode(), headers)


def _challenge(error: StackError) -> bytes | None:
    """RFC 6750, section 3: a 401 says how to authenticate, a 403 which scope is missing."""
    if isinstance(error, Forbidden):
        scope = error.details.get("scope")
        said = f'Bearer realm="stack_local", error="insufficient_scope", scope="{scope}"'
        return said.encode() if error.details.get("rule") == "scope" and scope else None
    if isinstance(error, NoBearer):
        return b'Bearer realm="stack_local"'
    return b'Bearer realm="stack_local", error="invalid_token"'


def error_head(error: StackError) -> tuple[int, tuple[tuple[bytes, bytes], ...]]:
    """Status and headers of an error: a 401 says how to authenticate, a 429 when to come back."""
    if isinstance(error, MisdirectedRequest):
        return 421, ()
    status = status_of(error)
    if status in (401, 403):
        challenge = _challenge(error)
        return status, () if challenge is None else ((b"www-authenticate", challenge),)
    if status == 429:
        seconds = str(error.details.get("retry_after_seconds", 1))
        return status, ((b"retry-after", seconds.encode()),)
    return status, ()
