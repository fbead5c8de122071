"""The clients that run on Node.js: each a process of its own, asked line by line, or run once for each question."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.journey import Client
from tests.clients.python_clients import Opener
from tests.clients.stage import Stage

SCRIPTS = Path(__file__).parent / "node"
BOUND_SECONDS = 30
LINE_BYTES = 1 << 22
"""At most so long an answer: a list of all tools."""


def node() -> str:
    """The Node.js that the Makefile installed."""
    return os.environ["STACK_LOCAL_NODE"]


def packages() -> Path:
    """What the Makefile installed from npm."""
    return Path(os.environ["STACK_LOCAL_NPM"])


def environment(home: Path, **more: str) -> dict[str, str]:
    """A bare one: nothing of the person who runs the tests is read or written."""
    path = f"{Path(node()).parent}{os.pathsep}{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "NODE_PATH": str(packages()), "LANG": "C.UTF-8", **more}


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
        line = await asyncio.wait_for(self.process.stdout.readline(), BOUND_SECONDS)
        return dict(json.loads(line))


def script(name: str, *arguments: str) -> Opener:
    """A client held by one of our scripts."""

    @asynccontextmanager
    async def opened(stage: Stage, bearer: str | None) -> AsyncIterator[Client]:
        key = {"STACK_API_KEY": bearer} if bearer else {}
        process = await asyncio.create_subprocess_exec(
            node(), str(SCRIPTS / name), stage.url, *arguments,
            stdin=PIPE, stdout=PIPE, limit=LINE_BYTES, env=environment(stage.folder, **key),
        )  # fmt: skip
        client = Lines(stage, process)
        try:
            assert await client.answer() == "ready"
            yield client
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), BOUND_SECONDS)

    return opened
