"""A service's authorization server on loopback: it logs everybody in at once, rotates, ends, dies and misbehaves.

It keeps to the RFCs where a client must be held to them: the code goes once, to the redirect and the verifier it was
asked with, and a refresh token that was rotated is good no more. Form bodies alone, as RFC 6749 has them.
"""

import asyncio
import base64
import hashlib
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from stack_local.egress.client import Egress, InboundResponse, OutboundRequest
from tests.simulators.upstream_exchange import Exchange, Headers, Received, read_body

HOST = "auth.example.com"
"""The name under which a template knows it; `Wire` leads there."""

CLIENT_ID, CLIENT_SECRET = "app-of-mine", "client-secret-1a2b3c4d"

JSON_TYPE: Headers = (("Content-Type", "application/json"),)


@dataclass
class Code:
    """An authorization code, with what it was asked with."""

    redirect_uri: str
    challenge: str | None
    scope: str


@dataclass
class AuthorizationServer:
    """The server. What it is to do may be changed while it runs."""

    lifetime: int | None = 3600
    """Seconds of an access token; None: it never says."""
    rotates: bool = True
    gives_refresh_tokens: bool = True
    misbehavior: str | None = None
    """A key of MISBEHAVIORS: how the token endpoint answers."""
    scope_given: str | None = None
    """What is granted in place of what was asked."""
    issuer: str | None = None
    """Said with the redirect as `iss`."""
    device_answers: list[str] = field(default_factory=list)
    """Errors of the next looks at a device code; then it is allowed."""
    access_tokens: list[str] = field(default_factory=list)
    """All that were issued, in order."""
    refresh_tokens: list[str] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    """Refresh tokens that are good."""
    revoked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    """What the token endpoint was asked, in order."""
    requests: list[Received] = field(default_factory=list)
    on_issue: Callable[[str], None] = lambda token: None
    """Hears each new access token: the service that takes it is elsewhere."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """What `waits` waits for."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each request."""
    port: int = 0

    def __post_init__(self) -> None:
        self._codes: dict[str, Code] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What a person does in a browser ------------------------------------------------------------------------------

    def allow(self, authorization_url: str) -> dict[str, str]:
        """The person says yes: the parameters of the redirect to the client."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        assert asked["response_type"] == "code"
        assert asked.get("code_challenge_method", "S256") == "S256"
        code = self._new("code")
        self._codes[code] = Code(asked["redirect_uri"], asked.get("code_challenge"), asked.get("scope", ""))
        said = {"code": code, "state": asked["state"]}
        return said if self.issuer is None else {**said, "iss": self.issuer}

    def die(self) -> None:
        """The person takes everything back at the service."""
        self.alive.clear()

    # HTTP ---------------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                exchange = Exchange(await _read(reader), reader, writer)
                self.requests.append(exchange.received)
                self.arrived.set()
                await self._answer(exchange)
                if exchange.closing:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, exchange: Exchange) -> None:
        match exchange.received.path:
            case "/authorize":
                said = self.allow(exchange.received.target)
                where = exchange.query["redirect_uri"]
                await exchange.reply(302, headers=(("Location", f"{where}?{urlencode(said)}"),))
            case "/token":
                await self._token(exchange)
            case "/device":
                await exchange.reply_json(self._device())
            case "/revoke":
                self.revoked.append(_form(exchange)["token"])
                await exchange.reply()
            case _:
                await exchange.reply_json({"message": "not found"}, 404)

    def _device(self) -> dict[str, Any]:
        where = f"https://{HOST}/activate"
        codes = {"device_code": self._new("device"), "user_code": "WDJB-MJHT", "verification_uri": where}
        return {**codes, "expires_in": 600, "interval": 5}

    async def _token(self, exchange: Exchange) -> None:
        form = _form(exchange)
        self.forms.append(form)
        if self.misbehavior == "waits":
            await self.gate.wait()
        elif self.misbehavior is not None:
            await MISBEHAVIORS[self.misbehavior](self, exchange)
            return
        error = self._refusal(exchange, form)
        if error is not None:
            await exchange.reply_json({"error": error, "error_description": "<script>no</script>"}, 400)
            return
        await exchange.reply_json(self.tokens(form))

    def _refusal(self, exchange: Exchange, form: dict[str, str]) -> str | None:
        if not _is_client(exchange, form):
            return "invalid_client"
        match form["grant_type"]:
            case "authorization_code":
                code = self._codes.pop(form["code"], None)
                is_good = code is not None and form.get("redirect_uri") == code.redirect_uri and _proves(code, form)
                return None if is_good else "invalid_grant"
            case "refresh_token":
                return None if form["refresh_token"] in self.alive else "invalid_grant"
            case "client_credentials":
                return None
            case "urn:ietf:params:oauth:grant-type:device_code":
                return self.device_answers.pop(0) if self.device_answers else None
            case _:
                return "unsupported_grant_type"

    def tokens(self, form: dict[str, str]) -> dict[str, Any]:
        """New ones."""
        answer: dict[str, Any] = {"access_token": self._new("access"), "token_type": "Bearer"}
        self.access_tokens.append(answer["access_token"])
        self.on_issue(answer["access_token"])
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if self.scope_given is not None:
            answer["scope"] = self.scope_given
        grant = form["grant_type"]
        if self.gives_refresh_tokens and (grant != "refresh_token" or self.rotates) and grant != "client_credentials":
            self.alive.discard(form.get("refresh_token", ""))
            answer["refresh_token"] = self._new("refresh")
            self.refresh_tokens.append(answer["refresh_token"])
            self.alive.add(answer["refresh_token"])
        return answer

    def _new(self, kind: str) -> str:
        number = next(self._numbers)
        return f"{kind}-{number}-{hashlib.sha256(f'{kind}{number}'.encode()).hexdigest()[:24]}"


@dataclass
class Wire:
    """What the appliance's token requests leave by: the real egress, led to the server; only its address is let in."""

    server: AuthorizationServer
    egress: Egress
    asked: list[OutboundRequest] = field(default_factory=list)

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self.asked.append(request)
        assert (request.url.scheme, request.url.port, request.url.host) == ("https", 443, HOST), "another host"
        assert request.private_allowed == frozenset(), "an exemption that nobody gave"
        url = replace(request.url, scheme="http", host="127.0.0.1", port=self.server.port)
        return await self.egress.send(replace(request, url=url, private_allowed=frozenset({url.host_port})))


async def _read(reader: asyncio.StreamReader) -> Received:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")[:-4].split("\r\n")
    method, target, _ = start.split(" ")
    pairs = [line.partition(":") for line in lines]
    received = Received(method, target, tuple((name, value.strip(" \t")) for name, _, value in pairs), b"")
    return replace(received, body=await read_body(reader, received))


def _form(exchange: Exchange) -> dict[str, str]:
    assert exchange.received.header("content-type") == "application/x-www-form-urlencoded"
    pairs = parse_qsl(exchange.received.body.decode("ascii"), strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter stands twice"
    return dict(pairs)


def _is_client(exchange: Exchange, form: dict[str, str]) -> bool:
    said = exchange.received.header("authorization")
    if said is not None:
        pair = base64.b64decode(said.removeprefix("Basic ")).decode()
        return pair == f"{CLIENT_ID}:{CLIENT_SECRET}" and "client_secret" not in form
    return form.get("client_id") == CLIENT_ID and form.get("client_secret") in (None, CLIENT_SECRET)


def _proves(code: Code, form: dict[str, str]) -> bool:
    if code.challenge is None:
        return "code_verifier" not in form
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == code.challenge


Misbehavior = Callable[[AuthorizationServer, Exchange], Awaitable[None]]


def _raw(body: bytes, *, status: int = 200, kind: str = "application/json", more: Headers = ()) -> Misbehavior:
    async def answer(server: AuthorizationServer, exchange: Exchange) -> None:
        await exchange.reply(status, body, (("Content-Type", kind), *more))

    return answer


async def _reset(server: AuthorizationServer, exchange: Exchange) -> None:
    exchange.reset()


async def _hang(server: AuthorizationServer, exchange: Exchange) -> None:
    await exchange.wait_for_leaving()


async def _doubled(server: AuthorizationServer, exchange: Exchange) -> None:
    tokens = json.dumps(server.tokens(server.forms[-1]))
    await exchange.reply(200, b'{"access_token": "another-token", ' + tokens[1:].encode(), JSON_TYPE)


async def _elsewhere(server: AuthorizationServer, exchange: Exchange) -> None:
    await exchange.reply(307, headers=(("Location", "https://evil.example.com/token"),))


MISBEHAVIORS: dict[str, Misbehavior] = {
    "500": _raw(b'{"error": "server_error"}', status=500),
    "503 in HTML": _raw(b"<html>busy</html>", status=503, kind="text/html"),
    "429": _raw(b"{}", status=429, more=(("Retry-After", "60"),)),
    "a page": _raw(b"<html>log in</html>", kind="text/html"),
    "huge": _raw(b'{"access_token": "' + b"x" * 200_000 + b'"}'),
    "nothing": _raw(b""),
    "no token": _raw(b"{}"),
    "a list": _raw(b"[1]"),
    "another kind of token": _raw(b'{"access_token": "mac-token-1", "token_type": "mac"}'),
    "a token with a line break": _raw(b'{"access_token": "to\\nken-1234", "token_type": "bearer"}'),
    "a negative life": _raw(b'{"access_token": "token-1234", "token_type": "bearer", "expires_in": -1}'),
    "reset": _reset,
    "hangs": _hang,
    "doubled keys": _doubled,
    "a redirect": _elsewhere,
}
"""How the token endpoint answers while it misbehaves. None of these is the end of a connection."""
