"""A web server on loopback: the client's redirect target, and the pages of somebody who means no good."""

import asyncio
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.browser.chromium import BOUND_SECONDS

CALLBACK = "/callback"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass
class Site:
    """Serves what `pages` holds by path, JavaScript where the path ends so, and an empty page for the rest."""

    address: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    pages: dict[str, str] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._arrival = asyncio.Condition()
        self._tasks: set[asyncio.Task[object]] = set()
        self._server = await asyncio.start_server(self._serve, self.address, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, path: str = CALLBACK, *, host: str = "") -> str:
        """An address of this site, under the name that is asked for."""
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'http' if self.tls is None else 'https'}://{host or shown}:{self.port}{path}"

    async def answer(self) -> dict[str, str]:
        """The parameters the browser brings to the callback; the first time it comes."""
        async with asyncio.timeout(BOUND_SECONDS), self._arrival:
            await self._arrival.wait_for(lambda: bool(self.answers))
        return self.answers[0]

    @property
    def answers(self) -> list[dict[str, str]]:
        """What the callback was called with, each time."""
        return [visit.query for visit in self.visits if visit.path == CALLBACK]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await self._note(head)
            first = head.split(" ")
            writer.write(self._answer(urlsplit(first[1]).path))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the browser hung up, or we are closing: this is the end of the task either way
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _note(self, head: str) -> None:
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        async with self._arrival:
            self.visits.append(Visit(method, target, headers))
            self._arrival.notify_all()

    def _answer(self, path: str) -> bytes:
        body = self.pages.get(path, "<!doctype html><link rel=icon href=data:,><title>A client</title>").encode()
        kind = b"text/javascript" if path.endswith(".js") else b"text/html; charset=utf-8"
        # Open to every page: what a test sees must not depend on what this site hides.
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n" % (kind, len(body))
        return head + b"Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n" + body
