"""The clients that run on Node.js: each a process of its own, asked line by line, or run once for each question."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mcp import Client as SdkClient
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.clients.journey import Client
from tests.clients.programs import LINE_BYTES, environment, letting_in, node, packages, run
from tests.clients.python_clients import OfSdk, Opener
from tests.clients.stage import Stage

SCRIPTS = Path(__file__).parent / "node"
ANSWER_SECONDS = 30


@dataclass
class Lines:
    """A script of `node/` that holds a client."""

    stage: Stage
    process: asyncio.subprocess.Process

    async def tools(self) -> set[str]:
        return set(await self._ask(do="tools"))

    async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        return await self._ask(do="call", tool=tool, arguments=arguments)

    def age(self, seconds: float) -> None:
        """It looks at no clock: a 401 makes it refresh."""

    async def answer(self) -> Any:
        """What it says next; where it opens a browser, a person lets it in first."""
        while True:
            said = await self._said()
            if "open" not in said:
                assert "answer" in said, said.get("error")
                return said["answer"]
            await self._say(callback=await self.stage.let_in(said["open"]))

    async def _ask(self, **asked: Any) -> Any:
        await self._say(**asked)
        return await self.answer()

    async def _say(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def _said(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), ANSWER_SECONDS)
        return dict(json.loads(line))


def script(name: str, *arguments: str) -> Opener:
    """A client held by one of our scripts."""

    @asynccontextmanager
    async def opened(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
        key = {"STACK_API_KEY": bearer} if bearer else {}
        process = await asyncio.create_subprocess_exec(
            node(), str(SCRIPTS / name), stage.url, *arguments,
            stdin=PIPE, stdout=PIPE, limit=LINE_BYTES, env=environment(stage.folder / "person", **key),
        )  # fmt: skip
        client = Lines(stage, process)
        try:
            assert await client.answer() == "ready"
            yield client
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), ANSWER_SECONDS)

    return opened


@dataclass(frozen=True)
class Inspector:
    """The Inspector's command: a process for each question. Its log-in lies in its home."""

    stage: Stage
    era: str
    bearer: str | None

    async def tools(self) -> set[str]:
        answer = await self._asked("--method", "tools/list", "--strict")
        return {tool["name"] for tool in answer["tools"]}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        what = ("--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        return (await self._asked("--method", "tools/call", *what))["structuredContent"]

    def age(self, seconds: float) -> None:
        """It looks at no clock: a 401 makes it refresh."""

    async def _asked(self, *question: str) -> Any:
        # It may print where to log in, though no terminal is there; and it keeps secrets in a file, for want of a ring.
        chosen = {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}
        program = packages() / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        fixed = ("--cli", self.stage.url, "--transport", "http", "--protocol-era", self.era, "--format", "json")
        header = ("--header", f"Authorization: Bearer {self.bearer}") if self.bearer else ()
        env = environment(self.stage.folder / "person", **chosen)
        ended = await run(self.stage, node(), str(program), *fixed, *header, *question, env=env)
        assert ended.status == 0, ended.err
        return json.loads(ended.out)["result"]


def inspector(era: str) -> Opener:
    """The Inspector on one of the two wires."""

    @asynccontextmanager
    async def opened(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
        yield Inspector(stage, era, bearer)

    return opened


def mcp_remote(protocol: str) -> Opener:
    """The bridge for clients that speak over a pipe alone; one of those speaks through it."""

    @asynccontextmanager
    async def opened(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
        home = stage.folder / "person"
        header = ["--header", f"Authorization: Bearer {bearer}"] if bearer else []
        program = str(packages() / "mcp-remote/dist/proxy.js")
        arguments = [program, stage.url, "--host", "127.0.0.1", "--protocol", protocol, *header]
        env = environment(home, MCP_REMOTE_CONFIG_DIR=str(home / "mcp-remote"))
        parameters = StdioServerParameters(command=node(), args=arguments, env=env)
        async with _watched(stage) as errors, SdkClient(stdio_client(parameters, errlog=errors)) as client:
            yield OfSdk(client, None)

    return opened


@asynccontextmanager
async def _watched(stage: Stage) -> AsyncIterator[TextIO]:
    """Where a program writes what it would show: a log-in in it is opened."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb"))
    watching = asyncio.create_task(letting_in(stage, stream))
    with os.fdopen(writing, "w") as errors:
        yield errors
    try:
        await asyncio.wait_for(watching, ANSWER_SECONDS)
    finally:
        transport.close()
