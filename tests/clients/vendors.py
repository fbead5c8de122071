"""Five vendors on loopback: each demands its real credential in its place, and answers in its documented shape."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from types import TracebackType
from typing import Any, Self

from tests.simulators.upstream_exchange import Exchange, Received, head, read_body

Answer = Callable[["Vendor", Exchange], Awaitable[None]]
Routes = dict[tuple[str, str], Answer]


@dataclass
class Vendor:
    """One of them."""

    credential: str
    header: str
    """Where the credential stands, and how."""
    routes: Routes
    port: int = 0
    requests: list[Received] = field(default_factory=list)
    effects: int = 0
    """Writes that were carried out."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """A streamed answer waits for it behind its first event."""

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host_port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                exchange = Exchange(await _read(reader), reader, writer)
                self.requests.append(exchange.received)
                await self._answer(exchange)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()

    async def _answer(self, exchange: Exchange) -> None:
        received = exchange.received
        name, _, value = self.header.partition(": ")
        if received.header(name) != value.format(self.credential):
            return await exchange.reply_json({"error": {"message": "wrong key", "type": "authentication_error"}}, 401)
        answer = self.routes.get((received.method, received.path))
        if answer is None:
            return await exchange.reply_json({"message": "Not Found"}, 404)
        self.effects += received.method != "GET"
        return await answer(self, exchange)


async def _read(reader: asyncio.StreamReader) -> Received:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")[:-4].split("\r\n")
    method, target, _ = start.split(" ")
    pairs = [line.partition(": ") for line in lines]
    received = Received(method, target, tuple((name, value) for name, _, value in pairs), b"")
    return Received(method, target, received.headers, await read_body(reader, received))


async def _stream(vendor: Vendor, exchange: Exchange, events: list[bytes]) -> None:
    """Server-sent events; all but the first wait for the gate."""
    await exchange.send(head(200, (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))))
    for number, event in enumerate(events):
        await exchange.chunk(event)
        if number == 0:
            await vendor.gate.wait()
    await exchange.chunk(b"")


# OpenAI (platform.openai.com/docs/api-reference) ---------------------------------------------------------------------


async def _chat(vendor: Vendor, exchange: Exchange) -> None:
    asked = json.loads(exchange.received.body)
    about = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": "Hello", "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return await exchange.reply_json(about | {"object": "chat.completion", "choices": [choice], "usage": usage})
    deltas = [({"role": "assistant", "content": "Hel"}, None), ({"content": "lo"}, None), ({}, "stop")]
    chunks = [
        about | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    return await _stream(vendor, exchange, [*(f"data: {json.dumps(one)}\n\n".encode() for one in chunks), DONE])


DONE = b"data: [DONE]\n\n"


async def _upload(vendor: Vendor, exchange: Exchange) -> None:
    kind = exchange.received.header("content-type") or ""
    form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + exchange.received.body)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
    sent = parts["file"].get_payload(decode=True)
    about = {"id": "file-1", "object": "file", "created_at": 1, "status": "processed", "expires_at": None}
    purpose, name = parts["purpose"].get_payload(), parts["file"].get_filename()
    await exchange.reply_json(about | {"bytes": len(sent), "filename": name, "purpose": purpose})


OPENAI: Routes = {("POST", "/v1/chat/completions"): _chat, ("POST", "/v1/files"): _upload}


# Anthropic (docs.anthropic.com/en/api/messages) ----------------------------------------------------------------------


async def _message(vendor: Vendor, exchange: Exchange) -> None:
    if exchange.received.header("anthropic-version") != "2023-06-01":
        return await exchange.reply_json({"type": "error", "error": {"type": "invalid_request_error"}}, 400)
    asked = json.loads(exchange.received.body)
    usage = {"input_tokens": 1, "output_tokens": 1}
    about = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "stop_sequence": None}
    if not asked.get("stream"):
        content = [{"type": "text", "text": "Hello"}]
        return await exchange.reply_json(about | {"content": content, "stop_reason": "end_turn", "usage": usage})
    start = about | {"content": [], "stop_reason": None, "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
          for text in ("Hel", "lo")),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]  # fmt: skip
    written = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    # Its first three say nothing yet.
    return await _stream(vendor, exchange, [b"".join(written[:3]), *written[3:]])


ANTHROPIC: Routes = {("POST", "/v1/messages"): _message}


# Stripe (docs.stripe.com/api) ----------------------------------------------------------------------------------------


async def _refund(vendor: Vendor, exchange: Exchange) -> None:
    refund = {"id": "re_1", "object": "refund", "amount": 1200, "charge": "ch_1", "currency": "eur"}
    await exchange.reply_json(refund | {"status": "succeeded"}, 200, (("Request-Id", "req_1"),))


async def _charges(vendor: Vendor, exchange: Exchange) -> None:
    charges = [{"id": "ch_1", "object": "charge", "amount": 1200}, {"id": "ch_2", "object": "charge", "amount": 700}]
    found = [charges[1]] if "starting_after=ch_1" in exchange.received.target else [charges[0]]
    more = found[0]["id"] == "ch_1"
    await exchange.reply_json({"object": "list", "url": "/v1/charges", "has_more": more, "data": found})


STRIPE: Routes = {("POST", "/v1/refunds"): _refund, ("GET", "/v1/charges"): _charges}


# Slack (docs.slack.dev/reference/methods) ----------------------------------------------------------------------------


async def _post(vendor: Vendor, exchange: Exchange) -> None:
    asked = json.loads(exchange.received.body)
    message = {"type": "message", "text": asked["text"], "ts": "1.000100"}
    await exchange.reply_json({"ok": True, "channel": asked["channel"], "ts": "1.000100", "message": message})


async def _conversations(vendor: Vendor, exchange: Exchange) -> None:
    channels = [{"id": "C1", "name": "general", "is_channel": True}]
    await exchange.reply_json({"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}})


SLACK: Routes = {("POST", "/api/chat.postMessage"): _post, ("POST", "/api/conversations.list"): _conversations}
"""Slack's SDK posts its reads too."""


# GitHub (docs.github.com/en/rest) ------------------------------------------------------------------------------------


async def _repository(vendor: Vendor, exchange: Exchange) -> None:
    """Its own addresses stand in the answer, and the SDK follows them."""
    url = f"{vendor.base_url}/repos/octocat/hello"
    about = {"id": 1, "name": "hello", "full_name": "octocat/hello", "url": url}
    await exchange.reply_json(about | {"issues_url": f"{url}/issues{{/number}}", "html_url": "https://github.com/o/h"})


async def _issues(vendor: Vendor, exchange: Exchange) -> None:
    here = f"{vendor.base_url}/repos/octocat/hello/issues"
    if exchange.received.method == "POST":
        asked = json.loads(exchange.received.body)
        issue = {"id": 7, "number": 7, "title": asked["title"], "url": f"{here}/7", "state": "open"}
        return await exchange.reply_json(issue, 201, (("Location", f"{here}/7"),))
    page = int(exchange.query.get("page", "1"))
    link = f'<{here}?page=2>; rel="next", <{here}?page=2>; rel="last"'
    headers = (("Link", link),) if page == 1 else ()
    issue = {"id": page, "number": page, "title": f"issue {page}", "url": f"{here}/{page}"}
    return await exchange.reply_json([issue], 200, headers)


GITHUB: Routes = {
    ("GET", "/repos/octocat/hello"): _repository,
    ("GET", "/repos/octocat/hello/issues"): _issues,
    ("POST", "/repos/octocat/hello/issues"): _issues,
}

VENDORS: dict[str, tuple[str, Routes]] = {
    "openai": ("Authorization: Bearer {}", OPENAI),
    "anthropic": ("x-api-key: {}", ANTHROPIC),
    "stripe": ("Authorization: Bearer {}", STRIPE),
    "slack": ("Authorization: Bearer {}", SLACK),
    "github": ("Authorization: token {}", GITHUB),
}
"""Each with the place of its credential."""
