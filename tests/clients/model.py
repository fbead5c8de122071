"""A stand-in for hosted models on loopback: it calls one tool with what it was told, then says what came back.

It speaks Anthropic's messages and OpenAI's responses, as far as one turn with one tool call needs. What a program asks
beside its turn (a title, its tools' names) it answers with a word.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Events = Iterator[dict[str, Any]]
Call = tuple[str, dict[str, Any]]
"""The end of a tool's name, and its arguments."""


@dataclass
class Model:
    """The server. It calls the tool whose name ends with `tool`, once in each turn."""

    tool: str
    arguments: dict[str, Any]
    results: list[str] = field(default_factory=list)
    """What its calls brought back, as the program showed it."""
    calls: list[Call] = field(default_factory=list)
    """What it called, in every turn so far."""
    tools: set[str] = field(default_factory=set)
    """Every tool it was offered."""
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Begin anew: what is seen from now on is another turn's."""
        self.results.clear()
        self.tools.clear()

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
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            status, kind, answer = self._answer(head.split(b" ")[1].decode().partition("?")[0], body)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + answer
            )
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the program hung up
        finally:
            writer.close()

    def _answer(self, path: str, body: bytes) -> tuple[str, str, bytes]:
        match path:
            case "/v1/messages":
                asked = json.loads(body)
                if not asked.get("stream"):
                    return _json(_message([{"type": "text", "text": "ok"}], "end_turn"))
                return _stream(self._messages(asked))
            case "/v1/messages/count_tokens":
                return _json({"input_tokens": 1})
            case "/v1/responses":
                return _stream(self._responses(json.loads(body)))
        return "404 Not Found", "application/json", b"{}"

    # Anthropic's messages ----------------------------------------------------------------------------------------

    def _messages(self, asked: dict[str, Any]) -> Events:
        parts = [part for said in asked["messages"] for part in said["content"] if isinstance(part, dict)]
        results = [json.dumps(part["content"]) for part in parts if part["type"] == "tool_result"]
        call = self.next_call(results)
        name = self._offered((tool["name"] for tool in asked.get("tools", ())), call)
        if call is None or name is None:
            self.results += results[-1:]
            block, delta, reason = {"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}, "end_turn"
        else:
            self.calls.append(call)
            block = {"type": "tool_use", "id": f"toolu_{len(results)}", "name": name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
            reason = "tool_use"
        yield {"type": "message_start", "message": _message([], None)}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": _USAGE}
        yield {"type": "message_stop"}

    # OpenAI's responses ------------------------------------------------------------------------------------------

    def _responses(self, asked: dict[str, Any]) -> Events:
        results = [item for item in asked["input"] if item.get("type") == "function_call_output"]
        spaces = {tool["name"]: tool["tools"] for tool in asked.get("tools", ()) if tool.get("type") == "namespace"}
        named = {tool["name"]: space for space, tools in spaces.items() for tool in tools}
        call = None if results else self.next_call([])
        name = self._offered([*named, *(tool["name"] for tool in asked.get("tools", ()) if "name" in tool)], call)
        if call is None or name is None:
            if results:
                self.results.append(json.dumps(results[-1]["output"]))
            text = {"type": "output_text", "text": "done", "annotations": []}
            item: dict[str, Any] = {"type": "message", "role": "assistant", "id": "msg_1", "content": [text]}
        else:
            item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name}
            item |= {"arguments": json.dumps(call[1])}
            item |= {"namespace": named[name]} if name in named else {}
        yield {"type": "response.created", "response": {"id": "resp_1"}}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
        yield {"type": "response.completed", "response": {"id": "resp_1", "output": [item], "usage": _RESPONSE_USAGE}}

    def next_call(self, results: list[str]) -> Call | None:
        """Which tool to call after these results; None for the last word."""
        return None if results else (self.tool, self.arguments)

    def _offered(self, names: Iterable[str], call: Call | None) -> str | None:
        offered = list(names)
        self.tools.update(offered)
        return None if call is None else next((name for name in offered if name.endswith(call[0])), None)


_USAGE = {"input_tokens": 1, "output_tokens": 1}
_RESPONSE_USAGE = {**_USAGE, "total_tokens": 2, "input_tokens_details": None, "output_tokens_details": None}


def _message(content: list[dict[str, Any]], stop_reason: str | None) -> dict[str, Any]:
    about = {"id": "msg_1", "type": "message", "role": "assistant", "model": "stand-in"}
    return {**about, "content": content, "stop_reason": stop_reason, "stop_sequence": None, "usage": _USAGE}


def _json(tree: dict[str, Any]) -> tuple[str, str, bytes]:
    return "200 OK", "application/json", json.dumps(tree).encode()


def _stream(events: Events) -> tuple[str, str, bytes]:
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "200 OK", "text/event-stream", "".join(lines).encode()
