"""One operation asked over one surface, and its answer with what differs from call to call taken out."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from click.testing import CliRunner
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from stack_local.client import RemoteClient
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli import build
from stack_local.wire.catalogue import Operation, header_of
from tests.contract.world import World

Answer = tuple[str, Any]
"""`("ok", JSON)` or `("error", envelope)`."""

CHANGING = (
    (
        re.compile(r"\b(op|agt|scon|ppt|ses|pc|apr|opn|key|chk|grt|cli|azr|cns|att|scn|aud|trc)_[0-9A-Za-z]{22}\b"),
        r"<\1>",
    ),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "<token>"),
    (re.compile(r"\bsk_(live|session)_[\w-]+"), r"<\1 token>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"(?<![a-z])(fresh-\d+|test-client(-\d+)?)\b"), "<name>"),
    (re.compile(r"\b([0-9A-Z]{4}-){8}[0-9A-Z]{4}\b"), "<recovery code>"),
    (re.compile(r"\b(state|code_challenge)=[\w-]{43}"), r"\1=<value>"),
    (re.compile(r"\b(key:<key>|session:<ses>)"), "<actor>"),
)
"""What a fresh example makes different, and who asked."""

COUNTS = frozenset(
    {"sequence", "count", "checked", "changes", "chain_sequence", "live_passports", "max_timestamp", "tag", "code"}
)


class LiveLaunch:
    """The `Launch` of a command in this process against a live admin socket."""

    def __init__(self, admin_socket: Path) -> None:
        self._socket = admin_socket

    def home(self, option: str | None) -> Path:
        return self._socket.parent

    def running_socket(self, home: Path) -> Path | None:
        return self._socket

    @asynccontextmanager
    async def client(self, home: Path, passphrase: Secret | None) -> AsyncIterator[RemoteClient]:
        remote = RemoteClient(socket_path=str(self._socket))
        try:
            yield remote
        finally:
            await remote.aclose()


async def over_cli(world: World, operation: Operation, arguments: dict[str, Any]) -> Answer:
    """`stack-local call NAME --input - --json`, as the session."""
    command = build(LiveLaunch(world.running.places.admin_socket), is_terminal=lambda: False)
    runner = CliRunner(env={"STACK_LOCAL_SESSION": world.tokens["session"]})
    line = ["call", operation.name, "--input", "-", "--json"]
    told = await asyncio.to_thread(runner.invoke, command, line, input=json.dumps(arguments))
    tree = json.loads(told.stdout)
    return ("ok", tree) if told.exit_code == 0 else ("error", tree)


async def over_call(world: World, operation: Operation, arguments: dict[str, Any], *, bearer: str = "admin") -> Answer:
    """`POST /v1/call/NAME`, on the bearer's side of the house."""
    side = "person" if bearer in ("session", "approver") else "agents"
    response = await world.post(side, bearer, operation.name, arguments)
    return ("ok" if response.is_success else "error", json.loads(response.content))


async def over_route(world: World, operation: Operation, arguments: dict[str, Any], *, bearer: str) -> Answer:
    """The operation's own route; where one field of the answer is the body, it is put back into its object."""
    left, headers, path = dict(arguments), world.headers(bearer), operation.path
    for name in re.findall(r"{(\w+)}", path):
        path = path.replace("{" + name + "}", quote(str(left.pop(name))))
    for name in list(left):
        header = header_of(operation.request, name)
        if header is not None:
            headers[header] = left.pop(name)
    client = world.side("person" if bearer == "session" else "agents")
    given = {"params": left} if operation.method == "GET" else {"json": left}
    response = await client.request(operation.method, path, headers=headers, **given)
    tree = json.loads(response.content)
    if not response.is_success:
        return "error", tree
    return "ok", tree if operation.body is None else {operation.body: tree}


@asynccontextmanager
async def mcp_client(world: World, bearer: str, *, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of `/mcp` that speaks the newest wire it can, or the one it is told."""
    async with httpx2.AsyncClient(headers=world.headers(bearer), timeout=30, trust_env=False) as http:
        transport = streamable_http_client(f"{world.running.base_url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def over_mcp(client: Client, operation: Operation, arguments: dict[str, Any]) -> Answer:
    """`tools/call`; the same JSON stands in the structured content and in the text."""
    result = await client.call_tool(operation.tool, arguments)
    text = result.content[0].text
    if result.is_error:
        return "error", json.loads(text.partition("\n")[2])
    assert json.loads(text) == result.structured_content
    return "ok", result.structured_content


def normalized(answer: Answer) -> Answer:
    """An answer that can be compared with that of another call."""
    return answer[0], _leveled(answer[1])


def _leveled(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: 0 if name in COUNTS else _leveled(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_leveled(item) for item in node]
    if isinstance(node, str):
        for pattern, word in CHANGING:
            node = pattern.sub(word, node)
    return node
